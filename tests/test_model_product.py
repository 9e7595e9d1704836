"""The model in the running product: cost on the case, recordings in the ledger, metrics, evaluation and replay."""

import io
import json
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from harness.modelling import acceptance
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console

from api.evaluate import evaluate
from checkpoints import recordings
from checkpoints.casefile import collect
from graph.metrics import Metrics
from graph.replay import Player
from graph.runner import Runner
from graph.service import Actor
from graph.wiring import open_product
from onboarding.door import make_part
from onboarding.model_call import ModelCall
from onboarding.settings import BadSettings, Settings
from tools.sandbox_server import running
from tools.scripted_model import scripted

WATCHLIST = Path(__file__).parents[1] / "examples" / "watchlist.jsonl"
BACKEND = Actor("shop", "backend")
KEY = "k001:" + "A" * 43 + "="


@pytest.fixture
def endpoint():
    app = scripted("good")
    with running(app) as url:
        yield app.state.stage, f"{url}/v1"


def settings(tmp_path, url, **changes):
    given = {
        "data_dir": tmp_path / "data",
        "rule_processes": 0,
        "watchlist": WATCHLIST,
        "model": "gpt-4o-mini",
        "openai_base_url": url,
        "openai_api_key": "sk-secret-key",
        "model_timeout_seconds": 1,
        "model_seconds": 5,
    }
    return Settings(**given | changes)


@asynccontextmanager
async def product(given, observer=None):
    day = datetime(2026, 11, 23, 12, tzinfo=UTC)
    async with open_product(given, self_url="http://127.0.0.1:9", clock=lambda: day, observer=observer) as built:
        yield built


async def submit(built, item):
    (case,), _ = await built.service.submit(BACKEND, [[make_part(item["payload"], item["format"])]], key=None)
    await built.runner.advance(case.id)
    return await built.service.get(case.id)


def app(number):
    return acceptance()[number - 1]


async def test_what_the_model_cost_stands_on_the_case_in_the_trail_and_in_the_metrics(tmp_path, endpoint):
    stage, url = endpoint
    metrics = Metrics()
    async with product(settings(tmp_path, url), metrics) as built:
        case = await submit(built, app(5))
        calls = await built.context.db.read(lambda tx: recordings.of_case(tx, case.id))
        trail = await built.service.events(case.id)
        page = (await metrics.page(built)).decode()
    assert case.model.name == "gpt-4o-mini"
    assert case.model.calls == len(stage.calls) == len(calls) == 4
    assert case.model.input_tokens == sum(call.input_tokens for call in calls) > 500
    assert float(case.model.cost) == pytest.approx(sum(float(call.cost) for call in calls))
    assert float(case.model.cost) > 0
    assert [call.prompt_id for call in calls] == ["read_application", "investigate", "investigate", "write_up"]
    assert [(call.step, call.sequence) for call in calls] == [
        ("preprocess", 1),
        ("validate", 1),
        ("validate", 2),
        ("postprocess", 1),
    ]
    told = [event["data"] for event in trail if event["type"] == "model.called"]
    assert [event["prompt"] for event in told] == [call.prompt_id for call in calls]
    samples = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }
    assert samples[("onboard_model_calls_total", "answered", "validate")] == 2
    assert samples[("onboard_model_tokens_total", "input")] == case.model.input_tokens
    assert samples[("onboard_model_cost_total",)] == pytest.approx(float(case.model.cost))


async def test_texts_of_a_model_are_drafts_and_the_advice_is_the_codes(tmp_path, endpoint):
    _, url = endpoint
    async with product(settings(tmp_path, url)) as built:
        case = await submit(built, app(1))
    assert case.recommendation.action == "approve"
    assert case.drafts.author == "model:write_up@1"
    assert case.drafts.summary != case.summary
    async with product(settings(tmp_path / "alone", url, model=None)) as built:
        alone = await submit(built, app(1))
    assert alone.model.name is None
    assert alone.drafts is None
    assert (alone.summary, alone.recommendation, alone.risk) == (case.summary, case.recommendation, case.risk)


async def test_recordings_are_sealed_and_carry_no_key(tmp_path, endpoint):
    _, url = endpoint
    given = settings(tmp_path, url, encryption_key=KEY)
    async with product(given) as built:
        case = await submit(built, app(5))
        calls = await built.context.db.read(lambda tx: recordings.of_case(tx, case.id))
    kept = b"".join(path.read_bytes() for path in (tmp_path / "data").glob("onboard.db*"))
    assert calls[0].reply.text
    assert calls[0].reply.text[:60].encode() not in kept
    assert b"sk-secret-key" not in kept


