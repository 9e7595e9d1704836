"""What a merchant sends can neither hold up the service nor bring it down; the rules say the same wherever they run."""

import asyncio
import base64
import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path

import psutil
import pytest
from harness.invariants import check as check_all
from harness.story import Desk, stories
from harness.world import World, wait_for

from agents import preprocessing, validation
from onboarding.application import Application
from onboarding.policy import Policy
from onboarding.reading.result import Reading
from onboarding.rules import HERE, RulesGaveUp
from onboarding.screening import Noting, Watchlist
from onboarding.submission import Part, Submission
from tools.apart import Apart
from tools.apart_child import DONE, HEAD, MOST_MEMORY, START

DATA = Path(__file__).parent
LINES = [json.loads(line) for line in (DATA / "data/acceptance.jsonl").read_text("utf-8").splitlines()]
POLICY, WATCHLIST = Policy.default(), Watchlist.load(DATA.parent / "examples/watchlist.jsonl")
TODAY = date(2026, 11, 25)


def part_of(content, format_="text"):
    return Part(source="input", kind="application", format=format_, content=content)


def submission_of(*parts):
    return Submission(version=1, parts=list(parts))


SMALL = submission_of(part_of({"legal_name": "Bakery Ltd", "country": "GB"}, "json"))
LONGER = submission_of(part_of("Other Ltd sells bread in London to people. " * 400))
NO_PDF = base64.b64encode(b"%PDF-1.4\nand nothing more").decode()
NO_TIME = 0.001
"""Seconds of CPU in which nothing is read."""


@asynccontextmanager
async def apart(*, processes=1, seconds=20.0):
    async with Apart(POLICY, WATCHLIST, processes=processes, seconds=seconds) as rules:
        yield rules


def children():
    return [
        child
        for child in psutil.Process().children()
        if child.status() != psutil.STATUS_ZOMBIE and "tools.apart_child" in child.cmdline()
    ]


async def check(rules, reading, submission, watchlist):
    return await rules.check(reading, submission, priors=(), watchlist=watchlist, policy=POLICY, as_of=TODAY)


async def both(rules, line):
    """What reading and checking give, as the bytes that would be stored, with the notes on the list."""
    submission = submission_of(part_of(line["payload"], line["format"]))
    reading, noting = await rules.read(submission, as_of=TODAY), Noting(WATCHLIST)
    checked = await check(rules, reading, submission, noting)
    documents = [reading.to_json(), checked.to_json(), [answer.to_json() for answer in noting.answers]]
    return json.dumps(documents)


async def test_applications_of_every_kind_read_and_check_alike_byte_for_byte():
    lines = LINES[::5]
    async with apart(processes=2) as rules:
        there = await asyncio.gather(*(both(rules, line) for line in lines))
    here = [await both(HERE, line) for line in lines]
    assert there == here
    assert any('"verdict"' in line for line in here), "nobody was found on the list: the notes are not compared"


async def test_what_takes_too_much_computing_is_left_to_a_person():
    async with apart(seconds=NO_TIME) as rules:
        reading = await preprocessing.preprocess(LONGER, as_of=TODAY, policy=POLICY, rules=rules)
    assert [(item.code, item.severity) for item in reading.findings] == [("RULES_UNFINISHED", "high")]
    assert reading.application == Application()


async def test_a_child_that_stands_still_holds_nobody_else_up_and_is_replaced():
    async with apart(processes=2, seconds=0.5) as rules:
        await rules.warm()
        still = children()[0]
        still.suspend()
        calls = [asyncio.create_task(rules.read(SMALL, as_of=TODAY)) for _ in range(10)]
        await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        readings = await asyncio.gather(*calls)
        assert still.pid not in {child.pid for child in children()}
    assert {reading.application.legal_name for reading in readings} == {"Bakery Ltd"}


async def test_checks_that_were_stopped_say_so_and_keep_what_reading_found():
    class Stopped:
        async def check(self, *_, **__):
            raise RulesGaveUp("stopped")

    found = await validation.validate(
        Reading(application=Application()),
        SMALL,
        priors=(),
        watchlist=WATCHLIST,
        policy=POLICY,
        as_of=TODAY,
        rules=Stopped(),
    )
    assert [(item.code, item.severity) for item in found.findings] == [("RULES_UNFINISHED", "high")]


