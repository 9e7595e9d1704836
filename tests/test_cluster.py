"""``make cluster`` keeps its promises, and what it shows them with does what it says."""

import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest

from examples.cluster.front import running
from examples.cluster.machines import free_port
from examples.cluster.story import ENDS, PLANS, Case, broken


@pytest.fixture
def replica():
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"up")

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address
    server.shutdown()
    server.server_close()


def test_the_front_passes_over_a_dead_replica(replica):
    dead = ("127.0.0.1", free_port())
    with running([dead, replica]) as (url, front):
        answers = [httpx.get(url, trust_env=False).text for _ in range(4)]
    assert answers == ["up"] * 4
    assert front.served == {dead: 0, replica: 4}


def test_the_front_closes_the_connection_when_no_replica_lives():
    with running([("127.0.0.1", free_port())]) as (url, _), pytest.raises(httpx.TransportError):
        httpx.get(url, trust_env=False)


def effect(case_id: str, service: str, key: str | None = None, status: str = "active") -> dict[str, str]:
    return {"case_id": case_id, "service": service, "key": key or f"{case_id}:{service}", "status": status}


def test_every_kind_of_broken_promise_is_seen():
    good = Case(0, "approve", id="a", status="active")
    no = Case(1, "reject", id="r", status="rejected")
    both = [effect("a", "svc1"), effect("a", "svc2")]
    assert broken([good, no], both) == []
    assert broken([Case(2, "approve")], []) != [], "lost"
    assert broken([good], both[:1]) == ["svc2 has 0 activations of a, not 1"]
    assert broken([good], [*both, effect("a", "svc1", "other")]) == ["svc1 has 2 activations of a, not 1"]
    assert "2 effects under the key a:svc1" in broken([good], [*both, effect("a", "svc1", status="cancelled")])
    assert broken([no], [effect("r", "svc1")]) == ["svc1 has 1 activations of r, not 0"]
    assert broken([], [effect("x", "svc1")]) == ["x stands at svc1 and was never submitted"]
    assert broken([Case(3, "reject", id="r", status="quarantined")], []) != []


def test_the_plans_cover_every_end():
    assert {ENDS[plan] for plan in PLANS} == {"active", "rejected"}
    assert set(PLANS) == set(ENDS)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not pytest's: every session of it closes that one to all users but its own, PostgreSQL's among them."""
    made = Path(tempfile.mkdtemp(prefix="onboard-cluster-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["prefect", "procrastinate"])
@pytest.mark.timeout(700)
def test_a_worker_a_replica_and_postgresql_die_and_every_promise_is_kept(folder, engine):
    command = [sys.executable, "-m", "examples.cluster", "--cases", "10", "--engine", engine]
    command += ["--folder", str(folder)]
    root = Path(__file__).parents[1]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=650)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    for happened in ("kill -9 of worker-1", "kill -9 of replica-1", "restart of PostgreSQL"):
        assert happened in done.stdout
    assert re.search(r"10 cases in [\d.]+ s", done.stdout)
    assert not (folder / "postgres" / "postmaster.pid").exists(), "nothing is left running"
    assert "Every case ended as it should; every effect happened once; the trail verifies." in done.stdout
