"""A configured model: how it is reached, what it may cost, and where its answers are remembered."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from langchain_core.messages import BaseMessage

from agents.breaker import Breaker
from agents.prices import Prices
from onboarding.model_call import ModelCall, Reply, Spent


class Endpoint(Protocol):
    """Reaches a model. ``parameters``: ``temperature``, ``max_tokens`` and ``schema`` (``name`` and ``schema``).

    Raises ModelUnavailable (``retry_after`` in ``extra``, seconds or None) or ModelRefused, nothing else.
    """

    name: str

    async def complete(
        self, messages: Sequence[BaseMessage], *, parameters: dict[str, Any], seconds: float
    ) -> Reply: ...


class Memory(Protocol):
    """Remembers the calls of one case."""

    async def find(self, request_hash: str) -> ModelCall | None: ...
    async def keep(self, call: ModelCall) -> None: ...
    async def spent(self) -> Spent: ...


class Library(Protocol):
    """Recorded answers from elsewhere, by request hash; it may learn new ones."""

    def find(self, request_hash: str) -> Reply | None: ...
    def learn(self, call: ModelCall) -> None: ...


@dataclass(frozen=True)
class Limits:
    """Budgets of one case over all its steps and versions, and bounds of one call. Times in seconds."""

    calls: int = 40
    tokens: int = 200_000
    cost: Decimal = Decimal("1.00")
    seconds: float = 180.0
    attempt_seconds: float = 60.0
    attempts: int = 3
    first_wait: float = 0.5
    output_tokens: int = 6_000
    turns: int = 4
    source_chars: int = 40_000


@dataclass(frozen=True)
class Model:
    """A configured model, one a process. ``endpoint`` None: only recordings answer. ``gate`` bounds calls at once:
    a call is made inside it; entering may take long and raises ServiceUnavailable or ServiceRefused.

    ``library`` holds answers recorded elsewhere: they are used first, and noted on the case at the price they had.

    ``alone`` is for evaluation: the rules' reading and findings are left out, to see what the model finds by itself.
    """

    name: str
    endpoint: Endpoint | None
    prices: Prices
    limits: Limits = Limits()
    breaker: Breaker = field(default_factory=Breaker)
    gate: Callable[[], AbstractAsyncContextManager[None]] = nullcontext
    alone: bool = False
    library: Library | None = None
    recorded: bool = False
    """For replay: answers come from the case's own recordings, and one that is not there ends the replay."""
