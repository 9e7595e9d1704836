"""Replay: the same again, byte for byte; what changed, step by step; and nothing outside ever touched."""

import asyncio
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from checkpoints.casefile import CaseFile
from graph.archive import case_file, reading
from graph.difference import difference
from graph.replay import Player
from graph.service import Actor
from graph.what_if import fork, substituted
from graph.wiring import live_model, open_product
from onboarding.door import make_part
from onboarding.errors import BadInput, StorageUnavailable
from onboarding.letters.words import one_line
from onboarding.policy import DEFAULT_FILE, Policy
from onboarding.screening import Watchlist
from onboarding.settings import Settings
from tools.sandbox_server import running
from tools.scripted_model import scripted

REVIEWERS = "ann@reviewers.example, sue@reviewers.example"
UNDONE = (["compensate"], ["escalate"])
LISTED = {"name": "Arkady Semyonovich Voronzhev", "dob": "1961-04-03", "nationality": "RU"}
LIST = Path(__file__).parents[1] / "examples" / "watchlist.jsonl"


@pytest.fixture(scope="module")
def home(open_product_house) -> Iterator[Any]:
    with open_product_house(
        reviewers="ann@reviewers.example, sue@reviewers.example", watchlist=LIST, service_deadline_seconds=0.7
    ) as house:
        yield house


def settings_of(house, **changes) -> Settings:
    return Settings.model_validate({"data_dir": house.data_dir, "watchlist": LIST} | changes)


def recorded(house, case) -> CaseFile:
    return case_file(settings_of(house), case if isinstance(case, str) else case["id"])


def still(house, case_id: str) -> dict:
    """The case once nobody works on it: its last checkpoint is written."""
    query = "SELECT work_asked > work_done AS due FROM cases WHERE id = ?"
    ends = time.monotonic() + 20
    while time.monotonic() < ends:
        case = house.rest(case_id)
        if not house.rows(query, case_id)[0]["due"]:
            return case
        time.sleep(0.02)
    raise AssertionError(f"case {case_id} does not come to rest")


def play(file: CaseFile, policy: Policy | None = None, watchlist: Watchlist | None = None):
    player = Player(Settings(), policy or Policy.default(), Watchlist.load(LIST) if watchlist is None else watchlist)
    return difference(file, asyncio.run(player.play(file)))


def second(house, case: dict) -> dict:
    """The case after a second approval, where it takes two."""
    if case["review"] and case["review"]["stage"] == "second_review":
        assert house.decide("sue", case, "approve").status_code == 200
        return still(house, case["id"])
    return case


def approved(house, *body, **changes) -> dict:
    case = house.case(*body, **changes)
    assert house.decide("ann", case, "approve").status_code == 200
    case = second(house, still(house, case["id"]))
    assert case["status"] == "active", case
    return case


def inform(house, case_id: str, answers: dict) -> None:
    answer = house.backend.post(f"/v1/cases/{case_id}/information", json={"answers": answers})
    assert answer.status_code == 200, answer.text
    still(house, case_id)


def test_a_replayed_case_gives_the_same_findings_byte_for_byte_and_the_same_state_at_every_step(home):
    case = approved(home, contact={"email": "someone@gmail.com", "name": "Someone", "phone": "0113 496 0123"})
    found = play(recorded(home, case))
    assert found.first is None, found.first.to_json()
    assert found.findings["same_bytes"]
    assert found.findings["recorded"] != []
    assert found.identical, found.to_json()
    assert found.status == {"recorded": "active", "replayed": "active"}
    assert len(found.steps) >= 9


def test_a_request_an_answer_and_two_readings_replay_to_the_same_end(home):
    case = home.case(bank={})
    asked = [{"path": "bank.iban", "text": "Which account?"}]
    assert home.decide("ann", case, "request_information", request=asked).status_code == 200
    still(home, case["id"])
    inform(home, case["id"], {"bank.iban": "GB33BUKB20201555555555"})
    found = play(recorded(home, case))
    assert found.identical, found.to_json()
    assert [step.replayed for step in found.steps].count(["preprocess"]) == 2


def test_other_words_for_the_summary_are_told_where_they_were_written_and_change_no_letter(home):
    """As a release wrote them that summed up otherwise: a backtest over its cases is about outcomes."""
    file = recorded(home, still(home, home.case()["id"])["id"])
    now = one_line(file.reviews[0]["shown"]["summary"], 2000)
    assert any(now in row["body"]["text"] for row in file.letters)
    letters = [
        row | {"body": row["body"] | {"text": row["body"]["text"].replace(now, "As then.")}} for row in file.letters
    ]
    reviews = [row | {"shown": row["shown"] | {"summary": "As then."}} for row in file.reviews]
    found = play(file.with_(letters=letters, reviews=reviews))
    assert not any(found.letters.values()), found.letters
    other = [row | {"body": row["body"] | {"text": row["body"]["text"].replace("Please", "Pray")}} for row in letters]
    assert play(file.with_(letters=other, reviews=reviews)).letters["changed"]