async def test_a_step_that_runs_again_after_a_crash_pays_nothing_twice(tmp_path, endpoint):
    stage, url = endpoint
    async with product(settings(tmp_path, url)) as built:
        once = await submit(built, app(5))
        asked = len(stage.calls)
        config = {"configurable": {"thread_id": once.id}}
        first = [s async for s in built.runner.graph.aget_state_history(config)][-1]
        await built.runner.graph.ainvoke(None, first.config, context=built.context)
        assert len(stage.calls) == asked
        case = await built.service.get(once.id)
        assert case.model == once.model


async def test_a_case_with_a_model_is_played_again_without_one(tmp_path, endpoint):
    stage, url = endpoint
    given = settings(tmp_path, url)
    async with product(given) as built:
        for script in ("good", "500", "malformed-3", "approving"):
            stage.play(script)
            case = await submit(built, app(5))
            file = await built.context.db.read(lambda tx, id_=case.id: collect(tx, id_))
            asked = len(stage.calls)
            player = Player(given, built.context.policy, built.context.watchlist)
            played = await player.play(file)
            assert (played.stopped, played.missing) == (None, False), script
            assert played.file.shown()[0] == file.shown()[0], script
            assert len(stage.calls) == asked


async def test_a_broken_model_leads_to_a_person_with_the_reason_on_the_case(tmp_path, endpoint):
    stage, url = endpoint
    stage.play("500")
    async with product(settings(tmp_path, url, model_attempts=1)) as built:
        case = await submit(built, app(1))
    assert (case.status, case.recommendation.action) == ("in_review", "review")
    failed = [item for item in case.findings if item.code == "MODEL_FAILED"]
    assert failed[0].severity == "warning"
    assert "HTTP 500" in failed[0].evidence[0].detail
    assert case.model.calls == len(stage.calls) == 2


async def test_a_model_without_a_key_or_an_endpoint_of_its_own_is_refused_at_the_start(tmp_path):
    with pytest.raises(BadSettings, match="OPENAI_API_KEY"):
        async with product(Settings(data_dir=tmp_path, model="gpt-4o-mini")):
            pass


def some(tmp_path, *numbers):
    file = tmp_path / "some.jsonl"
    file.write_text("".join(json.dumps(app(number)) + "\n" for number in numbers))
    return file


def test_evaluation_compares_rules_model_and_both_and_runs_again_from_its_recordings_for_nothing(tmp_path, endpoint):
    stage, url = endpoint
    file, kept, console = some(tmp_path, 1, 5), tmp_path / "kept.jsonl", Console(file=io.StringIO(), width=200)
    live = evaluate(file, tmp_path / "live.jsonl", settings(tmp_path, url), console, kept)
    asked = len(stage.calls)
    assert asked > 0
    compared = live.data["compared"]
    assert compared["rules"]["fully_right"] == 2
    assert "model_calls" not in compared["rules"]
    assert compared["model"]["field_accuracy"] < compared["both"]["field_accuracy"] == 1.0
    assert compared["both"]["model_calls"] > 0
    assert float(compared["both"]["cost_per_case"]) > 0
    console.print(live.table())
    assert "rules" in console.file.getvalue()
    assert "cost per case" in console.file.getvalue()

    again = evaluate(file, tmp_path / "again.jsonl", Settings(watchlist=WATCHLIST), console, kept)
    assert len(stage.calls) == asked
    assert again.data == live.data
    assert (tmp_path / "again.jsonl").read_text() == (tmp_path / "live.jsonl").read_text()


async def test_only_recordings_of_this_case_and_this_request_answer(tmp_path, endpoint):
    stage, url = endpoint
    async with product(settings(tmp_path, url)) as built:
        one = await submit(built, app(1))
        before = len(stage.calls)
        await submit(built, app(1))
        assert len(stage.calls) > before, "another case asks for itself"
        call = (await built.context.db.read(lambda tx: recordings.of_case(tx, one.id)))[0]
        assert ModelCall.from_json(call.to_json()) == call
        changed = replace(built.context, model=replace(built.context.model, name="gpt-4.1"))
        runner = Runner(built.runner.graph, changed)
        (other,), _ = await built.service.submit(BACKEND, [[make_part(app(1)["payload"], "json")]], key=None)
        await runner.advance(other.id)
        assert stage.calls[-1]["request"]["model"] == "gpt-4o-mini", "the endpoint is the model's own"
