"""A process that has imported everything once and forks: a new service starts in milliseconds instead of seconds.

Lines of JSON on standard input, an answer each: ``{"start": "module:function", "argv", "env", "out", "limit"}`` gives
``{"pid"}``; ``{"wait": pid}`` gives ``{"status"}``: null while it runs, the exit code, or minus the signal that
ended it.
What is forked is a process like any other: own memory, own files, own death. All of them die with this one.
"""

import asyncio
import ctypes
import gc
import importlib
import json
import os
import resource
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

PRELOADED = (
    "api.cli",
    "alembic.command",
    "uvicorn.protocols.http.httptools_impl",
    "tools.sandbox_server",
    "harness.mail",
)
DIE_WITH_PARENT = 1


def main() -> Callable[[], Any] | None:
    """Serve until standard input ends. Returns only in a child: the function that it is to be."""
    for name in PRELOADED:
        importlib.import_module(name)
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(asyncio.wait_for(warm_up(Path(folder)), 60))
    assert threading.active_count() == 1, "only a process of one thread may fork"
    gc.freeze()
    ended: dict[int, int] = {}
    print(json.dumps({"ready": os.getpid()}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        if "start" in asked:
            pid = os.fork()
            if pid == 0:
                return become(asked)
            print(json.dumps({"pid": pid}), flush=True)
        else:
            print(json.dumps({"status": status_of(asked["wait"], ended)}), flush=True)
    return None


async def warm_up(folder: Path) -> None:
    """Serve one case to its end, so that every table, vocabulary and lazy import is there before the first fork."""
    import httpx

    from api.serve import serve
    from harness.merchants import merchant
    from onboarding.settings import Settings

    settings = Settings(data_dir=folder, reviewers="warm@desk.example.com", sweep_seconds=0.1, rule_processes=0)
    url: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve(settings, "127.0.0.1", 0, lambda at, *_: url.set_result(at)))
    await asyncio.wait([serving, url], return_when="FIRST_COMPLETED")
    headers = {"Authorization": f"Bearer {(folder / 'admin-token').read_text()}"}
    async with httpx.AsyncClient(base_url=await url, headers=headers, timeout=30, trust_env=False) as client:
        place = (await client.post("/v1/cases", json=merchant("warm-up"))).headers["location"]
        while (status := (await client.get(place)).json()["status"]) != "active":
            if status == "in_review":
                await client.post(f"{place}/decision", json={"action": "approve"})
            await asyncio.sleep(0.05)
    os.kill(os.getpid(), signal.SIGTERM)
    await serving


def status_of(pid: int, ended: dict[int, int]) -> int | None:
    if pid not in ended:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            ended[pid] = os.waitstatus_to_exitcode(status)
    return ended.get(pid)


def become(asked: dict[str, Any]) -> Callable[[], Any]:
    """Turn this fork into what was asked for."""
    ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)
    os.setpgid(0, 0)
    out = os.open(asked["out"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (out, 1), (out, 2)):
        os.dup2(source, target)
    if asked.get("limit"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (asked["limit"], resource.RLIM_INFINITY))
    os.environ.clear()
    os.environ.update(asked["env"])
    sys.argv = [asked["start"], *asked["argv"]]
    module, _, name = asked["start"].partition(":")
    function: Callable[[], Any] = getattr(importlib.import_module(module), name)
    return function


if __name__ == "__main__":
    then = main()
    if then is not None:
        sys.exit(then())
