"""A real Prefect server of its own, on PostgreSQL, in a process that is killed and started again at will."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

from harness.world import free_port, wait_for

AUTH = "onboard:not-a-secret-here"


class PrefectServer:
    """``database``: a PostgreSQL URL; ``folder`` takes its home and its log."""

    def __init__(self, folder: Path, database: str) -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}/api"
        self.log = folder / "prefect-server.log"
        self._env = environment(folder) | {
            "PREFECT_API_DATABASE_CONNECTION_URL": database.replace("postgresql://", "postgresql+asyncpg://", 1),
            "PREFECT_SERVER_API_AUTH_STRING": AUTH,
            "PREFECT_SERVER_UI_ENABLED": "false",
            "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Return once it answers: about ten seconds, twenty the first time, when it makes its tables."""
        folder = self.folder
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "flows.server", "--host", "127.0.0.1", "--port", str(self.port)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, env=self._env, cwd=folder, stdout=log, stderr=log, start_new_session=True
            )
        wait_for(self._answers, 120, lambda: f"the Prefect server\n{self.log.read_text()[-2000:]}", pause=0.2)

    def kill(self) -> None:
        """SIGKILL to it and all it started."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)
            self._process = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def ask(self, method: str, path: str, **more: Any) -> Any:
        with httpx.Client(base_url=self.url, auth=tuple(AUTH.split(":")), timeout=30, trust_env=False) as client:
            answer = client.request(method, path, **more)
            answer.raise_for_status()
            return answer.json()

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log.read_text()[-3000:]
        try:
            return bool(self.ask("GET", "/ready") is not None)
        except httpx.HTTPError:
            return False


def environment(folder: Path) -> dict[str, str]:
    """What every process that imports Prefect gets: a home of its own, no analytics, nothing of the machine's."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return kept | {
        "PREFECT_HOME": str(folder / "home"),
        "PREFECT_PROFILES_PATH": str(folder / "home" / "profiles.toml"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PYTHONWARNINGS": "ignore",
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
    }
