"""The one HTTP client for SVC1 and SVC2: the contract's wire, patient, and never guessing an outcome.

A request whose outcome is unknown (time-out, cut connection, 5xx, an answer that makes no sense) is asked about by its
key before it is repeated by the same key, so a service that honours keys sees one effect.
"""

import asyncio
import json
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache
from typing import Any, Final, Self, TypeVar
from urllib.parse import quote

import httpx

from onboarding import tracing
from onboarding.errors import BadInput, ServiceRefused, ServiceUnavailable
from onboarding.model import Value
from tools.answers import Answer, reason, reference_of, status_of
from tools.limit import Turn, free
from tools.patience import Again, Budget, Patience, nothing_known, persist, retry_after
from tools.wire import Broken, NotSent, TooLarge, Wire

OnAttempt = Callable[[int, str], Awaitable[None]]
"""``(attempt, outcome)``: ``started`` before each request, then what came of it; for the caller's ledger."""

MAX_ANSWER: Final = 64 * 1024
KEY: Final = re.compile(r"[\x21-\x7e]{1,200}")
DEAD: Final = frozenset({"cancelled", "canceled"})
BY_KEY: Final = 0
T = TypeVar("T")


class Activated(Value):
    """The service's ``reference``. ``attempts`` counts activation requests of this call;
    ``replayed``: the work was done by an earlier request (found by key, or 200 instead of 201 on a repetition)."""

    reference: str
    attempts: int
    replayed: bool


class Found(Value):
    """What the service knows by a key; ``status`` in its own words (``active``, ``cancelled``, ...)."""

    reference: str
    status: str


