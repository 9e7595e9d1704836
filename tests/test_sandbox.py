"""The sandbox is an honest SVC1 and SVC2: it keeps keys, remembers across kill -9, and fails exactly as asked."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from tools.sandbox import sandbox
from tools.sandbox_faults import Fault, magic
from tools.sandbox_server import running
from tools.sandbox_store import Store

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def url():
    with running(sandbox(None)) as base:
        yield base


@pytest.fixture
def box(url):
    with httpx.Client(base_url=url, trust_env=False, verify=False, timeout=5) as client:
        yield client
        client.delete("/faults")


def body(case_id="case-1", **merchant):
    return {"case_id": case_id, "application_version": 1, "merchant": {"legal_name": "Blue Kite"} | merchant}


def activate(client, key, content=None, service="svc1", **other):
    return client.post(
        f"/{service}/activations", json=content or body(case_id=key), headers={"Idempotency-Key": key}, **other
    )


def test_the_same_key_again_is_200_with_the_same_reference(box):
    first, again = activate(box, "k1"), activate(box, "k1", body("other case"))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json() == {"reference": first.json()["reference"], "status": "active"}
    log = box.get("/log").json()
    assert len([call for call in log["calls"] if call["key"] == "k1"]) == 2
    (effect,) = [effect for effect in log["effects"] if effect["key"] == "k1"]
    assert (effect["service"], effect["case_id"], effect["application_version"]) == ("svc1", "k1", 1)


def test_the_two_services_do_not_share_keys(box):
    one, two = activate(box, "k2"), activate(box, "k2", service="svc2")
    assert (one.status_code, two.status_code) == (201, 201)
    assert one.json()["reference"] != two.json()["reference"]
    assert box.post(f"/svc2/activations/{one.json()['reference']}/cancel").status_code == 404


def test_looking_up_and_cancelling_are_repeatable(box):
    assert box.get("/svc1/activations/by-key/k3").status_code == 404
    reference = activate(box, "k3").json()["reference"]
    assert box.get("/svc1/activations/by-key/k3").json() == {"reference": reference, "status": "active"}
    for _ in range(2):
        gone = box.post(f"/svc1/activations/{reference}/cancel")
        assert (gone.status_code, gone.json()["status"]) == (200, "cancelled")
    assert activate(box, "k3").json() == {"reference": reference, "status": "cancelled"}


def test_forty_at_once_with_one_key_are_one_effect(box):
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: activate(box, "k4"), range(40)))
    assert [answer.status_code for answer in answers].count(201) == 1
    assert len({answer.json()["reference"] for answer in answers}) == 1


def test_a_call_without_key_or_with_a_bad_body_does_nothing(box):
    assert box.post("/svc1/activations", json=body()).status_code == 422
    assert box.post("/svc1/activations", content=b"[", headers={"Idempotency-Key": "k5"}).status_code == 422
    assert box.post("/svc3/activations", json=body(), headers={"Idempotency-Key": "k5"}).status_code == 422
    assert box.get("/svc1/activations/by-key/k5").status_code == 404


def test_a_fault_is_shown_as_often_as_asked_to_whom_it_matches(box):
    box.post("/faults", json={"service": "svc1", "kind": "status", "status": 429, "times": 2, "match": "case-9"})
    box.post("/faults", json={"service": "svc1", "kind": "status", "status": 502, "times": 1, "match": "Green"})
    assert activate(box, "f1").status_code == 201
    assert activate(box, "f1", service="svc2").status_code == 201
    assert [activate(box, "f2", body("case-9")).status_code for _ in range(3)] == [429, 429, 201]
    assert activate(box, "f3", body(legal_name="Green Shop")).status_code == 502
    assert box.get("/faults").json() == []


def test_a_fault_for_good_lasts_until_cleared_and_says_retry_after(box):
    box.post("/faults", json={"service": "svc2", "kind": "status", "status": 503, "times": None, "retry_after": "7"})
    for _ in range(3):
        answer = activate(box, "f4", service="svc2")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "7")
    box.delete("/faults")
    assert activate(box, "f4", service="svc2").status_code == 201


@pytest.mark.parametrize("kind, done", [("drop", True), ("drop_before", False), ("hang", False), ("late", True)])
def test_a_cut_is_a_cut_whether_the_work_was_done_or_not(box, kind, done):
    box.post("/faults", json={"service": "svc1", "kind": kind, "seconds": 0.01})
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        activate(box, f"w-{kind}")
    assert (box.get(f"/svc1/activations/by-key/w-{kind}").status_code == 200) == done


def test_garbage_did_the_work_and_a_redirect_did_not(box):
    box.post("/faults", json={"service": "svc1", "kind": "garbage"})
    with pytest.raises(ValueError):
        activate(box, "w-garbage").json()
    box.post("/faults", json={"service": "svc1", "kind": "redirect"})
    assert activate(box, "w-redirect").status_code == 307
    assert box.get("/svc1/activations/by-key/w-garbage").status_code == 200
    assert box.get("/svc1/activations/by-key/w-redirect").status_code == 404


def test_slow_is_late_but_good(box):
    box.post("/faults", json={"service": "svc1", "kind": "slow", "seconds": 0.2})
    started = time.monotonic()
    assert activate(box, "slow").status_code == 201
    assert time.monotonic() - started >= 0.2


def test_endless_never_ends(box):
    box.post("/faults", json={"service": "svc1", "kind": "endless"})
    read = 0
    with box.stream("POST", "/svc1/activations", json=body(), headers={"Idempotency-Key": "endless"}) as answer:
        for chunk in answer.iter_raw():
            read += len(chunk)
            if read > 1_000_000:
                break
    assert read > 1_000_000


def test_faults_for_look_up_and_cancel_leave_activation_alone(box):
    box.post("/faults", json={"service": "svc1", "kind": "status", "operation": "lookup", "status": 500})
    box.post("/faults", json={"service": "svc1", "kind": "drop", "operation": "cancel"})
    reference = activate(box, "op").json()["reference"]
    assert box.get("/svc1/activations/by-key/op").status_code == 500
    with pytest.raises(httpx.TransportError):
        box.post(f"/svc1/activations/{reference}/cancel")
    assert box.get("/svc1/activations/by-key/op").json()["status"] == "cancelled"


@pytest.mark.parametrize(
    "bad",
    [
        {},
        {"service": "svc3", "kind": "drop"},
        {"service": "svc1", "kind": "explode"},
        {"service": "svc1", "kind": "status", "status": 200},
    ],
)
def test_a_fault_that_does_not_exist_is_refused(box, bad):
    assert box.post("/faults", json=bad).status_code == 422


@pytest.mark.parametrize(
    "words, statuses",
    [
        ({"legal_name": "Shop [svc1:fail]"}, [400, 400, 400]),
        ({"legal_name": "Shop [SVC1:Fail:1] Ltd"}, [400, 201, 200]),
        ({"trading_name": "[svc1:503:2]"}, [503, 503, 201]),
        ({"external_ref": "x[svc1:down]y"}, [503, 503, 503]),
        ({"legal_name": "Shop [svc2:fail]"}, [201, 200, 200]),
        ({"legal_name": "Shop svc1:fail"}, [201, 200, 200]),
        ({"legal_name": ["[svc1:fail]"]}, [201, 200, 200]),
    ],
)
def test_magic_words_in_a_merchant_s_name_show_a_fault(box, request, words, statuses):
    case = body(request.node.name, **words)
    assert [activate(box, request.node.name, case).status_code for _ in range(3)] == statuses


def test_magic_counts_the_case_s_calls_so_that_a_second_round_with_a_new_key_succeeds(box):
    case = body("round", legal_name="Shop [svc2:fail:1]")
    assert activate(box, "round-1", case, service="svc2").status_code == 400
    assert activate(box, "round-2", case, service="svc2").status_code == 201


def test_every_magic_word_is_a_fault():
    for word in ("fail", "down", "hang", "slow", "late", "drop", "garbage", "418", "599"):
        assert isinstance(magic("svc1", body(legal_name=f"[svc1:{word}]"), 0), Fault)
    for word in ("399", "600", "nothing", ""):
        assert magic("svc1", body(legal_name=f"[svc1:{word}]"), 0) is None


def test_mounted_in_another_application_it_is_the_same_and_a_cut_is_a_cut():
    main = FastAPI()
    main.mount("/sandbox", sandbox(None))
    with running(main) as base, httpx.Client(base_url=f"{base}/sandbox", trust_env=False, verify=False) as client:
        assert activate(client, "m1").status_code == 201
        client.post("/faults", json={"service": "svc1", "kind": "drop"})
        with pytest.raises(httpx.RemoteProtocolError):
            activate(client, "m2")
        assert client.get("/svc1/activations/by-key/m2").status_code == 200


def test_what_it_keeps_is_no_merchant_data(tmp_path):
    store = Store(tmp_path / "s.db")
    store.called("svc1", "activate", None, key="k", body=body(legal_name="Secret Bakery"))
    store.activate("svc1", "k", body(legal_name="Secret Bakery"))
    store.close()
    assert not any(b"Secret Bakery" in path.read_bytes() for path in tmp_path.iterdir())


def start(db):
    process = subprocess.Popen(
        [sys.executable, "-m", "tools.sandbox", "--port", "0", "--db", str(db)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    return process, process.stdout.readline().strip()


def test_run_alone_it_prints_its_url_and_remembers_across_kill_9(tmp_path):
    process, base = start(tmp_path / "box.db")
    with httpx.Client(base_url=base, trust_env=False, verify=False) as client:
        first = activate(client, "durable").json()
        client.post("/faults", json={"service": "svc2", "kind": "status", "status": 500, "times": 5})
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    process, base = start(tmp_path / "box.db")
    try:
        with httpx.Client(base_url=base, trust_env=False, verify=False) as client:
            again = activate(client, "durable")
            assert (again.status_code, again.json()) == (200, first)
            assert activate(client, "x", service="svc2").status_code == 500
            assert [fault["left"] for fault in client.get("/faults").json()] == [4]
    finally:
        process.terminate()
        assert process.wait(10) is not None
        process.stdout.close()
