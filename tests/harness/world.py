"""The product as it runs for real: ``onboard serve`` in one process, SVC1, SVC2 and SMTP in others, HTTP between."""

import asyncio
import re
import signal
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import httpx

from checkpoints import access
from checkpoints.database import Tx, utc_now
from checkpoints.documents import Codec
from checkpoints.sqlite_reads import sqlite_engine
from graph import administration
from harness import mail
from harness.processes import Child
from onboarding.settings import Settings

FIRST, SECOND, SHOP = "ann@desk.example.com", "ben@desk.example.com", "shop"
ROLES = {FIRST: "reviewer", SECOND: "senior_reviewer", SHOP: "backend"}
PATIENCE = 20.0
"""Seconds within which everything that was accepted must come to rest after the last fault (the T of I3)."""


_MIGRATING = threading.Lock()
"""Alembic keeps its context in module globals: two worlds of one process are made one after the other."""


class World:
    """One installation and its surroundings. ``settings`` are names of Settings; ``mail=False`` keeps letters."""

    def __init__(self, folder: Path, *, mail: bool = True, **settings: Any) -> None:
        self.folder, self.data = folder, folder / "data"
        self.settings: dict[str, Any] = {
            "reviewers": f"{FIRST},{SECOND}",
            "sweep_seconds": 0.2,
            "service_deadline_seconds": 3,
        } | settings
        self.deaths = 0
        self.polite_ends = 0
        self.app: Child | None = None
        self.url = ""
        self.services: Child | None = None
        self.post: Child | None = None
        self._mail, self._port = mail, free_port()
        self._lock = threading.RLock()
        self._started = 0
        self._glances: sqlite3.Connection | None = None

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.services_start()
        if self._mail:
            self.mail_start()
        with _MIGRATING:
            self.tokens = asyncio.run(self._make_tokens())
        self.start()
        return self

    def __exit__(self, kind: object = None, *_: object) -> None:
        if kind is not None and self.app is not None:
            print(f"the product's last words ({self.app.status}):\n{self.app.said()[-6000:]}")
        if self._glances is not None:
            self._glances.close()
        for child in (self.app, self.services, self.post):
            if child is not None:
                child.kill()

    async def _make_tokens(self) -> dict[str, str]:
        async with administration.ledger(Settings(data_dir=self.data)) as db:
            return {name: await db.write(_token(name, role)) for name, role in ROLES.items()}

    # the services and the mail server

    def services_start(self, port: int = 0) -> None:
        arguments = ["--port", str(port), "--db", str(self.folder / "services.db")]
        services = self.services = Child("tools.sandbox_server:main", arguments, {}, self._out("services"))
        self.services_url = wait_for(lambda: re.search(r"http://\S+", services.said()), 10, "the services")[0]

    def services_back(self) -> None:
        """Up again, at the same address."""
        self.services_start(int(self.services_url.rsplit(":", 1)[1]))

    def misbehave(self, service: str, kind: str, **fault: Any) -> None:
        """Ask the services for a fault (see ``tools.sandbox_faults.Fault``)."""
        body = {"service": service, "kind": kind} | fault
        answer = httpx.post(f"{self.services_url}/faults", json=body, timeout=10, verify=False)
        assert answer.status_code == 201, answer.text

    def refuse(self, service: str, plan: str, name: str) -> None:
        """Refuse this merchant for good: once where a retry is planned, for ever where nobody will try again.

        A kill may swallow a refusal before the product noted it; then it asks again.
        """
        self.misbehave(service, "status", status=400, match=name, times=None if plan == "give_up" else 1)

    def behave(self) -> None:
        httpx.delete(f"{self.services_url}/faults", timeout=10, verify=False).raise_for_status()

    def mail_start(self) -> None:
        arguments = ["--port", str(self._port), "--db", str(self.folder / "mail.db")]
        self.post = Child("harness.mail:main", arguments, {}, self._out("mail"))
        wait_for(lambda: "listening" in self.post.said() if self.post else False, 10, "the mail server")

    def mail_manner(self, kind: str, times: int | None = None, *, more: bool = False) -> None:
        """How the mail server behaves for the next ``times`` letters (None: until told otherwise); ``more``: then."""
        db = mail.log(self.folder / "mail.db")
        if not more:
            db.execute("DELETE FROM manner")
        if kind != "ok":
            db.execute("INSERT INTO manner (kind, left_over) VALUES (?, ?)", (kind, times))
        db.close()

    # the product

    def start(self, fault: str | None = None, **settings: Any) -> None:
        """``onboard serve``; ``fault`` is ``point:n``. Returns when it answers, or is dead by its fault."""
        given = {"rule_processes": 0} | self.settings | {"data_dir": self.data, "fault": fault} | settings
        given |= {"svc1_url": f"{self.services_url}/svc1", "svc2_url": f"{self.services_url}/svc2"}
        if self._mail:
            given["smtp_url"] = f"smtp://127.0.0.1:{self._port}?starttls=never"
        env = {f"ONBOARD_{name.upper()}": str(value) for name, value in given.items() if value is not None}
        env |= {"LOG_LEVEL": "WARNING", "COLUMNS": "200"}
        self.app = Child("api.cli:main", ["serve", "--port", "0"], env, self._out("app"))
        self.url = self._wait_until_up() or self.url
        self.http = httpx.Client(base_url=self.url, timeout=30, trust_env=False, verify=False)

    def _wait_until_up(self) -> str | None:
        app = self.app
        assert app is not None

        def up() -> Any:
            return re.search(r"onboard serves (http://\S+)", app.said()) or (app.status is not None and "dead")

        found = wait_for(up, 30, "the product")
        return None if found == "dead" else str(found[1])

    def move(self, folder: Path) -> None:
        """Move the data of a stopped product to another disk."""
        self.look_anew()
        for file in self.data.iterdir():
            if file.is_file():
                (folder / file.name).write_bytes(file.read_bytes())
        self.data = folder

    def look_anew(self) -> None:
        """Another file is the ledger now."""
        if self._glances is not None:
            self._glances.close()
            self._glances = None

    def alive(self) -> bool:
        return self.app is not None and self.app.status is None

    def kill(self) -> None:
        """kill -9."""
        if self.app is not None:
            self.app.signal(signal.SIGKILL)
            self.app.wait(10)

    def stop(self, seconds: float = 30) -> int:
        """SIGTERM; returns the exit code."""
        assert self.app is not None
        self.app.signal(signal.SIGTERM)
        return self.app.wait(seconds)

    def restart(self, fault: str | None = None, **settings: Any) -> None:
        """kill -9, and up again."""
        with self._lock:
            self.kill()
            self.deaths += 1
            self.start(fault, **settings)

    def revive(self, fault: str | None = None, end: int | None = None) -> bool:
        """Up again, unarmed, if it was killed; returns whether it was. Raises AssertionError if it died otherwise.

        ``fault`` arms it anew; ``end`` is an exit code that is allowed too (it was told to stop).
        """
        with self._lock:
            if self.app is None or self.app.status is None:
                return False
            ended, polite = self.app.status, self.app.status == end
            assert polite or ended == -signal.SIGKILL, f"it ended with {ended}\n{self.app.said()[-3000:]}"
            self.deaths += not polite
            self.polite_ends += polite
            self.start(fault)
            return True

    def _out(self, name: str) -> Path:
        self._started += 1
        return self.folder / f"{name}-{self._started}.log"

    # its face

    def call(self, method: str, path: str, actor: str = SHOP, **request: Any) -> httpx.Response:
        """One HTTP call as ``actor``. Raises httpx.TransportError when nobody answers."""
        headers = {"Authorization": f"Bearer {self.tokens[actor]}"} | request.pop("headers", {})
        return self.http.request(method, path, headers=headers, **request)

    def submit(self, application: Any, key: str | None = None) -> httpx.Response:
        headers = {"Idempotency-Key": key} if key else {}
        return self.call("POST", "/v1/cases", json=application, headers=headers)

    def decide(self, case: dict[str, Any], action: str, actor: str = FIRST, **more: Any) -> httpx.Response:
        """Decide the review that ``case`` shows."""
        body = {"action": action, "review_id": case["review"]["id"]} | more
        return self.call("POST", f"/v1/cases/{case['id']}/decision", actor, json=body)

    def case(self, case_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call("GET", f"/v1/cases/{case_id}").raise_for_status().json()
        return found

    def cases(self) -> dict[str, dict[str, Any]]:
        """Every case by id."""
        found: dict[str, dict[str, Any]] = {}
        params: dict[str, Any] = {"limit": 200}
        while True:
            page = self.call("GET", "/v1/cases", params=params).raise_for_status().json()
            found |= {case["id"]: case for case in page["items"]}
            if page["next_cursor"] is None:
                return found
            params["cursor"] = page["next_cursor"]

    def until(self, case_id: str, *statuses: str, seconds: float = PATIENCE) -> dict[str, Any]:
        """The case once it has one of ``statuses``."""

        def look() -> dict[str, Any] | None:
            case = self.case(case_id)
            return case if case["status"] in statuses else None

        return wait_for(look, seconds, lambda: f"{statuses}, but it is {self.case(case_id)}", 0.02)

    # behind it

    def glance(self) -> dict[str, dict[str, Any]]:
        """Where each case stands, read past the product, so that looking costs it nothing."""
        if self._glances is None:
            path = self.data / "onboard.db"
            self._glances = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
            self._glances.execute("PRAGMA query_only = ON")
        found = self._glances.execute(
            "SELECT cases.id, cases.status, problem, cases.version, reviews.id, stage FROM cases"
            " LEFT JOIN reviews ON reviews.case_id = cases.id AND reviews.status = 'waiting' AND stage IN"
            " ('review', 'second_review', 'activation')"
        )
        return {
            id_: {
                "id": id_,
                "status": status,
                "problem": problem,
                "application_version": version,
                "review": {"id": review, "stage": stage} if review else None,
            }
            for id_, status, problem, version, review, stage in found
        }

    @contextmanager
    def ledger(self) -> Iterator[Tx]:
        """The ledger, read only, past the product."""
        engine = sqlite_engine(self.data / "onboard.db", readonly=True)
        try:
            with engine.begin() as conn:
                yield Tx(conn, Codec(), utc_now())
        finally:
            engine.dispose()

    def count(self, rows: str) -> int:
        """How many rows of the ledger there are, such as ``letters WHERE status = 'queued'``."""
        db = sqlite3.connect(self.data / "onboard.db", timeout=30)
        try:
            return int(db.execute(f"SELECT count(*) FROM {rows}").fetchone()[0])
        finally:
            db.close()

    def services_log(self) -> dict[str, list[dict[str, Any]]]:
        """``{calls, effects}`` as the services themselves remember them."""
        return tables(self.folder / "services.db", calls="call", effects="effect")

    def mail_log(self) -> list[dict[str, Any]]:
        """Every letter that the mail server accepted."""
        return tables(self.folder / "mail.db", letters="letter")["letters"] if self._mail else []

    def at_rest(self, *, letters: bool = True) -> bool:
        """No work is due, no letter (unless ``letters`` is False) is on its way."""
        due = "SELECT count(*) FROM cases WHERE work_asked > work_done AND status != 'quarantined'"
        queued = "SELECT count(*) FROM letters WHERE status = 'queued'"
        with self.ledger() as tx:
            return not any(tx.conn.exec_driver_sql(sql).scalar() for sql in ([due, queued] if letters else [due]))

    def rest(self, *, letters: bool = True, seconds: float = PATIENCE) -> None:
        """Wait until everything came to rest, up again if it is killed on the way."""

        def look() -> bool:
            self.revive()
            return self.at_rest(letters=letters)

        wait_for(look, seconds, lambda: f"rest: {self._restless()}")

    def _restless(self) -> str:
        with self.ledger() as tx:
            due = tx.conn.exec_driver_sql("SELECT id, status, attempts FROM cases WHERE work_asked > work_done").all()
            queued = tx.conn.exec_driver_sql("SELECT kind, attempts, problem FROM letters WHERE status='queued'").all()
        return f"due {due}, queued {queued}, alive {self.alive()}"


def _token(name: str, role: str) -> Any:
    return lambda tx: access.create_token(tx, name, role)


def tables(path: Path, **tables: str) -> dict[str, list[dict[str, Any]]]:
    db = sqlite3.connect(path, timeout=30)
    db.row_factory = sqlite3.Row
    try:
        return {
            name: [dict(row) for row in db.execute(f"SELECT * FROM {table} ORDER BY id")]
            for name, table in tables.items()
        }
    finally:
        db.close()


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def wait_for(look: Any, seconds: float, what: Any, pause: float = 0.01) -> Any:
    """The first true answer of ``look``. Raises AssertionError saying ``what`` was waited for."""
    ends = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < ends, f"waited {seconds} s for {what() if callable(what) else what}"
        time.sleep(pause)
    return found
