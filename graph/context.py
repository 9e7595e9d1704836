"""What a run is given: everything real, built in ``graph/wiring.py``, frozen, passed on every call."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from langchain_core.tools import BaseTool

from agents.model import Model
from checkpoints.database import Database
from checkpoints.lookup import Lookup
from onboarding import tracing
from onboarding.model_call import ModelCall
from onboarding.policy import Policy
from onboarding.rules import HERE, Rules
from onboarding.screening import Watchlist
from onboarding.settings import Settings
from tools.website import Website


class Clock(Protocol):
    def __call__(self) -> datetime: ...


class Observer(Protocol):
    """Told of each step as it ends, after the audit trail was."""

    def step(self, name: str, seconds: float, outcome: str) -> None: ...


Heard = Callable[[ModelCall], None]


def ignore(_: ModelCall) -> None:
    """Nobody listens."""


@dataclass(frozen=True)
class Context:
    """``services`` maps tool names (``activate_svc1``, ``lookup_svc1``, ``cancel_svc1``, …) to LangChain tools."""

    settings: Settings
    db: Database
    lookup: Lookup
    policy: Policy
    watchlist: Watchlist
    services: Mapping[str, BaseTool]
    clock: Clock
    observer: Observer
    rules: Rules = HERE
    model: Model | None = None
    heard: Heard = ignore
    """Told of each call to the model, after the ledger was."""
    website: Website | None = None
    """Reads merchants' websites for the investigation; None unless the operator allows it."""

    async def tool(self, name: str, **arguments: Any) -> Any:
        """Call one tool. Arguments a model is never offered (callbacks) go straight to its function."""
        call = getattr(self.services[name], "coroutine")  # noqa: B009 - BaseTool does not declare it
        with tracing.span(f"tool {name}", tool=name):
            return await call(**arguments)