def test_a_failed_activation_its_undoing_and_the_retry_replay_as_they_went(home):
    case = home.case(trading_name="Kite [svc2:fail:1]")
    assert home.decide("ann", case, "approve").status_code == 200
    case = second(home, still(home, case["id"]))
    assert case["review"]["stage"] == "activation"
    assert home.decide("ann", case, "retry").status_code == 200
    assert still(home, case["id"])["status"] == "active"
    found = play(recorded(home, case))
    assert found.identical, found.to_json()
    assert [step.replayed for step in found.steps if step.replayed in UNDONE] == list(UNDONE)
    assert found.status["replayed"] == "active"


def test_a_service_that_was_down_is_down_in_the_replay_and_comes_back_when_it_did(home):
    case = home.case(trading_name="Kite [svc1:503:3]")
    assert home.decide("ann", case, "approve").status_code == 200
    second(home, still(home, case["id"]))
    ends = time.monotonic() + 20
    while still(home, case["id"])["status"] != "active" and time.monotonic() < ends:
        home.clock.by += timedelta(seconds=20)
        time.sleep(0.3)
    found = play(recorded(home, case))
    assert ["pause"] in [step.replayed for step in found.steps]
    assert found.identical, found.to_json()
    assert found.status == {"recorded": "active", "replayed": "active"}


def test_the_day_counts_as_it_did_then_however_much_later_it_is_replayed(home):
    young = home.application()
    young["persons"][0]["dob"] = (datetime.now(UTC) - timedelta(days=17 * 365)).date().isoformat()
    file = recorded(home, still(home, home.case(young)["id"]))
    assert any(name.startswith("PERSON_UNDER_18") for name in play(file).findings["replayed"])
    basis = file.shown()[0]["basis"]
    aged = (datetime.now(UTC) + timedelta(days=900)).date().isoformat()
    older = file.with_(
        reviews=[row | {"shown": row["shown"] | {"basis": basis | {"as_of": aged}}} for row in file.reviews]
    )
    assert not any(name.startswith("PERSON_UNDER_18") for name in play(older).findings["replayed"])


def test_an_earlier_case_counts_as_it_was_although_it_changed_since(home):
    first = home.case()
    body = home.application(bank=home.get(first["id"])["application"]["bank"])
    second = home.case(body)
    codes = [item["code"] for item in second["findings"]]
    assert "RELATED_MERCHANT_SHARED_BANK" in codes
    inform(home, first["id"], {"bank.iban": "GB29NWBK60161331926819"})
    file = recorded(home, second)
    assert play(file).identical
    gone = play(file.with_(priors=[row | {"application": None} for row in file.priors]))
    assert gone.missing
    assert first["id"] in gone.missing
    assert not gone.identical


def test_a_list_that_is_gone_is_answered_from_what_it_answered_then(home):
    body = home.application()
    body["persons"][0] |= LISTED
    file = recorded(home, home.case(body))
    assert any("SANCTIONS" in name for name in play(file).findings["recorded"])
    assert play(file, watchlist=Watchlist.empty()).identical
    renamed = substituted(file, [("persons[0].name", "Somebody Else")])
    assert play(renamed).missing is None
    assert "was not looked up" in str(play(renamed, watchlist=Watchlist.empty()).missing)


def test_another_policy_shows_what_it_changes_step_by_step_and_where_first(home, tmp_path):
    file = recorded(home, approved(home))
    text = DEFAULT_FILE.read_text()
    strict = tmp_path / "strict.toml"
    strict.write_text(text.replace("countries = [", 'countries = ["GB", ', 1))
    found = play(file, Policy.load(strict))
    assert not found.identical
    assert found.first is not None
    assert found.first.recorded == ["validate"]
    assert any(name.startswith("PROHIBITED_COUNTRY") for name in found.findings["appeared"])
    assert found.recommendation == {"recorded": "approve", "replayed": "reject"}
    assert found.waits_for == "second_review"
    assert any(step.recorded == ["authorise"] and step.replayed == ["present_second"] for step in found.steps)


def test_what_if_the_account_had_been_another(home):
    case = approved(home)
    found = play(substituted(recorded(home, case), [("bank.iban", "GB00BUKB20201555555555")]))
    assert any(name.startswith("IBAN_CHECKSUM_FAILED") for name in found.findings["appeared"])
    assert still(home, case["id"])["status"] == "active"


