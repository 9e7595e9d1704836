"""The wire to SVC1 and SVC2, against the real sandbox over real HTTP: every fault, counted effects."""

import asyncio
from datetime import UTC, datetime

import httpx
import pytest

from onboarding.errors import BadInput, ServiceRefused, ServiceUnavailable
from tools.activation import Activation
from tools.patience import Budget, Patience, retry_after
from tools.sandbox import sandbox
from tools.sandbox_server import listen, running
from tools.svc1 import svc1, svc1_tools
from tools.svc2 import svc2, svc2_tools

QUICK = Patience(deadline=5, attempt=1, connect=1, read=0.9, first_wait=0.005, max_wait=0.02)
BODY = {"case_id": "case-1", "application_version": 1, "merchant": {"legal_name": "Blue Kite Bakery Ltd"}}


@pytest.fixture(scope="module")
def url():
    with running(sandbox(None)) as base:
        yield base


@pytest.fixture
def box(url):
    """The sandbox's own side doors; faults are gone after each test."""
    with httpx.Client(base_url=url, trust_env=False, verify=False) as client:
        yield client
        client.delete("/faults")


@pytest.fixture
async def service(url):
    async with svc1(f"{url}/svc1", QUICK) as client:
        yield client


@pytest.fixture
def key(request):
    return f"case:{request.node.name}"


def fault(box, **what):
    assert box.post("/faults", json={"service": "svc1"} | what).status_code == 201


def seen(box, key):
    """The calls and effects that the sandbox logged for ``key``."""
    log = box.get("/log").json()
    calls = [call["operation"] for call in log["calls"] if call["key"] == key]
    return calls, [effect for effect in log["effects"] if effect["key"] == key]


SAID = {"drop": "cut", "garbage": "answer makes no sense", "endless": "answer too large", "late": "cut"}


class Ledger:
    def __init__(self):
        self.lines = []

    async def __call__(self, attempt, outcome):
        self.lines.append((attempt, outcome))


async def test_one_activation_is_one_call_and_one_effect(service, box, key):
    ledger = Ledger()
    done = await service.activate(key, BODY, on_attempt=ledger)
    assert (done.attempts, done.replayed) == (1, False)
    assert ledger.lines == [(1, "started"), (1, "done")]
    calls, effects = seen(box, key)
    assert calls == ["activate"]
    assert [effect["reference"] for effect in effects] == [done.reference]


async def test_the_same_key_again_is_the_same_reference_and_no_second_effect(service, box, key):
    first = await service.activate(key, BODY)
    again = await service.activate(key, BODY)
    assert again.reference == first.reference
    assert len(seen(box, key)[1]) == 1


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
async def test_what_may_pass_is_retried(service, box, key, status):
    fault(box, kind="status", status=status, times=2)
    ledger = Ledger()
    done = await service.activate(key, BODY, on_attempt=ledger)
    assert done.attempts == 3
    assert [line for line in ledger.lines if line[1] != "started"] == [
        (1, f"status {status}"),
        (2, f"status {status}"),
        (3, "done"),
    ]
    calls, effects = seen(box, key)
    ask = [] if status == 429 else ["lookup"]  # too many requests is the one answer that says: not done
    assert calls == ["activate", *ask, "activate", *ask, "activate"]
    assert len(effects) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 422])
async def test_any_other_4xx_is_final_at_the_first_call(service, box, key, status):
    fault(box, kind="status", status=status, times=None)
    ledger = Ledger()
    with pytest.raises(ServiceRefused) as refused:
        await service.activate(key, BODY, on_attempt=ledger)
    assert refused.value.extra == {"service": "svc1", "status": status, "reason": "the sandbox was asked to fail"}
    assert ledger.lines == [(1, "started"), (1, f"refused: {status}")]
    assert seen(box, key) == (["activate"], [])


@pytest.mark.parametrize("kind", ["drop", "garbage", "endless", "late"])
async def test_an_unknown_outcome_is_asked_about_before_anything_is_repeated(service, box, key, kind):
    fault(box, kind=kind, times=1)
    ledger = Ledger()
    done = await service.activate(key, BODY, on_attempt=ledger)
    assert (done.attempts, done.replayed) == (1, True)
    assert ledger.lines[-1] == (1, "found by key")
    assert ledger.lines[1][1].startswith(SAID[kind])
    calls, effects = seen(box, key)
    assert calls == ["activate", "lookup"]
    assert [effect["reference"] for effect in effects] == [done.reference]


