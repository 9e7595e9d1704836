"""A running product in a thread beside the test: a free port, the sandbox, letters kept as files, a token a person."""

import asyncio
import email.policy
import itertools
import re
import shutil
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from api.app import create_app
from api.serve import Server, bind
from checkpoints import access
from graph.metrics import Metrics
from graph.wiring import open_product, running
from onboarding.settings import Settings

PEOPLE = {
    "backend": "backend",
    "other": "backend",
    "ann": "reviewer",
    "rob": "reviewer",
    "sue": "senior_reviewer",
    "kim": "senior_reviewer",
    "root": "admin",
}
_SYLLABLES = ("ba", "ve", "li", "ko", "ru", "da", "mi", "so", "ne", "ta")


def word(number: int) -> str:
    """A name-like word of its own for every number."""
    return "".join(_SYLLABLES[int(digit)] for digit in f"{number * 7919 % 1_000_003:06d}").capitalize()


def iban(number: int) -> str:
    """A valid British IBAN of its own for every number."""
    bban = f"BUKB202015{number:08d}"
    rest = int("".join(str(int(char, 36)) for char in f"{bban}GB00")) % 97
    return f"GB{98 - rest:02d}{bban}"


def application(number: int, **changes: Any) -> dict[str, Any]:
    """A complete, honest, low-risk British company that shares nothing with that of any other number."""
    name, host = f"{word(number)} {word(number + 500_000)}", f"{word(number).lower()}{number}.example.com"
    letters = "ABDEFGHJLN"
    inward = f"{number % 10}{letters[number // 10 % 10]}{letters[number // 100 % 10]}"
    return {
        "legal_name": f"{name} Bakery Ltd",
        "entity_type": "private_company",
        "country": "GB",
        "registration_number": f"{number + 9_000_000:08d}",
        "incorporation_date": "2015-03-04",
        "address": {
            "line1": f"{number % 90 + 1} Mill Lane",
            "city": "Leeds",
            "postal_code": f"LS{number // 1000 % 9 + 1} {inward}",
            "country": "GB",
        },
        "website": f"https://{host}",
        "mcc": "5462",
        "business_description": "Neighbourhood bakery selling bread, cakes and coffee over the counter.",
        "expected_annual_volume": {"amount": "420000.00", "currency": "GBP"},
        "avg_ticket": {"amount": "9.50", "currency": "GBP"},
        "bank": {"iban": iban(number), "holder": f"{name} Bakery Ltd"},
        "contact": {
            "name": f"{word(number + 1)} Averell",
            "email": f"ops@{host}",
            "phone": f"0113 496 0{number % 1000:03d}",
        },
        "persons": [
            {
                "name": f"{word(number + 250_000)} {word(number + 750_000)}",
                "dob": f"19{60 + number % 30}-06-11",
                "nationality": "GB",
                "ownership_pct": 100,
                "roles": ["owner", "director", "control_person"],
            }
        ],
    } | changes


