"""Child processes by way of the zygote: started in milliseconds, killed for real, their end told exactly."""

import atexit
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parents[1]


class Zygote:
    """The parent of all that a session starts."""

    def __init__(self) -> None:
        path = os.pathsep.join([str(TESTS), str(TESTS.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("zygote.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": path, "LANGGRAPH_STRICT_MSGPACK": "true", "LANGSMITH_TRACING": "false"},
        )
        self._answer()
        atexit.register(self.close)

    def ask(self, **question: Any) -> Any:
        with self._lock:
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
            return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the zygote is gone; its error is above")
        return json.loads(line)

    def close(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(10)


@cache
def _zygote() -> Zygote | RuntimeError:
    try:
        return Zygote()
    except RuntimeError as error:
        return error


def zygote() -> Zygote:
    """One a session, made at the first use. Raises RuntimeError, without trying again, when it did not come up."""
    found = _zygote()
    if isinstance(found, RuntimeError):
        raise found
    return found


class Child:
    """One process. ``out`` is the file that takes what it prints and logs."""

    def __init__(
        self, start: str, argv: Sequence[str], env: Mapping[str, str], out: Path, limit: int | None = None
    ) -> None:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        self.out = out
        self.pid: int = zygote().ask(start=start, argv=list(argv), env=kept | dict(env), out=str(out), limit=limit)[
            "pid"
        ]

    @property
    def status(self) -> int | None:
        """Exit code, minus the signal, or None while it runs."""
        found: int | None = zygote().ask(wait=self.pid)["status"]
        return found

    def wait(self, seconds: float) -> int:
        """Its end. Raises TimeoutError with its last words."""
        ends = time.monotonic() + seconds
        while (status := self.status) is None:
            if time.monotonic() > ends:
                raise TimeoutError(f"process {self.pid} still runs\n{self.said()[-3000:]}")
            time.sleep(0.005)
        return status

    def signal(self, number: signal.Signals) -> None:
        if self.status is None:
            os.kill(self.pid, number)

    def kill(self) -> int:
        """SIGKILL, now."""
        self.signal(signal.SIGKILL)
        return self.wait(10)

    def limit_files(self, size: int) -> None:
        """No file of this process may grow beyond ``size`` bytes from now on: its disk is full."""
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def said(self) -> str:
        return self.out.read_text(errors="replace") if self.out.exists() else ""