async def test_a_child_that_is_killed_in_the_middle_is_replaced_and_its_call_answered():
    async with apart() as rules:
        await rules.read(SMALL, as_of=TODAY)
        [child] = children()
        os.kill(child.pid, signal.SIGSTOP)
        call = asyncio.create_task(rules.read(SMALL, as_of=TODAY))
        await asyncio.sleep(0.05)
        child.kill()
        assert (await call).application.legal_name == "Bakery Ltd"
        assert [other.pid for other in children()] != [child.pid]


async def test_children_that_died_while_nobody_asked_cost_no_case_anything():
    async with apart(processes=2) as rules:
        await rules.warm()
        for child in children():
            child.kill()
        readings = await asyncio.gather(*(rules.read(SMALL, as_of=TODAY) for _ in range(4)))
    assert {reading.application.legal_name for reading in readings} == {"Bakery Ltd"}


async def test_children_that_die_while_they_start_are_started_again():
    async with apart() as rules:
        call = asyncio.create_task(rules.read(SMALL, as_of=TODAY))
        for _ in range(3):
            [started] = await asyncio.to_thread(wait_for, children, 30, "a child")
            started.kill()
            await asyncio.to_thread(started.wait, 5)
        assert (await call).application.legal_name == "Bakery Ltd"


async def test_an_answer_nobody_waits_for_is_not_the_next_calls():
    async with apart() as rules:
        await rules.read(SMALL, as_of=TODAY)
        call = asyncio.create_task(rules.read(LONGER, as_of=TODAY))
        await asyncio.sleep(0.01)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert (await rules.read(SMALL, as_of=TODAY)).application.legal_name == "Bakery Ltd"


async def test_a_child_has_a_limit_on_its_memory_and_no_secret():
    os.environ["ONBOARD_SECRET_KEY"] = "never passed on"
    try:
        async with apart() as rules:
            await rules.read(SMALL, as_of=TODAY)
            [child] = children()
            assert child.rlimit(psutil.RLIMIT_AS) == (MOST_MEMORY, MOST_MEMORY)
            assert not [name for name in child.environ() if name.startswith(("ONBOARD_", "OPENAI"))]
    finally:
        del os.environ["ONBOARD_SECRET_KEY"]


def test_where_the_operator_allows_less_memory_children_start_all_the_same():
    started = pickle.dumps((POLICY, Watchlist.empty(), 20.0))
    child = f"ulimit -v {MOST_MEMORY * 3 // 4 // 1024}; exec {sys.executable} -m tools.apart_child"
    told = subprocess.run(["sh", "-c", child], input=HEAD.pack(START, len(started)) + started, capture_output=True)
    assert told.stdout == HEAD.pack(DONE, 0), told.stderr[-1000:]


async def test_children_end_with_the_service():
    async with apart(processes=2) as rules:
        await rules.read(SMALL, as_of=TODAY)
    assert children() == []


async def test_another_list_than_the_children_have_is_asked_here():
    asked = Noting(Watchlist.load(DATA.parent / "examples/watchlist.jsonl"))
    async with apart() as rules:
        reading = await rules.read(SMALL, as_of=TODAY)
        await check(rules, reading, SMALL, asked)
    assert [answer.subject.name for answer in asked.answers] == ["Bakery Ltd"]


async def test_a_broken_document_is_no_reason_to_give_up():
    broken = Part(source="document:x.pdf", kind="document", format="pdf", content=NO_PDF)
    async with apart() as rules:
        reading = await rules.read(submission_of(*SMALL.parts, broken), as_of=TODAY)
    assert reading.application.legal_name == "Bakery Ltd"


def those_of(pid):
    return [child for child in psutil.Process(pid).children() if "tools.apart_child" in child.cmdline()]


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_service_and_children_are_killed_at_any_moment_and_every_case_ends_once(tmp_path):
    """kill -9 now of a child, now of the service, in the middle of the cases: no child stays, the invariants hold."""
    with World(tmp_path, rule_processes=2) as world:
        told = stories("apart", *("approve", "correct", "ask", "reject") * 8)
        playing = threading.Thread(target=Desk(world).play, args=[told], kwargs={"seconds": 240})
        playing.start()
        killed = 0
        while playing.is_alive() and killed < 6:
            wait_for(world.alive, 60, "the service")
            time.sleep(1 + killed % 3)
            children = those_of(world.app.pid)
            for child in children[killed % 2 :]:
                child.kill()
            if killed % 2:
                world.kill()
                _, alive = psutil.wait_procs(children, timeout=10)
                assert alive == []
            killed += 1
        playing.join(240)
        assert not playing.is_alive()
        world.rest()
        check_all(world, told)
