"""Asking a model: budgets, retries, a breaker, recordings; and at the end an answer of the right shape, or ModelGaveUp.

Nothing here trusts what comes back. Who calls catches :class:`ModelGaveUp` and goes on by rules.
"""

import asyncio
import hashlib
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from decimal import Decimal
from typing import Any, Final, TypeVar

import orjson
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from agents.answers import Answer, Malformed, parse, schema_of
from agents.model import Memory, Model
from agents.prompt import Prompt
from onboarding import tracing
from onboarding.errors import RecordingMissing, ServiceRefused, ServiceUnavailable
from onboarding.model_call import CallOutcome, ModelCall, ModelGaveUp, ModelRefused, ModelUnavailable, Reply, Spent

A = TypeVar("A", bound=Answer)
REPAIR: Final = (
    "Your answer could not be used: {problem}. Answer once more, with one JSON object of the demanded shape "
    "and nothing before or after it."
)
ECHOED: Final = 8_000
"""Characters of a bad answer that are shown to the model again."""


async def begin(model: Model, step: str, memory: Memory) -> "Talk":
    """Begin to ask on behalf of one case in one step."""
    return Talk(model, step, memory, await memory.spent())


class Talk:
    """All calls of one step on one case."""

    def __init__(self, model: Model, step: str, memory: Memory, spent: Spent) -> None:
        self.model = model
        self.step = step
        self._memory = memory
        self._calls = spent.calls
        self._tokens = spent.input_tokens + spent.output_tokens
        self._cost = Decimal(spent.cost)
        self._ends = time.monotonic() + max(0.0, model.limits.seconds - spent.seconds)
        self._sequence = 0

    async def ask(self, prompt: Prompt, messages: Sequence[BaseMessage], shape: type[A]) -> tuple[A, Reply]:
        """One answer of ``shape`` to ``prompt`` and ``messages``; a bad answer is asked for once more.

        Returns the answer and the reply it was read from. Raises ModelGaveUp.
        """
        said: list[BaseMessage] = [SystemMessage(prompt.text), *messages]
        answer, problem, reply = await self._call(prompt, said, shape)
        if answer is None:
            said += [AIMessage((reply.text or "(nothing)")[:ECHOED]), HumanMessage(REPAIR.format(problem=problem))]
            answer, problem, reply = await self._call(prompt, said, shape)
        if answer is None:
            raise ModelGaveUp(f"no usable answer, asked twice: {problem}")
        return answer, reply

    async def _call(
        self, prompt: Prompt, messages: Sequence[BaseMessage], shape: type[A]
    ) -> tuple[A | None, str | None, Reply]:
        asked = {**self._parameters(), "schema": {"name": prompt.id, "schema": schema_of(shape)}}
        request = request_hash(self.model.name, messages, asked)
        known = await self._memory.find(request)
        if known is not None and known.reply is not None:
            return (*_read(known.reply, shape), known.reply)
        call = self._called(prompt, request, asked)
        if self.model.recorded:
            raise ModelGaveUp(known.detail) if known else RecordingMissing(f"the model's answer in step {self.step}")
        try:
            reply, seconds = await self._answer(call, messages, asked)
        except ModelGaveUp as reason:
            await self._memory.keep(call.model_copy(update={"outcome": "gave_up", "detail": reason.detail}))
            raise
        answer, problem = _read(reply, shape)
        call = await self._keep(call, seconds, "malformed" if answer is None else "answered", reply, problem)
        if self.model.library is not None:
            self.model.library.learn(call)
        return answer, problem, reply

    async def _answer(
        self, call: ModelCall, messages: Sequence[BaseMessage], asked: dict[str, Any]
    ) -> tuple[Reply, float]:
        """The answer and how long it took: from the library, else from the endpoint."""
        library, endpoint = self.model.library, self.model.endpoint
        recorded = library.find(call.request_hash) if library else None
        if recorded is not None:
            return recorded, 0.0
        if endpoint is None:
            raise ModelGaveUp("no recording of this request, and no endpoint to ask")
        size = sum(len(str(message.content)) for message in messages)
        return await self._persist(call, size, lambda left: endpoint.complete(messages, parameters=asked, seconds=left))

    def _called(self, prompt: Prompt, request: str, asked: dict[str, Any]) -> ModelCall:
        return ModelCall(
            step=self.step,
            sequence=0,
            request_hash=request,
            prompt_id=prompt.id,
            prompt_version=prompt.version,
            prompt_hash=prompt.digest,
            model=self.model.name,
            parameters={key: value for key, value in asked.items() if key in ("temperature", "max_tokens")},
            outcome="answered",
        )

    def _parameters(self) -> dict[str, Any]:
        fixed: dict[str, Any] = {"max_tokens": self.model.limits.output_tokens}
        return fixed | ({"temperature": 0} if self.model.prices.of(self.model.name).temperature else {})

    async def _persist(
        self, call: ModelCall, size: int, once: Callable[[float], Awaitable[Reply]]
    ) -> tuple[Reply, float]:
        """Repeat ``once`` while it makes sense and the budget lasts; every try that failed is recorded."""
        limits, wait = self.model.limits, 0.0
        for attempt in range(1, limits.attempts + 1):
            self._afford(size)
            started = time.monotonic()
            failure, asked = "", None
            try:
                return await self._once(once), time.monotonic() - started
            except ModelRefused as error:
                await self._keep(call, time.monotonic() - started, "refused", None, error.detail)
                raise ModelGaveUp(f"refused: {error.detail}") from error
            except ModelUnavailable as error:
                failure, asked = error.detail, error.extra.get("retry_after")
                await self._keep(call, time.monotonic() - started, "unavailable", None, failure)
            except TimeoutError:
                failure = "no answer in time"
                await self._keep(call, time.monotonic() - started, "timed_out", None, failure)
            step = limits.first_wait * 2 ** (attempt - 1)
            wait = max(random.uniform(step / 2, step), (asked or 0.0) * random.uniform(1.0, 1.1))  # noqa: S311 - spreads load
            if attempt == limits.attempts or wait >= self._left():
                raise ModelGaveUp(f"{failure}, {attempt} tries")
            await asyncio.sleep(wait)
        raise AssertionError("unreachable")

    async def _once(self, once: Callable[[float], Awaitable[Reply]]) -> Reply:
        breaker = self.model.breaker
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(self._left()):
                    await stack.enter_async_context(self.model.gate())
            except TimeoutError:
                raise ModelGaveUp("too many calls at once, no turn in time") from None
            except (ServiceUnavailable, ServiceRefused) as error:
                raise ModelGaveUp(f"no turn: {error.detail}") from None
            if not breaker.enter():
                raise ModelGaveUp("the endpoint failed again and again and is left alone for a while")
            return await self._guarded(once)

    async def _guarded(self, once: Callable[[float], Awaitable[Reply]]) -> Reply:
        """One call in bounded time, and the breaker is told how it went."""
        breaker, seconds = self.model.breaker, min(self.model.limits.attempt_seconds, self._left())
        try:
            with tracing.span(f"chat {self.model.name}", kind="client", gen_ai__request__model=self.model.name) as span:
                async with asyncio.timeout(seconds):
                    reply = await once(seconds)
                used = {"input_tokens": reply.input_tokens, "output_tokens": reply.output_tokens}
                span.note(**{f"gen_ai__usage__{name}": count for name, count in used.items()})
        except (ModelUnavailable, TimeoutError):
            breaker.failed()
            raise
        except ModelRefused:
            breaker.succeeded()
            raise
        except BaseException:
            breaker.abandoned()
            raise
        breaker.succeeded()
        return reply

    def _left(self) -> float:
        return max(0.0, self._ends - time.monotonic())

    def _afford(self, size: int) -> None:
        """Raises ModelGaveUp naming the budget that is spent. ``size``: characters to be sent, four to a token."""
        limits = self.model.limits
        if self._calls >= limits.calls:
            raise ModelGaveUp(f"budget spent: {limits.calls} calls")
        if self._tokens + size // 4 > limits.tokens:
            raise ModelGaveUp(f"budget spent: {limits.tokens} tokens")
        price = self.model.prices.of(self.model.name)
        if self._cost + price.cost(size // 4, 0) > limits.cost:
            raise ModelGaveUp(f"budget spent: {limits.cost} {self.model.prices.currency}")
        if self._left() <= 0:
            raise ModelGaveUp(f"budget spent: {limits.seconds:g} seconds")

    async def _keep(
        self, call: ModelCall, seconds: float, outcome: CallOutcome, reply: Reply | None, detail: str | None
    ) -> ModelCall:
        self._sequence += 1
        self._calls += 1
        used = (reply.input_tokens, reply.output_tokens) if reply else (0, 0)
        cost = self.model.prices.of(self.model.name).cost(*used)
        self._tokens += sum(used)
        self._cost += cost
        kept = call.model_copy(
            update={
                "sequence": self._sequence,
                "reply": reply,
                "input_tokens": used[0],
                "output_tokens": used[1],
                "cost": format(cost, "f"),
                "latency_ms": round(seconds * 1000),
                "outcome": outcome,
                "detail": detail,
            }
        )
        await self._memory.keep(kept)
        return kept


def _read(reply: Reply, shape: type[A]) -> tuple[A | None, str | None]:
    """The answer, or what is wrong with it."""
    try:
        if reply.finish == "length":
            raise Malformed("cut off at the token limit")
        return parse(reply.text, shape), None
    except Malformed as problem:
        return None, str(problem)


def request_hash(model: str, messages: Sequence[BaseMessage], parameters: dict[str, Any]) -> str:
    """SHA-256 over everything that is sent: model, parameters with the schema, and messages. Hex."""
    said = [{"role": message.type, "content": message.content} for message in messages]
    document = {"model": model, "parameters": parameters, "messages": said}
    return hashlib.sha256(orjson.dumps(document, option=orjson.OPT_SORT_KEYS)).hexdigest()
