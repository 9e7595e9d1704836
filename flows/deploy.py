"""``python -m flows.deploy``: everything a Prefect server must know of this product, made or brought up to date.

Safe to run again and again, and with workers running.
"""

import asyncio
import os
import sys

import httpx

from flows.environment import prepare
from onboarding.settings import BadSettings, Settings


def main() -> None:
    """Deploy, and print what was deployed; what stands in the way is one line and exit code 1."""
    try:
        _deploy(Settings.from_environment(os.environ))
    except BadSettings as error:
        sys.exit(f"error: {error}")


def _deploy(settings: Settings) -> None:
    prepare(settings)
    from flows.deployments import deploy  # imported here: what Prefect reads at its import is prepared only now

    try:
        lines = asyncio.run(deploy(settings))
    except httpx.TransportError as error:
        away = f"no Prefect server answers at {settings.prefect_api_url} ({type(error).__name__})"
        sys.exit(f"error: {away}; `python -m flows.server` starts one, ONBOARD_PREFECT_API_URL says where it is")
    for line in lines:
        print(line)


if __name__ == "__main__":
    main()