@pytest.mark.parametrize("kind", ["drop_before", "hang", "redirect"])
async def test_what_was_not_done_is_repeated_by_the_same_key(service, box, key, kind):
    fault(box, kind=kind, times=1)
    done = await service.activate(key, BODY)
    assert (done.attempts, done.replayed) == (2, False)
    calls, effects = seen(box, key)
    assert calls == ["activate", "lookup", "activate"]
    assert len(effects) == 1


async def test_a_look_up_that_fails_too_leads_to_the_same_key_and_one_effect(service, box, key):
    fault(box, kind="drop", times=1)
    fault(box, kind="status", operation="lookup", status=403, times=1)
    done = await service.activate(key, BODY)
    assert (done.attempts, done.replayed) == (2, True)
    assert len(seen(box, key)[1]) == 1


async def test_a_refusal_after_an_unknown_outcome_is_not_believed_before_asking(service, box, key):
    fault(box, kind="drop", times=1)
    fault(box, kind="status", operation="lookup", status=503, times=1)
    fault(box, kind="status", status=409, times=1)
    done = await service.activate(key, BODY)
    assert done.replayed
    assert len(seen(box, key)[1]) == 1


async def test_a_refusal_stays_an_unknown_outcome_while_nobody_answers_by_key(url, box, key):
    """Taken for final, it would leave an effect that nobody cancels."""
    fault(box, kind="drop", times=1)
    fault(box, kind="status", operation="lookup", status=403, times=None)
    fault(box, kind="status", status=409, times=None)
    async with svc1(f"{url}/svc1", Patience(deadline=0.3, first_wait=0.01, max_wait=0.05)) as service:
        with pytest.raises(ServiceUnavailable):
            await service.activate(key, BODY)
    assert len(seen(box, key)[1]) == 1


async def test_a_refusal_is_final_once_the_service_says_it_knows_nothing(service, box, key):
    fault(box, kind="drop_before", times=1)
    fault(box, kind="status", status=409, times=None)
    with pytest.raises(ServiceRefused):
        await service.activate(key, BODY)
    assert seen(box, key) == (["activate", "lookup", "activate", "lookup"], [])


async def test_after_a_crash_the_service_is_asked_first(service, box, key):
    first = await service.activate(key, BODY)
    again = await service.activate(key, BODY, ask_first=True)
    assert (again.reference, again.attempts, again.replayed) == (first.reference, 0, True)
    assert seen(box, key)[0] == ["activate", "lookup"]


async def test_a_service_that_stays_down_ends_at_the_deadline_as_unavailable(url, box, key):
    fault(box, kind="status", status=503, times=None)
    patience = Patience(deadline=1, attempt=0.5, first_wait=0.01, max_wait=0.05)
    async with svc1(f"{url}/svc1", patience) as service:
        started = asyncio.get_running_loop().time()
        with pytest.raises(ServiceUnavailable) as gone:
            await service.activate(key, BODY)
    assert asyncio.get_running_loop().time() - started < 10
    assert gone.value.extra["outcome"] in ("status 503", "timed out")
    assert len(seen(box, key)[0]) > 3


async def test_a_hanging_service_ends_at_the_deadline(url, box, key):
    fault(box, kind="hang", times=None)
    patience = Patience(deadline=0.2, attempt=5, read=5, first_wait=0.01)
    async with svc1(f"{url}/svc1", patience) as service:
        started = asyncio.get_running_loop().time()
        with pytest.raises(ServiceUnavailable):
            await service.activate(key, BODY)
    assert asyncio.get_running_loop().time() - started < 4


