"""Whose turn it is to call whom: the limits over all processes, where an operator set some."""

from contextlib import AsyncExitStack
from typing import Final, Literal

from onboarding.settings import BadSettings, Settings
from tools.limit import Limit, Turn, free
from tools.prefect_api import PrefectApi

Limited = Literal["svc1", "svc2", "model"]
LIMITED: Final[tuple[Limited, ...]] = ("svc1", "svc2", "model")


def prefect(settings: Settings, stack: AsyncExitStack) -> PrefectApi | None:
    """The server's client, where Prefect is the engine. Raises BadSettings for a limit that nobody would keep."""
    if settings.engine == "prefect":
        stack.push_async_callback((api := PrefectApi(settings.prefect_api_url, settings.prefect_auth)).aclose)
        return api
    for what in ("cases", *LIMITED):
        if getattr(settings, f"limit_{what}") is not None:
            raise BadSettings(f"ONBOARD_LIMIT_{what.upper()} takes ONBOARD_ENGINE=prefect, which keeps the count.")
    return None


def turn(settings: Settings, what: Limited, api: PrefectApi | None, stack: AsyncExitStack) -> Turn:
    """When ``what`` may be called: at once, where it has no limit."""
    if api is None or getattr(settings, f"limit_{what}") is None:
        return free
    longest = settings.model_timeout_seconds if what == "model" else settings.service_deadline_seconds
    stack.push_async_callback((limit := Limit(api, limit_name(what), longest)).aclose)
    return limit.turn


def limit_name(what: Limited) -> str:
    """What the limit is called at Prefect's server."""
    return f"onboard-{what}"
