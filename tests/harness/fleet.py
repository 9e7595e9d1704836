"""Several processes over one PostgreSQL: replicas of the service, workers, and the sandbox in a process of its own."""

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import httpx
from sqlalchemy import create_engine

from checkpoints.database import Tx, utc_now
from checkpoints.documents import Codec
from harness.processes import Child
from harness.world import tables, wait_for


class Fleet:
    """``replicas`` that serve and ``workers`` that run. They share a data folder. ``settings``: names of Settings."""

    def __init__(self, folder: Path, database: str, *, replicas: int = 1, workers: int = 1, **settings: Any) -> None:
        self.folder, self.data = folder, folder / "data"
        self.settings = {"database_url": database, "data_dir": self.data, "sweep_seconds": 0.5} | settings
        self.urls: dict[Child, str] = {}
        self.replicas: list[Child] = []
        self.workers: list[Child] = []
        self._wanted = (replicas, workers)
        self._count = 0
        self.deaths = 0
        """Takeovers that a test has caused: each may repeat a request, under its key."""

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        log = str(self.folder / "sandbox.db")
        self.sandbox = self._start("tools.sandbox_server:main", ["--db", log], r"^(http://\S+)$")
        services = {f"svc{number}_url": f"{self.urls[self.sandbox]}/svc{number}" for number in (1, 2)}
        self.settings = services | self.settings
        self.replicas = [self.replica() for _ in range(self._wanted[0])]
        self.workers = [self.worker() for _ in range(self._wanted[1])]
        return self

    def __exit__(self, *_: object) -> None:
        for child in (*self.workers, *self.replicas, self.sandbox):
            if child.status is None:
                child.kill()

    def replica(self) -> Child:
        return self._start("api.cli:main", ["serve", "--replica", "--port", "0"], r"onboard serves (http://\S+)")

    def worker(self, **settings: Any) -> Child:
        if self.settings.get("engine") == "prefect":
            return self._start("flows.worker:main", [], r"worker (\S+) is up", settings)
        return self._start("api.cli:main", ["work"], r"metrics on (http://\S+)/metrics", settings)

    def stop(self, child: Child) -> int:
        """SIGTERM, and its exit code."""
        child.signal(signal.SIGTERM)
        return child.wait(30)

    def api(self, replica: int = 0) -> httpx.Client:
        """A client of one replica, as the local admin."""
        headers = {"Authorization": f"Bearer {(self.data / 'admin-token').read_text().strip()}"}
        url = self.urls[self.replicas[replica]]
        return httpx.Client(base_url=url, headers=headers, timeout=30, trust_env=False)

    def rest(self, api: httpx.Client, case_id: str, *statuses: str, seconds: float = 30) -> dict[str, Any]:
        """The case once it has one of these statuses."""

        def there() -> Any:
            case = api.get(f"/v1/cases/{case_id}").json()
            return case if case["status"] in statuses else None

        found: dict[str, Any] = wait_for(there, seconds, f"{case_id} to be {' or '.join(statuses)}")
        return found

    def effects(self) -> dict[str, int]:
        """How many activations stand at the sandbox, by case and service."""
        log = httpx.get(f"{self.urls[self.sandbox]}/log", trust_env=False, timeout=30).json()
        found: dict[str, int] = {}
        for row in log["effects"]:
            key = f"{row['case_id']}:{row['service']}"
            found[key] = found.get(key, 0) + 1
        return found

    # what the invariants ask for, as of a World

    @contextmanager
    def ledger(self) -> Iterator[Tx]:
        """The ledger, past every product."""
        url = str(self.settings["database_url"]).replace("postgresql://", "postgresql+psycopg://", 1)
        engine = create_engine(url)
        try:
            with engine.begin() as conn:
                yield Tx(conn, Codec(), utc_now())
        finally:
            engine.dispose()

    def services_log(self) -> dict[str, list[dict[str, Any]]]:
        """``{calls, effects}`` as the services themselves remember them."""
        return tables(self.folder / "sandbox.db", calls="call", effects="effect")

    def mail_log(self) -> list[dict[str, Any]]:
        """Letters are kept as files."""
        return []

    def _start(self, what: str, argv: list[str], told: str, settings: dict[str, Any] | None = None) -> Child:
        given = {"rule_processes": 0} | self.settings | (settings or {})
        env = {f"ONBOARD_{name.upper()}": str(value) for name, value in given.items() if value is not None}
        self._count += 1
        out = self.folder / f"{self._count:02}.out"
        child = Child(what, argv, env | {"LOG_LEVEL": "WARNING", "COLUMNS": "200"}, out)

        def up() -> Any:
            assert child.status is None, child.said()[-3000:]
            return re.search(told, child.said(), re.MULTILINE)

        self.urls[child] = str(wait_for(up, 60, f"{what} {argv}")[1])
        return child