class House:
    """A running product on a free port, and what a test asks of it. Letters are kept as files."""

    def __init__(
        self, url: str, data_dir: Path, tokens: dict[str, str], product: Any, app: Any, clock: "Shifted", loop: Any
    ) -> None:
        self.url, self.data_dir, self.tokens, self.app, self.clock = url, data_dir, tokens, app, clock
        self._product, self._loop = product, loop
        self._numbers = itertools.count(1)
        self._clients = {name: self.client(token) for name, token in tokens.items()}
        self.nobody = self.client(None)

    @property
    def gate(self) -> Any:
        """The limits of the merchants' pages."""
        inner = self.app
        while not hasattr(inner, "state"):
            inner = inner.app
        return inner.state.merchant_gate

    def client(self, token: str | None) -> httpx.Client:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30, trust_env=False)

    def __getattr__(self, name: str) -> httpx.Client:
        """``house.ann.get(…)``: the client of one of :data:`PEOPLE`."""
        try:
            return self.__dict__["_clients"][name]
        except KeyError:
            raise AttributeError(name) from None

    def application(self, **changes: Any) -> dict[str, Any]:
        return application(next(self._numbers), **changes)

    def case(self, body: Any = None, **changes: Any) -> dict[str, Any]:
        """Submit and wait until somebody is awaited or the case is closed."""
        answer = self.backend.post("/v1/cases", json=body if body is not None else self.application(**changes))
        assert answer.status_code == 202, answer.text
        return self.rest(answer.json()["id"])

    def get(self, case_id: str) -> dict[str, Any]:
        answer = self.root.get(f"/v1/cases/{case_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def rest(self, case_id: str, *statuses: str) -> dict[str, Any]:
        """The case once it moves no more by itself (or has one of ``statuses``)."""
        ends = time.monotonic() + 20
        while time.monotonic() < ends:
            wait = {"wait": 0 if statuses else 5}
            found: dict[str, Any] = self.root.get(f"/v1/cases/{case_id}", params=wait).json()
            moving = found["status"] in ("received", "processing", "activating")
            if found["status"] in statuses or not (statuses or moving):
                return found
            time.sleep(0.02)
        raise AssertionError(f"case {case_id} is still {found['status']}: {found['problem']}")

    def idle(self, case_id: str) -> None:
        """Return once the engine has written its last for the case."""
        ends = time.monotonic() + 20
        while self.rows("SELECT 1 FROM cases WHERE id = ? AND work_asked > work_done", case_id):
            assert time.monotonic() < ends, f"work is still due on case {case_id}"
            time.sleep(0.02)

    def decide(self, who: str, case: dict[str, Any] | str, action: str, **more: Any) -> httpx.Response:
        id_ = case if isinstance(case, str) else case["id"]
        if action == "request_information":
            more = {"request": [{"path": "website", "text": "Which one?"}]} | more
        answer: httpx.Response = getattr(self, who).post(f"/v1/cases/{id_}/decision", json={"action": action, **more})
        return answer

    def events(self, case_id: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.root.get(f"/v1/cases/{case_id}/events").json()["items"]
        return items

    def sandbox(self, case_id: str) -> dict[str, list[dict[str, Any]]]:
        """What SVC1 and SVC2 saw of this case."""
        log = self.nobody.get("/sandbox/log").json()
        return {name: [row for row in log[name] if row["case_id"] == case_id] for name in ("calls", "effects")}

    def letter(
        self, case_id: str, to: str | None = None, kind: str = "approval_request:review", round_: int = 1
    ) -> EmailMessage:
        """The kept letter of this kind, as the recipient reads it."""
        query = "SELECT message_id FROM letters WHERE case_id = ? AND kind = ? AND round = ? AND status = 'kept'"
        ends = time.monotonic() + 10
        while time.monotonic() < ends:
            for row in self.rows(query, case_id, kind, round_):
                path = self.data_dir / "outbox" / f"{row['message_id'].strip('<>')}.eml"
                message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
                if to is None or to in message["To"]:
                    return message
            time.sleep(0.02)
        raise AssertionError(f"no {kind} letter of case {case_id}")

    def links(self, case_id: str, to: str | None = None, **which: Any) -> dict[str, str]:
        """``{"approve": path, "reject": path}`` of the approval letter."""
        text = self.letter(case_id, to, **which).get_body(("plain",)).get_content()  # type: ignore[union-attr]
        return dict(zip(("approve", "reject"), re.findall(r"https?://[^/\s]+(/review/\S+)", text), strict=True))

    def write(self, work: Callable[[Any], Any]) -> Any:
        """Run ``work`` in a transaction of the product's own."""
        return asyncio.run_coroutine_threadsafe(self._product.context.db.write(work), self._loop).result(20)

    def term(self, text: str) -> str:
        """The look-up key of one word."""
        return str(self._product.context.lookup.terms(text)[0])

    def rows(self, query: str, *values: Any) -> list[sqlite3.Row]:
        """Look into the ledger, from outside."""
        with sqlite3.connect(f"file:{self.data_dir / 'onboard.db'}?mode=ro", uri=True) as db:
            db.row_factory = sqlite3.Row
            return db.execute(query, values).fetchall()

    def dump(self) -> str:
        """Every table and row of the ledger."""
        with sqlite3.connect(f"file:{self.data_dir / 'onboard.db'}?mode=ro", uri=True) as db:
            return "\n".join(db.iterdump())


class Shifted:
    """The real clock, moved by ``by``."""

    def __init__(self) -> None:
        self.by = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.by


def _serve(data_dir: Path, changes: dict[str, Any], ready: Callable[..., None], stopped: threading.Event) -> None:
    async def main() -> None:
        listener, clock, metrics = bind("127.0.0.1", 0), Shifted(), Metrics()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        settings = Settings.model_validate(
            {"data_dir": data_dir, "public_url": url, "sweep_seconds": 0.2, "service_deadline_seconds": 5}
            | {"rule_processes": 0}
            | changes
        )
        async with open_product(settings, self_url=url, observer=metrics, clock=clock) as product:
            write = product.context.db.write
            tokens = {n: await write(lambda tx, n=n, r=r: access.create_token(tx, n, r)) for n, r in PEOPLE.items()}
            app = create_app(product, metrics)
            server = Server(
                uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1)
            )
            task = asyncio.create_task(server.serve(sockets=[listener]))
            async with running(product):
                ready(url, data_dir, tokens, product, app, clock, asyncio.get_running_loop())
                await asyncio.to_thread(stopped.wait)
                server.should_exit = True
                await task

    asyncio.run(main())


@contextmanager
def open_house(**changes: Any) -> Iterator[House]:
    """A product of its own, with these settings, running in a thread beside the test."""
    found: list[House] = []
    up, stopped, failed = threading.Event(), threading.Event(), []

    def ready(*what: Any) -> None:
        found.append(House(*what))
        up.set()

    def run() -> None:
        try:
            _serve(data_dir, changes, ready, stopped)
        except BaseException as error:  # noqa: BLE001 - the test that waits is told
            failed.append(error)
            up.set()

    with ExitStack() as stack:
        data_dir = Path(tempfile.mkdtemp(prefix="onboard-house-"))
        stack.callback(shutil.rmtree, data_dir, ignore_errors=True)
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        stack.callback(thread.join, 20)
        stack.callback(stopped.set)
        assert up.wait(60), "the product did not start"
        if failed:
            raise failed[0]
        yield found[0]
