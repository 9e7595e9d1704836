"""SVC1 and SVC2 played by us, for real, over HTTP: the demo, the tests and a first installation use it.

``python -m tools.sandbox --port 0 --db FILE`` runs it alone and prints its URL and both services'; the product's own
service mounts it at ``/sandbox``. Both speak the contract's wire, under ``/svc1`` and ``/svc2``. Beside it:
``GET /log`` (every call and every effect), ``GET``, ``POST``, ``DELETE /faults`` (see :class:`Fault`). For a demo a
fault can also be asked for by a magic word in a merchant's legal name, trading name or external reference, such as
``[svc2:fail]`` (see :func:`magic`).
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import Body, FastAPI, Header
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from tools.sandbox_faults import WORKS_FIRST, Fault, magic, texts
from tools.sandbox_store import Store

Service = Literal["svc1", "svc2"]
Key = Annotated[str, Header(alias="Idempotency-Key", min_length=1, max_length=500)]


class Cut(Response):
    """Cuts the TCP connection instead of answering.

    uvicorn's ``receive`` belongs to the object that holds the transport: aborting it is a reset without an answer.
    Behind a middleware that hides it, a promised body that never comes makes the server close the connection.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        transport = getattr(getattr(receive, "__self__", None), "transport", None)
        if transport is not None:
            transport.abort()
            await asyncio.sleep(0.01)  # the server notices the loss before we return without an answer
            return
        headers = [(b"content-type", b"application/json"), (b"content-length", b"4096")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"refer', "more_body": True})


def sandbox(path: Path | None = None) -> FastAPI:
    """Both services in one application, remembering in the SQLite file ``path`` (None: in memory)."""
    app = FastAPI(title="SVC1 and SVC2 sandbox", docs_url=None, redoc_url=None)
    store = app.state.store = Store(path)

    @app.post("/{service}/activations")
    async def activate(service: Service, key: Key, body: Annotated[dict[str, Any], Body()]) -> Response:
        fault = store.take(service, "activate", [key, *texts(body)]) or magic(
            service, body, store.calls_of(service, body)
        )
        store.called(service, "activate", fault, key=key, body=body)

        def work() -> Response:
            found, new = store.activate(service, key, body)
            return JSONResponse(found, 201 if new else 200)

        return await _show(fault, work)

    @app.get("/{service}/activations/by-key/{key:path}")
    async def lookup(service: Service, key: str) -> Response:
        fault = store.take(service, "lookup", [key])
        store.called(service, "lookup", fault, key=key)
        return await _show(fault, lambda: _known(store.by_key(service, key)))

    @app.post("/{service}/activations/{reference}/cancel")
    async def cancel(service: Service, reference: str) -> Response:
        fault = store.take(service, "cancel", [reference])
        store.called(service, "cancel", fault, reference=reference)
        return await _show(fault, lambda: _known(store.cancel(service, reference)))

    @app.get("/log")
    async def log() -> dict[str, Any]:
        return store.log()

    @app.get("/faults")
    async def faults() -> list[dict[str, Any]]:
        return store.faults()

    @app.post("/faults", status_code=201)
    async def add_fault(fault: Fault) -> Fault:
        store.add(fault)
        return fault

    @app.delete("/faults", status_code=204)
    async def clear_faults() -> None:
        store.clear()

    return app


def _known(found: dict[str, Any] | None) -> Response:
    return JSONResponse(found or {"detail": "not known"}, 200 if found else 404)


async def _show(fault: Fault | None, work: Callable[[], Response]) -> Response:
    """Answer as the fault wants it; without one, do the work and answer."""
    if fault is None:
        return work()
    if fault.kind == "slow":
        await asyncio.sleep(fault.seconds)
        return work()
    if fault.kind in WORKS_FIRST:
        work()
    if fault.kind in ("hang", "late"):
        await asyncio.sleep(fault.seconds)
    if fault.kind == "status":
        headers = {"Retry-After": fault.retry_after} if fault.retry_after else None
        return JSONResponse({"detail": "the sandbox was asked to fail"}, fault.status, headers)
    if fault.kind == "garbage":
        return Response(b'{"reference": ["<html>', 200, media_type="application/json")
    if fault.kind == "endless":
        return StreamingResponse(_endless(), 200, media_type="application/json")
    if fault.kind == "redirect":
        return Response(status_code=307, headers={"Location": "/log"})
    return Cut()


async def _endless() -> AsyncIterator[bytes]:
    while True:
        yield b" " * 65536
        await asyncio.sleep(0)


if __name__ == "__main__":
    from tools.sandbox_server import main

    main()
