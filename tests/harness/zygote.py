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
        asyncio.run(warm_up(Path(folder)))
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
    """Take one case to its review, so that every table and vocabulary is read before the first fork."""
    from api.app import create_app
    from api.metrics import Metrics
    from graph.service import Actor
    from graph.wiring import open_product, running
    from harness.merchants import merchant
    from onboarding.door import make_part
    from onboarding.settings import Settings

    async with open_product(Settings(data_dir=folder), self_url="http://127.0.0.1:1") as product, running(product):
        create_app(product, Metrics())
        part = make_part(merchant("warm-up"), "json")
        found, _ = await product.service.submit(Actor("zygote", "admin"), [[part]], key=None)
        while (await product.service.get(found[0].id)).status in ("received", "processing"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


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