class Activation:
    """A pooled client of one service (``name`` such as ``svc1``) at ``base_url``; close it with :meth:`aclose`.

    Each request waits for its ``turn``, which counts towards the deadline.
    """

    def __init__(self, name: str, base_url: str, patience: Patience | None = None, turn: Turn = free) -> None:
        url = httpx.URL(base_url)
        if url.scheme not in ("http", "https") or not url.host:
            raise BadInput(f"The URL of {name} must be http:// or https:// with a host.")
        self.name = name
        self.patience = patience or Patience()
        self._turn = turn
        self._wire = Wire(base_url, connect=self.patience.connect, read=self.patience.read, most=MAX_ANSWER, tls=_tls())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._wire.aclose()

    async def activate(
        self, key: str, body: dict[str, Any], *, on_attempt: OnAttempt | None = None, ask_first: bool = False
    ) -> Activated:
        """Activate under ``key``, at most one effect. ``ask_first``: an earlier run may have asked (after a crash).

        Raises :class:`ServiceRefused` (final) or :class:`ServiceUnavailable` (deadline over, outcome unknown).
        """
        if not KEY.fullmatch(key):
            raise BadInput("An activation's key must be 1 to 200 visible ASCII characters.")
        content = _encode(body)
        headers = {"Idempotency-Key": key, "Content-Type": "application/json"}

        async def once(budget: Budget) -> tuple[Found, int]:
            answer = await self._send("POST", "/activations", budget, headers=headers, content=content)
            if answer.status not in (200, 201):
                raise self._final(answer)
            reference = reference_of(answer.document)
            if reference is None:
                raise Again("answer makes no sense", unknown=True)
            return Found(reference=reference, status=status_of(answer.document) or "active"), answer.status

        async def known(budget: Budget) -> tuple[Found, int] | None:
            found = await self._find(key, budget)
            return (found, BY_KEY) if found else None

        (found, how), attempts = await self._chain(once, known, on_attempt, ask_first)
        if found.status.lower() in DEAD:
            raise self._refused(410, "the activation under this key was cancelled")
        replayed = how == BY_KEY or (how == 200 and (ask_first or attempts > 1))
        return Activated(reference=found.reference, attempts=attempts, replayed=replayed)

    async def lookup(self, key: str) -> Found | None:
        """What the service knows by ``key``, None for nothing. Raises like :meth:`activate`."""
        found, _ = await self._chain(lambda budget: self._find(key, budget))
        return found

    async def cancel(self, reference: str, *, on_attempt: OnAttempt | None = None) -> None:
        """Undo an activation; repeatable. Raises like :meth:`activate`."""

        async def once(budget: Budget) -> None:
            answer = await self._send("POST", f"/activations/{quote(reference, safe='')}/cancel", budget)
            if answer.status not in (200, 204):
                raise self._final(answer)

        await self._chain(once, on_attempt=on_attempt)

    async def _chain(
        self,
        once: Callable[[Budget], Awaitable[T]],
        known: Callable[[Budget], Awaitable[T | None]] = nothing_known,
        on_attempt: OnAttempt | None = None,
        doubt: bool = False,
    ) -> tuple[T, int]:
        async def tell(attempt: int, outcome: str) -> None:
            if on_attempt:
                await on_attempt(attempt, outcome)

        try:
            return await persist(once, self.patience, known=known, tell=tell, doubt=doubt)
        except Again as last:
            raise ServiceUnavailable(
                f"{self.name} did not give a usable answer in time ({last.outcome}).",
                service=self.name,
                outcome=last.outcome,
                retry_after=last.asked,
            ) from None

    async def _find(self, key: str, budget: Budget) -> Found | None:
        answer = await self._send("GET", f"/activations/by-key/{quote(key, safe='')}", budget)
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise self._final(answer)
        reference, status = reference_of(answer.document), status_of(answer.document)
        if reference is None or status is None:
            raise Again("answer makes no sense", unknown=False)
        return Found(reference=reference, status=status)

    async def _send(
        self, method: str, path: str, budget: Budget, headers: dict[str, str] | None = None, content: bytes = b""
    ) -> Answer:
        """One request. Raises :class:`Again` for whatever may be repeated; anything else is an answer."""
        with tracing.span(
            f"{method} {self.name}", kind="client", service=self.name, http__request__method=method
        ) as span:
            async with self._in_turn(budget):
                answer = await self._sent(method, path, budget, {**(headers or {}), **tracing.headers()}, content)
            span.note(http__response__status_code=answer.status)
            return answer

    @asynccontextmanager
    async def _in_turn(self, budget: Budget) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(budget.left()):
                    await stack.enter_async_context(self._turn())
            except (TimeoutError, ServiceUnavailable, ServiceRefused) as error:
                why = "no turn in time" if isinstance(error, TimeoutError) else error.detail
                raise Again(f"not sent: {why}", unknown=False) from None
            yield

    async def _sent(self, method: str, path: str, budget: Budget, headers: dict[str, str], content: bytes) -> Answer:
        try:
            async with asyncio.timeout(min(budget.left(), self.patience.attempt)):
                reply = await self._wire.request(method, path, headers, content)
        except NotSent as error:
            raise Again(f"not sent: {error}", unknown=False) from None
        except TimeoutError:
            raise Again("timed out", unknown=True) from None
        except TooLarge:
            raise Again("answer too large", unknown=True) from None
        except Broken as error:
            raise Again(f"cut: {error}", unknown=True) from None
        status = reply.status
        if status in (408, 429) or status >= 500:
            asked = retry_after(reply.headers.get("retry-after"))
            raise Again(f"status {status}", unknown=status != 429, asked=asked)
        if not (200 <= status < 300 or status >= 400):
            raise Again(f"status {status}", unknown=True)
        return Answer.of(status, bytes(reply.body))

    def _final(self, answer: Answer) -> Exception:
        """A 4xx is final; a 2xx of another meaning than agreed is not an answer."""
        if answer.status < 400:
            return Again(f"status {answer.status}", unknown=True)
        return self._refused(answer.status, reason(answer.document))

    def _refused(self, status: int, why: str | None) -> ServiceRefused:
        detail = f"{self.name} refused with status {status}" + (f": {why}" if why else ".")
        return ServiceRefused(detail, service=self.name, status=status, reason=why)


@cache
def _tls() -> ssl.SSLContext:
    """Reading the certificate store takes longer than a whole activation: once a process."""
    return httpx.create_ssl_context(trust_env=False)


def _encode(body: dict[str, Any]) -> bytes:
    try:
        return json.dumps(body, allow_nan=False).encode("ascii")
    except (ValueError, TypeError) as error:
        raise BadInput("The activation's body is no plain JSON.") from error
