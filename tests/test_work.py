"""Replicas serve and workers run, over one PostgreSQL; a worker says how it is and goes in peace."""

import asyncio
import threading

import httpx
import pytest
from harness.fleet import Fleet
from harness.merchants import merchant
from prometheus_client.parser import text_string_to_metric_families

from checkpoints import access
from checkpoints.database import Tx, open_database
from checkpoints.migrate import migrate


@pytest.fixture
def fleet(tmp_path, postgres_url):
    with Fleet(tmp_path, postgres_url, replicas=2, workers=0) as found:
        yield found


def watched(url: str, path: str) -> httpx.Response:
    return httpx.get(url + path, trust_env=False, timeout=10)


def test_what_replicas_accept_a_worker_runs_and_both_show_it(fleet):
    with fleet.api(0) as one, fleet.api(1) as two:
        made = one.post("/v1/cases", json=merchant("work-1"))
        assert made.status_code == 202
        case_id = made.json()["id"]
        assert fleet.rest(two, case_id, "received")["id"] == case_id, "nobody works yet, and nothing is lost"
        worker = fleet.worker()
        fleet.workers.append(worker)
        waiting = fleet.rest(two, case_id, "in_review")
        assert two.post(f"/v1/cases/{case_id}/decision", json={"action": "approve"}).status_code == 200
        assert fleet.rest(one, case_id, "active")["decisions"][0]["review_id"] == waiting["review"]["id"]
    assert fleet.effects() == {f"{case_id}:svc1": 1, f"{case_id}:svc2": 1}

    url = fleet.urls[worker]
    assert watched(url, "/healthz").json() == watched(fleet.urls[fleet.replicas[0]], "/healthz").json()
    assert watched(url, "/readyz").json() == {"status": "ready"}
    steps = {
        sample.labels["step"]: sample.value
        for family in text_string_to_metric_families(watched(url, "/metrics").text)
        for sample in family.samples
        if sample.name == "onboard_step_seconds_count"
    }
    assert steps["preprocess"] == steps["activate_svc1"] == steps["welcome"] == 1
    assert watched(url, "/v1/cases").status_code == 404

    assert fleet.stop(worker) == 0
    assert fleet.stop(fleet.replicas[0]) == 0


def test_a_worker_on_sqlite_is_refused_with_the_setting_that_is_wrong(fleet):
    fleet.settings = fleet.settings | {"database_url": None}
    with pytest.raises(AssertionError, match="ONBOARD_DATABASE_URL"):
        fleet.worker()


async def test_replicas_that_start_together_make_the_local_token_once(postgres_url):
    migrate(postgres_url)
    databases = [open_database(postgres_url) for _ in range(4)]
    meet = threading.Barrier(4)

    def make(tx: Tx) -> str:
        if not tx.conn.info.get("met"):
            tx.conn.info["met"] = True
            meet.wait(10)
        return access.create_token(tx, "admin", "admin", token="the-one")

    assert await asyncio.gather(*(db.write(make) for db in databases)) == ["the-one"] * 4
    assert (await databases[0].read(lambda tx: access.bearer(tx, "the-one"))).role == "admin"
    await asyncio.gather(*(db.close() for db in databases))
