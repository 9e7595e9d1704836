"""What nobody is asked to parse or look for: a body larger than allowed, and an address that nothing can have."""

import asyncio
from typing import Final

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import problem

DISCARDED: Final = 8
PATIENCE: Final = 10.0


class TooLarge(HTTPException):
    """Raised into whoever is reading the body: an HTTP error, so that every reader lets it through."""

    def __init__(self, limit: int) -> None:
        super().__init__(413, f"The body is larger than {limit} bytes.", {"Connection": "close"})


class BodyLimit:
    """ASGI middleware: 413 by the declared length at once, and by the real length while it streams in.

    Under ``pages`` only by the real one: what a person typed comes before the file that is too large, and goes back.
    """

    def __init__(self, app: ASGIApp, limit: int, pages: tuple[str, ...] = ()) -> None:
        self.app = app
        self.limit = limit
        self.pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        declared = headers.get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > self.limit and not scope["path"].startswith(self.pages):
            if b"expect" not in headers:
                await _discard(receive, self.limit * DISCARDED)
            answer = problem(413, "too_large", f"The body is larger than {self.limit} bytes.")
            answer.headers["Connection"] = "close"
            await answer(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self.limit:
                await _discard(receive, self.limit * DISCARDED)
                raise TooLarge(self.limit)
            return message

        await self.app(scope, counted, send)


class Addressed:
    """ASGI middleware: a NUL in the path becomes a letter that stands in no address of ours.

    PostgreSQL takes it for an error to look for a NUL; so whoever is asked says in its own way that nothing is there.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and "\x00" in scope["path"]:
            scope = {**scope, "path": scope["path"].replace("\x00", "\ufffd")}
        await self.app(scope, receive, send)


async def _discard(receive: Receive, most: int) -> None:
    """Let the client finish sending, up to a point: many read no answer before they have."""
    seen, more = 0, True
    try:
        async with asyncio.timeout(PATIENCE):
            while more and seen < most:
                message = await receive()
                seen += len(message.get("body", b""))
                more = message["type"] == "http.request" and message.get("more_body", False)
    except TimeoutError:
        return
