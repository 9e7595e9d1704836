"""The story of a case: its audit trail, at once or as a live stream, and its checkpoints."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import JsonValue

from api.auth import Reader, Served
from api.problems import responses
from checkpoints.transaction import moved
from graph.service import closed
from graph.wiring import Product
from onboarding import errors
from onboarding.case import MOVING
from onboarding.model import Value

router = APIRouter(prefix="/v1/cases/{case_id}", tags=["trail"])
STREAM: Final = "text/event-stream"
HEARTBEAT: Final = 10.0
STREAMED: Final[dict[int | str, dict[str, Any]]] = {200: {"content": {STREAM: {"schema": {"type": "string"}}}}}


class Event(Value):
    """``seq`` counts from 1 in the case; ``hash`` covers this event and, through it, all before."""

    seq: int
    at: str
    actor: str
    type: str
    data: dict[str, JsonValue]
    hash: str


class Events(Value):
    items: list[Event]


class Checkpoint(Value):
    """One checkpoint: its id, which step wrote it, what runs next, and what it changed."""

    id: str
    parent_id: str | None
    step: int
    at: str
    next: list[str]
    changed: list[str]


class Checkpoints(Value):
    items: list[Checkpoint]


class Watchers:
    """Wakes whoever follows a case, from the commit that touched it."""

    def __init__(self, product: Product) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[str, set[asyncio.Event]] = {}
        product.context.db.watch(self._committed)

    def _committed(self, touched: set[str]) -> None:
        if not self._waiting:
            return
        self._loop.call_soon_threadsafe(self._wake, touched)

    def _wake(self, touched: set[str]) -> None:
        for what in touched & self._waiting.keys():
            for event in self._waiting[what]:
                event.set()

    @contextmanager
    def following(self, what: str) -> Iterator[asyncio.Event]:
        """An event that every later commit on the case, or ``moved(case)``, sets.

        Clear it, then look, then wait: nothing is missed.
        """
        event = asyncio.Event()
        self._waiting.setdefault(what, set()).add(event)
        try:
            yield event
        finally:
            followers = self._waiting[what]
            followers.discard(event)
            if not followers:
                del self._waiting[what]

    async def rested(self, product: Product, case_id: str, seconds: float, client: str | None = None) -> None:
        """Return once the case no longer moves by itself, or after ``seconds``. Raises CaseNotFound."""
        ends = self._loop.time() + seconds
        with self.following(moved(case_id)) as changed:
            while await product.service.status(case_id, client) in MOVING and (left := ends - self._loop.time()) > 0:
                await _set_within(changed, min(1.0, left))
                changed.clear()


async def _set_within(event: asyncio.Event, seconds: float) -> None:
    """Wait for the event, but not longer."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return


@router.get(
    "/events",
    response_model=Events,
    responses=STREAMED | responses(errors.CaseNotFound),
)
async def events(
    case_id: str, request: Request, product: Served, actor: Reader, after: Annotated[int, Query(ge=0, le=2**31)] = 0
) -> Response:
    """The audit trail, in order. With ``Accept: text/event-stream`` a live stream that ends when the case closes."""
    items = await product.service.events(case_id, after, actor.client)
    if STREAM in request.headers.get("accept", ""):
        last = request.headers.get("last-event-id", "")
        start = int(last) if last.isascii() and last.isdecimal() and len(last) < 10 else after
        return StreamingResponse(_follow(product, request.app.state.watchers, case_id, start), media_type=STREAM)
    return Response(orjson.dumps({"items": items}), media_type="application/json")


async def _follow(product: Product, watchers: Watchers, case_id: str, after: int) -> AsyncIterator[bytes]:
    with watchers.following(case_id) as changed:
        while True:
            changed.clear()
            case = await product.service.get(case_id)
            items = await product.service.events(case_id, after)
            for item in items:
                after = item["seq"]
                yield b"id: %d\nevent: %s\ndata: %s\n\n" % (after, item["type"].encode(), orjson.dumps(item))
            if closed(case) and not items:
                return
            if not items:
                yield b": still here\n\n"
                await _set_within(changed, HEARTBEAT)


@router.get("/checkpoints", response_model=Checkpoints, responses=responses(errors.CaseNotFound))
async def checkpoints(case_id: str, product: Served, actor: Reader) -> Response:
    """The case's checkpoints, newest first."""
    await product.service.status(case_id, actor.client)
    return Response(orjson.dumps({"items": await history(product, case_id)}), media_type="application/json")


async def history(product: Product, case_id: str) -> list[dict[str, Any]]:
    """Checkpoints of the case, newest first, without the state itself."""
    found = []
    async for snapshot in product.runner.graph.aget_state_history({"configurable": {"thread_id": case_id}}):
        metadata: dict[str, Any] = dict(snapshot.metadata or {})
        parent = (snapshot.parent_config or {}).get("configurable", {}).get("checkpoint_id")
        changed = sorted({task.name for task in snapshot.tasks})
        found.append(
            {
                "id": snapshot.config["configurable"]["checkpoint_id"],
                "parent_id": parent,
                "step": metadata.get("step", -1),
                "at": snapshot.created_at or "",
                "next": list(snapshot.next),
                "changed": changed,
            }
        )
    return found
