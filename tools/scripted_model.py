"""An OpenAI-compatible endpoint played by us, over real HTTP: good and bad models, and endpoints in trouble.

``python -m tools.scripted_model --port P --script NAME [--log FILE]`` runs it alone and prints its base URL. Scripts
are the answers of ``tools/scripted_answers.py`` and the troubles of ``TROUBLES`` here; ``a,b`` plays a once, then b.
``GET /log`` gives every request with its time; ``PUT /script`` changes the script.
"""

import argparse
import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse

from tools.sandbox import Cut
from tools.sandbox_server import listen, server
from tools.scripted_answers import SCRIPTS, Answer, good

LONG: Final = 3600.0
Trouble = Callable[[dict[str, Any]], Awaitable[Response]]


def completion(text: str, request: dict[str, Any], finish: str = "stop") -> dict[str, Any]:
    """A chat completion with ``text``; tokens are counted as four characters each."""
    sent = sum(len(str(message.get("content", ""))) for message in request.get("messages", ()))
    usage = {"prompt_tokens": sent // 4, "completion_tokens": len(text) // 4, "total_tokens": (sent + len(text)) // 4}
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
    return {
        "id": "scripted",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": str(request.get("model", "scripted")),
        "choices": [choice],
        "usage": usage,
    }


def _status(status: int, **headers: str) -> Trouble:
    async def refuse(_: dict[str, Any]) -> Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return JSONResponse({"error": {"message": "scripted", "type": "scripted"}}, status, headers=named)

    return refuse


async def _truncated(request: dict[str, Any]) -> Response:
    text = good(request)
    return JSONResponse(completion(text[: len(text) // 2], request, finish="length"))


async def _endless(request: dict[str, Any]) -> Response:
    """Headers, and then blanks for ever: a byte now and then keeps every read timeout quiet."""

    async def drip() -> AsyncIterator[bytes]:
        yield b'{"id": "scripted", "choices": ['
        while True:
            await asyncio.sleep(0.05)
            yield b" "

    return StreamingResponse(drip(), media_type="application/json")


async def _flood(request: dict[str, Any]) -> Response:
    """As much text as the caller takes."""

    async def pour() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 262_144
            await asyncio.sleep(0)

    return StreamingResponse(pour(), media_type="application/json")


async def _verbose(request: dict[str, Any]) -> Response:
    return JSONResponse(completion("approve " * 60_000, request))


async def _hang(request: dict[str, Any]) -> Response:
    await asyncio.sleep(LONG)
    return Response(status_code=503)


async def _slow(request: dict[str, Any]) -> Response:
    await asyncio.sleep(0.3)
    return JSONResponse(completion(good(request), request))


async def _cut(request: dict[str, Any]) -> Response:
    return Cut()


async def _half(request: dict[str, Any]) -> Response:
    """Promises more bytes than come."""
    body = json.dumps(completion(good(request), request)).encode()

    async def part() -> AsyncIterator[bytes]:
        yield body[: len(body) // 2]
        raise ConnectionResetError

    return StreamingResponse(part(), media_type="application/json", headers={"content-length": str(len(body))})


async def _html(request: dict[str, Any]) -> Response:
    return PlainTextResponse("<html><body>Sign in to continue</body></html>", media_type="text/html")


async def _no_choices(request: dict[str, Any]) -> Response:
    return JSONResponse(completion("", request) | {"choices": None})


async def _redirect(request: dict[str, Any]) -> Response:
    return Response(status_code=307, headers={"location": "http://127.0.0.1:9/v1/chat/completions"})


async def _invented_tool(request: dict[str, Any]) -> Response:
    """Calls a tool that nobody offered instead of answering."""
    body = completion("", request, finish="tool_calls")
    call = {"id": "1", "type": "function", "function": {"name": "activate", "arguments": '{"merchant": "all"}'}}
    body["choices"][0]["message"] = {"role": "assistant", "content": None, "tool_calls": [call]}
    return JSONResponse(body)


TROUBLES: Final[dict[str, Trouble]] = {
    "429": _status(429),
    "429-soon": _status(429, retry_after="0"),
    "429-later": _status(429, retry_after="3600"),
    "500": _status(500),
    "503": _status(503),
    "401": _status(401),
    "400": _status(400),
    "truncated": _truncated,
    "endless": _endless,
    "flood": _flood,
    "verbose": _verbose,
    "hang": _hang,
    "slow": _slow,
    "cut": _cut,
    "half": _half,
    "html": _html,
    "no-choices": _no_choices,
    "redirect": _redirect,
    "invented-tool": _invented_tool,
}
NAMES: Final = tuple(sorted({*SCRIPTS, *TROUBLES}))


class Stage:
    """What is played, and everything that was asked. ``script`` is a name, names by comma, or an answer function."""

    def __init__(self, script: str | Answer, log: Path | None = None) -> None:
        self._lock = threading.Lock()
        self._file = log
        self.calls: list[dict[str, Any]] = []
        self.play(script)

    def play(self, script: str | Answer) -> None:
        """Change the script. Raises KeyError for a name that is none."""
        self._scripts: list[str | Answer] = list(script.split(",")) if isinstance(script, str) else [script]
        for name in self._scripts:
            if isinstance(name, str) and name not in NAMES:
                raise KeyError(name)

    def next(self) -> str | Answer:
        """What answers the next request; the last script plays on."""
        with self._lock:
            return self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]

    def asked(self, request: dict[str, Any], headers: dict[str, str]) -> None:
        """Note a request; the log file gets a line each."""
        call = {"at": time.time(), "request": request, "authorization": headers.get("authorization", "")}
        with self._lock:
            self.calls.append(call)
            if self._file is not None:
                with self._file.open("a", encoding="utf-8") as out:
                    out.write(json.dumps(call, ensure_ascii=False) + "\n")


def scripted(script: str | Answer = "good", log: Path | None = None) -> FastAPI:
    """The endpoint; its :class:`Stage` is at ``app.state.stage``."""
    app = FastAPI(title="Scripted model", docs_url=None, redoc_url=None)
    stage = app.state.stage = Stage(script, log)

    @app.post("/v1/chat/completions")
    async def chat(request: Request) -> Response:
        body: dict[str, Any] = json.loads(await request.body())
        stage.asked(body, dict(request.headers))
        playing = stage.next()
        if isinstance(playing, str) and playing in TROUBLES:
            return await TROUBLES[playing](body)
        answer = SCRIPTS[playing] if isinstance(playing, str) else playing
        return JSONResponse(completion(answer(body), body))

    @app.get("/log")
    async def shown() -> list[dict[str, Any]]:
        return stage.calls

    @app.put("/script")
    async def change(request: Request) -> dict[str, str]:
        stage.play((await request.body()).decode())
        return {"script": "changed"}

    return app


def main() -> None:
    """``--port P`` (0: a free one), ``--script NAME``, ``--log FILE``; prints the base URL, serves until stopped."""
    parser = argparse.ArgumentParser(prog="python -m tools.scripted_model", description="Plays a language model.")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--script", default="good", help=", ".join(NAMES))
    parser.add_argument("--log", type=Path, default=None, help="a line of JSON for every request")
    asked = parser.parse_args()
    try:
        app = scripted(asked.script, asked.log)
    except KeyError as error:
        parser.error(f"no such script: {error}")
    sock, url = listen(port=asked.port)
    print(f"{url}/v1", flush=True)
    asyncio.run(server(app).serve([sock]))


if __name__ == "__main__":
    main()
