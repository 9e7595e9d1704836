"""A real Prefect server of its own, on PostgreSQL, in a process that is killed and started again at will."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

from harness.world import free_port, wait_for

AUTH = "onboard:only-in-this-test"
FINAL = {"COMPLETED", "FAILED", "CANCELLED", "CRASHED"}
ROOT = Path(__file__).resolve().parents[2]


class PrefectServer:
    """``database``: a PostgreSQL URL; ``folder`` takes its home and its log."""

    def __init__(self, folder: Path, database: str) -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}/api"
        self._log = folder / "server.log"
        self.env = environment(folder) | {
            "PREFECT_API_DATABASE_CONNECTION_URL": database.replace("postgresql://", "postgresql+asyncpg://", 1),
            "PREFECT_SERVER_UI_ENABLED": "false",
            "PREFECT_SERVER_LOGGING_LEVEL": "ERROR",
            "ONBOARD_PREFECT_API_URL": self.url,
            "ONBOARD_PREFECT_AUTH": AUTH,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Return once it answers: about ten seconds, twenty the first time, when it makes its tables."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._process = self._run("flows.server", "--host", "127.0.0.1", "--port", str(self.port))
        wait_for(self._answers, 150, lambda: f"the Prefect server\n{self._log.read_text()[-2000:]}", pause=0.2)

    def deploy(self, **settings: object) -> None:
        """Tell it of our flows, as an operator does."""
        self.env |= {f"ONBOARD_{name.upper()}": str(value) for name, value in settings.items()}
        assert self._run("flows.deploy").wait(120) == 0, self._log.read_text()[-2000:]

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)
            self._process = None

    def ask(self, method: str, path: str, **more: Any) -> Any:
        """One call of its API."""
        user, _, password = AUTH.partition(":")
        with httpx.Client(base_url=self.url, auth=(user, password), timeout=30, trust_env=False) as client:
            answer = client.request(method, path, **more)
            answer.raise_for_status()
            return answer.json()

    def runs(self, case_id: str) -> list[dict[str, Any]]:
        """The flow runs of one case, oldest first."""
        return self.found({"name": {"like_": case_id}})

    def found(self, runs: dict[str, Any]) -> list[dict[str, Any]]:
        """The flow runs of this filter, oldest first."""
        body = {"flow_runs": runs, "limit": 200}
        found: list[dict[str, Any]] = self.ask("POST", "/flow_runs/filter", json=body)
        return sorted(found, key=lambda run: str(run["created"]))

    def ended(self, case_id: str) -> set[str]:
        """The types of state that the flow runs of one case come to, once none of them is in progress."""

        def types() -> set[str]:
            found = {str(run["state_type"]) for run in self.runs(case_id)}
            return found if found and found <= FINAL else set()

        result: set[str] = wait_for(types, 60, lambda: f"{[run['state'] for run in self.runs(case_id)]}", pause=0.5)
        return result

    def _run(self, module: str, *arguments: str) -> "subprocess.Popen[bytes]":
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                env=self.env,
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()[-3000:]
        try:
            return self.ask("GET", "/ready") is not None
        except httpx.HTTPError:
            return False


def environment(folder: Path) -> dict[str, str]:
    """What every process that imports Prefect gets: a home of its own, and nothing of the machine's."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    home = {"PREFECT_HOME": str(folder / "home"), "PREFECT_PROFILES_PATH": str(folder / "home" / "profiles.toml")}
    return kept | home | {"PYTHONWARNINGS": "ignore", "PYTHONPATH": str(ROOT)}