async def test_a_dripping_answer_ends_with_its_attempt(key):
    async def drip(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 201 Created\r\ncontent-length: 1000\r\n\r\n")
        for _ in range(1000):
            writer.write(b" ")
            await asyncio.sleep(0.02)

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with svc1(f"http://127.0.0.1:{port}", Patience(deadline=0.3, attempt=0.1, read=5)) as service:
        with pytest.raises(ServiceUnavailable) as gone:
            await service.activate(key, BODY)
    server.close()
    assert gone.value.extra["outcome"] == "timed out"


async def test_retry_after_is_waited_for(service, box, key):
    fault(box, kind="status", status=429, retry_after="1", times=1)
    started = asyncio.get_running_loop().time()
    done = await service.activate(key, BODY)
    assert asyncio.get_running_loop().time() - started >= 1.0
    assert done.attempts == 2


async def test_a_retry_after_beyond_the_deadline_is_handed_to_the_caller_at_once(service, box, key):
    fault(box, kind="status", status=429, retry_after="3600", times=1)
    started = asyncio.get_running_loop().time()
    with pytest.raises(ServiceUnavailable) as gone:
        await service.activate(key, BODY)
    assert asyncio.get_running_loop().time() - started < 4
    assert gone.value.extra["retry_after"] == 3600.0
    assert seen(box, key)[0] == ["activate"]


def test_retry_after_reads_seconds_and_http_dates_and_nothing_else():
    now = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
    assert retry_after("120", now) == 120.0
    assert retry_after(" 0 ", now) == 0.0
    assert retry_after("Mon, 23 Nov 2026 12:00:30 GMT", now) == 30.0
    assert retry_after("Mon, 23 Nov 2026 11:00:00 GMT", now) == 0.0
    for nonsense in (None, "", "soon", "-5", "1e9", "٣", "99999999999", "Mon, 99 Nov 2026 12:00:00 GMT"):
        assert retry_after(nonsense, now) is None


def test_backoff_grows_is_jittered_and_never_undercuts_what_was_asked():
    patience = Patience(first_wait=1, max_wait=8)
    for attempt, top in ((1, 1), (2, 2), (3, 4), (4, 8), (5, 8), (10_000, 8)):
        waits = {patience.wait_after(attempt) for _ in range(50)}
        assert top / 2 <= min(waits) < max(waits) <= top
    assert patience.wait_after(1, asked=30) >= 30


def test_a_budget_runs_out_and_never_below_nothing():
    ticks = iter([0.0, 4.0, 11.0])
    budget = Budget(10, clock=lambda: next(ticks))
    assert (budget.left(), budget.left()) == (6.0, 0.0)


async def test_nobody_listening_is_unavailable_and_needs_no_look_up():
    sock, url = listen()
    sock.close()
    ledger = Ledger()
    async with svc1(url, Patience(deadline=0.1, first_wait=0.02)) as service:
        with pytest.raises(ServiceUnavailable):
            await service.activate("k", BODY, on_attempt=ledger)
    assert (1, "not sent: ConnectError") in ledger.lines


async def test_a_cancelled_activation_is_never_taken_for_a_live_one(service, box, key):
    done = await service.activate(key, BODY)
    await service.cancel(done.reference)
    for ask_first in (False, True):
        with pytest.raises(ServiceRefused) as refused:
            await service.activate(key, BODY, ask_first=ask_first)
        assert refused.value.extra["status"] == 410


async def test_cancel_may_be_repeated_and_survives_a_cut(service, box, key):
    done = await service.activate(key, BODY)
    fault(box, kind="drop", operation="cancel", times=1)
    await service.cancel(done.reference)
    await service.cancel(done.reference)
    found = await service.lookup(key)
    assert found
    assert (found.reference, found.status) == (done.reference, "cancelled")
    assert [effect["cancels"] for effect in seen(box, key)[1]] == [1]


async def test_cancelling_what_is_not_known_is_refused(service):
    with pytest.raises(ServiceRefused) as refused:
        await service.cancel("svc1-no-such")
    assert refused.value.extra["status"] == 404


async def test_look_up_of_an_unknown_key_is_none_and_odd_keys_stay_one_key(service):
    assert await service.lookup("never/seen?x=1&y=%2F#z") is None
    done = await service.activate("odd/../key?x=1&y=%2F#z", BODY)
    found = await service.lookup("odd/../key?x=1&y=%2F#z")
    assert found
    assert found.reference == done.reference


async def test_twenty_at_once_with_one_key_are_one_effect(service, box, key):
    done = await asyncio.gather(*(service.activate(key, BODY) for _ in range(20)))
    assert len({one.reference for one in done}) == 1
    assert len(seen(box, key)[1]) == 1


@pytest.mark.parametrize("bad", ["", "two words", "line\nbreak", "über", "k" * 201])
async def test_a_key_that_no_header_can_carry_is_refused_before_any_call(service, bad):
    with pytest.raises(BadInput):
        await service.activate(bad, BODY)


async def test_a_body_that_is_no_json_is_refused_before_any_call(service):
    for odd in ({"x": float("nan")}, {"x": object()}):
        with pytest.raises(BadInput):
            await service.activate("k", odd)


async def test_text_that_utf8_cannot_carry_still_travels(service, key):
    done = await service.activate(key, BODY | {"merchant": {"legal_name": "\ud800 日本 \x00"}})
    assert done.reference


@pytest.mark.parametrize("url", ["ftp://x", "svc1.example.com", "http://", "file:///etc/passwd"])
def test_only_web_addresses_are_services(url):
    with pytest.raises(BadInput):
        Activation("svc1", url)


@pytest.mark.parametrize(
    "answer",
    [
        b'{"reference": ""}',
        b'{"reference": 7}',
        b'{"reference": ".."}',
        b'{"reference": "a\\nb"}',
        b'{"reference": "' + b"x" * 201 + b'"}',
        b"[" * 60000,
        b"null",
        b"\xff\xfe",
        b"",
    ],
)
async def test_an_answer_that_makes_no_sense_is_an_unknown_outcome(answer):
    asked = []

    async def serve(reader, writer):
        asked.append((await reader.readuntil(b"\r\n\r\n")).split(b" ")[0])
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%b" % (len(answer), answer))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with svc1(f"http://127.0.0.1:{port}", Patience(deadline=0.3, first_wait=0.01)) as service:
        with pytest.raises(ServiceUnavailable):
            await service.activate("k", BODY)
    server.close()
    assert asked[:2] == [b"POST", b"GET"]


async def test_a_refusal_s_reason_is_one_short_printable_line():
    reason = b'{"detail": "no\\r\\nSet-Cookie: x \\u202e' + b"y" * 500 + b'"}'

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 422 Nope\r\ncontent-length: %d\r\n\r\n%b" % (len(reason), reason))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with svc1(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", QUICK) as service:
        with pytest.raises(ServiceRefused) as refused:
            await service.activate("k", BODY)
    server.close()
    assert len(refused.value.extra["reason"]) <= 200
    assert refused.value.detail.isprintable()