def test_a_fork_starts_from_the_recorded_state_and_only_later_steps_run(home):
    file = recorded(home, approved(home))
    step = next(row["step"] for row in file.checkpoints if row["nodes"] == ["validate"])
    same = fork(file, step, [])
    player = Player(Settings(), Policy.default(), Watchlist.load(LIST))
    found = difference(file, asyncio.run(player.play(file, same)), after=same.row["n"])
    assert found.identical, found.to_json()
    assert found.steps[0].replayed == ["postprocess"]
    edited = fork(file, step, [("validation.missing", ["bank.account"])])
    found = difference(file, asyncio.run(player.play(file, edited)), after=edited.row["n"])
    assert found.recommendation == {"recorded": "approve", "replayed": "review"}
    with pytest.raises(BadInput, match="no such place"):
        fork(file, step, [("validation.nothing.here", 1)])
    with pytest.raises(BadInput, match="name a value of the state"):
        fork(file, step, [("country", "DE")])


def test_a_fork_after_the_decision_activates_from_the_recording_again(home):
    file = recorded(home, approved(home))
    step = next(row["step"] for row in file.checkpoints if row["nodes"] == ["authorise"])
    start = fork(file, step, [])
    player = Player(Settings(), Policy.default(), Watchlist.load(LIST))
    found = difference(file, asyncio.run(player.play(file, start)), after=start.row["n"])
    assert found.first is None, found.first.to_json()
    assert found.status["replayed"] == "active"


_watched: list[str] = []
_armed = False
WRITES = ("socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo", "smtplib.connect", "subprocess.Popen")


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if _armed and (event in WRITES or (event == "open" and arguments[1] and set("wax+") & set(str(arguments[1])))):
        _watched.append(f"{event} {arguments!r:.200}")


sys.addaudithook(_watch)


def test_a_replay_opens_no_socket_writes_no_file_and_leaves_the_ledger_as_it_was(home):
    """Seen by the interpreter itself: every connect, bind, look-up of a name and opening for writing."""
    global _armed
    case = approved(home)
    file = recorded(home, case)
    player = Player(settings_of(home), Policy.default(), Watchlist.load(LIST))
    before = home.dump()
    calls = home.sandbox(case["id"])

    async def quietly():
        global _armed
        _armed = True
        try:
            return await player.play(file)
        finally:
            _armed = False

    with asyncio.Runner() as runner:
        runner.get_loop()  # a loop makes a pair of sockets of its own
        played = runner.run(quietly())
    assert difference(file, played).identical
    assert [seen for seen in _watched if "onboard.db" not in seen] == []
    assert home.dump() == before
    assert home.sandbox(case["id"]) == calls


def test_looking_into_the_ledger_for_a_replay_cannot_write_to_it(home):
    with reading(settings_of(home)) as reader, pytest.raises(StorageUnavailable):
        reader.read(lambda tx: tx.conn.exec_driver_sql("UPDATE cases SET status = 'active'"))


def test_a_model_is_played_from_its_recordings_and_a_missing_one_is_told_not_guessed(tmp_path):
    """Priced at nothing: the endpoint is not asked again, unless that is what is wanted."""
    scripted_model = scripted("good")
    with running(scripted_model) as url:
        settings = Settings(
            data_dir=tmp_path,
            model="gpt-4o-mini",
            openai_base_url=f"{url}/v1",
            openai_api_key="sk-x",
            model_seconds=10,
            rule_processes=0,
        )
        body = {"legal_name": "Kite Ltd", "country": "GB", "business_description": "Bread and cakes over the counter."}

        async def judged() -> str:
            async with open_product(settings, self_url="http://127.0.0.1:9") as product:
                (case,), _ = await product.service.submit(
                    Actor("shop", "backend"), [[make_part(body, "json")]], key=None
                )
                await product.runner.advance(case.id)
                return case.id

        file = case_file(settings, asyncio.run(judged()))
        asked = len(scripted_model.state.stage.calls)
        assert asked == len(file.recordings) > 0
        found = play(file, watchlist=Watchlist.empty())
        assert found.identical, found.to_json()
        assert len(scripted_model.state.stage.calls) == asked
        lost = play(file.with_(recordings=file.recordings[1:]), watchlist=Watchlist.empty())
        assert "the model's answer" in str(lost.missing)
        assert not lost.identical

        async def live() -> Any:
            async with live_model(settings) as model:
                player = Player(settings, Policy.default(), Watchlist.empty(), model)
                return difference(file, await player.play(file))

        assert asyncio.run(live()).findings["same_bytes"]
        assert len(scripted_model.state.stage.calls) == 2 * asked
