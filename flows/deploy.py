"""``python -m flows.deploy``: everything a Prefect server must know of this product, made or brought up to date.

Safe to run again and again, and with workers running.
"""

import asyncio
import os

from flows.environment import prepare
from onboarding.settings import Settings


def main() -> None:
    """Deploy, and print what was deployed."""
    settings = Settings.from_environment(os.environ)
    prepare(settings)
    from flows.deployments import deploy  # imported here: what Prefect reads at its import is prepared only now

    for line in asyncio.run(deploy(settings)):
        print(line)


if __name__ == "__main__":
    main()