async def test_proxies_of_the_environment_are_not_used(url, key, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    async with svc1(f"{url}/svc1", QUICK) as fresh:
        assert (await fresh.activate(key, BODY)).attempts == 1


async def test_a_callers_ledger_that_fails_stops_the_call_before_it_is_made(service, box, key):
    async def full(attempt, outcome):
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        await service.activate(key, BODY, on_attempt=full)
    assert seen(box, key) == ([], [])


async def test_nodes_call_it_as_langchain_tools_that_hide_their_wiring_from_models(url, key):
    async with svc1(f"{url}/svc1", QUICK) as one, svc2(f"{url}/svc2", QUICK) as two:
        tools = {tool.name: tool for tool in svc1_tools(one) + svc2_tools(two)}
        assert sorted(tools) == [f"{verb}_svc{n}" for verb in ("activate", "cancel", "lookup") for n in (1, 2)]
        assert set(tools["activate_svc1"].tool_call_schema.model_json_schema()["properties"]) == {"key", "body"}
        ledger = Ledger()
        done = await tools["activate_svc2"].ainvoke({"key": key, "body": BODY, "on_attempt": ledger})
        assert (done["attempts"], done["replayed"]) == (1, False)
        assert ledger.lines == [(1, "started"), (1, "done")]
        assert await tools["lookup_svc2"].ainvoke({"key": key}) == {"reference": done["reference"], "status": "active"}
        assert await tools["lookup_svc1"].ainvoke({"key": key}) is None
        cancelled = await tools["cancel_svc2"].ainvoke({"reference": done["reference"]})
        assert cancelled == {"reference": done["reference"], "status": "cancelled"}
