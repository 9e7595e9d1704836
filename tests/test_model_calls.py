"""Asking a model: bounded in time and money, believed only in the right shape, recorded, and replayed for nothing."""

import time
from decimal import Decimal

import pytest
from harness.modelling import Kept, playing
from langchain_core.messages import HumanMessage

from agents.breaker import Breaker
from agents.extraction import ReadAnswer, prompt
from agents.model import Limits
from agents.prices import BadPriceFile, Prices
from agents.prompt import fenced
from agents.talk import begin
from onboarding.model_call import ModelGaveUp
from tools.scripted_answers import MALFORMED, lazy

TEXT = [HumanMessage(fenced("We are Blue Kite Ltd.", "source 1"))]


async def ask(model, kept=None, text=TEXT):
    talk = await begin(model, "preprocess", kept or Kept())
    return (await talk.ask(prompt(), text, ReadAnswer))[0]


async def test_an_answer_is_recorded_with_all_that_it_cost():
    kept = Kept()
    with playing("good") as (model, stage):
        answer = await ask(model, kept)
    assert [(item.path, item.value) for item in answer.fields] == [("legal_name", "Blue Kite Ltd")]
    (call,) = kept.calls
    assert (call.outcome, call.model, call.prompt_id) == ("answered", "scripted-1", "read_application")
    assert call.prompt_hash == prompt().digest
    assert call.parameters == {"max_tokens": 6000, "temperature": 0}
    assert call.input_tokens > 100
    assert call.output_tokens > 0
    exact = (call.input_tokens * Decimal("2.5") + call.output_tokens * 10) / 1_000_000
    assert abs(Decimal(call.cost) - exact) <= Decimal("0.000001")
    assert call.reply is not None
    sent = stage.calls[0]["request"]
    assert sent["temperature"] == 0
    assert sent["response_format"]["json_schema"]["strict"] is True
    assert stage.calls[0]["authorization"] == "Bearer sk-test"


async def test_an_equal_request_is_answered_from_the_recording_and_costs_nothing():
    kept = Kept()
    with playing("good") as (model, stage):
        first = await ask(model, kept)
        again = await ask(model, kept)
        assert (first, len(stage.calls), len(kept.calls)) == (again, 1, 1)
        await ask(model, kept, [HumanMessage("We are Blue Kite Ltd!")])
        assert len(stage.calls) == 2


@pytest.mark.parametrize("number", range(1, len(MALFORMED) + 1))
async def test_malformed_answers_are_asked_for_once_more_and_then_given_up(number):
    kept = Kept()
    with playing(f"malformed-{number}") as (model, stage):
        with pytest.raises(ModelGaveUp, match="asked twice"):
            await ask(model, kept)
        assert len(stage.calls) == 2
        assert [call.outcome for call in kept.calls] == ["malformed", "malformed"]


@pytest.mark.parametrize("script", ["truncated", "duplicates", "nan", "prose", "obeying", "invented-tool"])
async def test_answers_of_another_shape_are_never_taken_in_part(script):
    with playing(script) as (model, stage):
        with pytest.raises(ModelGaveUp):
            await ask(model)
        assert len(stage.calls) == 2


async def test_an_answer_that_eats_the_whole_budget_is_not_asked_for_again():
    with playing("verbose") as (model, stage):
        with pytest.raises(ModelGaveUp, match=r"budget spent: 1\.00 USD"):
            await ask(model)
        assert len(stage.calls) == 1


async def test_a_bad_answer_that_is_mended_counts_and_the_model_was_told_what_was_wrong():
    kept = Kept()
    with playing("prose,good") as (model, stage):
        await ask(model, kept)
    assert [call.outcome for call in kept.calls] == ["malformed", "answered"]
    assert "Your answer could not be used: not JSON" in stage.calls[1]["request"]["messages"][-1]["content"]


async def test_a_fence_around_the_whole_answer_is_only_packaging():
    with playing("fenced") as (model, stage):
        await ask(model)
        assert len(stage.calls) == 1


@pytest.mark.parametrize("script", ["hang", "endless", "flood", "slow"])
async def test_an_endpoint_without_end_ends_in_bounded_time(script):
    limits = {"seconds": 0.5, "attempt_seconds": 0.2}
    with playing(script, **limits) as (model, _):
        started = time.monotonic()
        with pytest.raises(ModelGaveUp):
            await ask(model)
        assert time.monotonic() - started < 3


@pytest.mark.parametrize("script", ["429", "429-soon", "500", "503", "cut", "half", "html", "no-choices"])
async def test_what_brings_nothing_back_is_tried_again_and_then_given_up(script):
    kept = Kept()
    with playing(script) as (model, stage):
        with pytest.raises(ModelGaveUp, match="2 tries"):
            await ask(model, kept)
        assert len(stage.calls) == 2
    assert [call.outcome for call in kept.calls] == ["unavailable", "unavailable", "gave_up"]


@pytest.mark.parametrize("script", ["429,good", "429-soon,good", "500,good", "cut,good", "hang,good"])
async def test_a_passing_trouble_passes(script):
    with playing(script, attempt_seconds=1) as (model, stage):
        await ask(model)
        assert len(stage.calls) == 2


async def test_retry_after_is_honoured_and_not_waited_for_beyond_the_budget():
    with playing("429-later,good") as (model, stage):
        started = time.monotonic()
        with pytest.raises(ModelGaveUp, match="HTTP 429"):
            await ask(model)
        assert len(stage.calls) == 1
        assert time.monotonic() - started < 10


@pytest.mark.parametrize("script", ["400", "401", "redirect"])
async def test_a_refusal_is_not_repeated(script):
    with playing(script, attempts=3) as (model, stage):
        with pytest.raises(ModelGaveUp):
            await ask(model)
        assert len(stage.calls) == 1


@pytest.mark.parametrize(
    ("limits", "named"),
    [({"calls": 1}, "1 calls"), ({"tokens": 500}, "500 tokens"), ({"cost": Decimal("0.0001")}, "0.0001 USD")],
)
async def test_a_spent_budget_ends_the_asking_of_a_case_and_not_of_others(limits, named):
    kept = Kept()
    with playing("malformed-6", **limits) as (model, stage):
        with pytest.raises(ModelGaveUp, match=f"budget spent: {named}"):
            await ask(model, kept)
        asked = len(stage.calls)
        with pytest.raises(ModelGaveUp, match=f"budget spent: {named}"):
            await ask(model, kept, [HumanMessage("another step of the same case")])
        assert len(stage.calls) == asked <= 1
        stage.play(lazy)
        if "calls" in limits:
            await ask(model)


async def test_time_spent_in_earlier_steps_counts():
    kept = Kept()
    with playing("hang", seconds=1, attempt_seconds=0.9, attempts=1) as (model, _):
        with pytest.raises(ModelGaveUp):
            await ask(model, kept)
        started = time.monotonic()
        with pytest.raises(ModelGaveUp):
            await ask(model, kept, [HumanMessage("next step")])
        assert time.monotonic() - started < 0.8


def test_the_breaker_opens_after_failures_in_a_row_and_lets_one_trial_through():
    now = [0.0]
    breaker = Breaker(failures=2, seconds=10, clock=lambda: now[0])
    for _ in range(2):
        assert breaker.enter()
        breaker.failed()
    assert not breaker.enter()
    now[0] = 10.5
    assert breaker.enter()
    assert not breaker.enter(), "a second caller waits for the trial's outcome"
    breaker.failed()
    assert not breaker.enter()
    now[0] = 21.0
    assert breaker.enter()
    breaker.succeeded()
    assert breaker.enter()
    breaker.failed()
    assert breaker.enter(), "one failure after a success does not open it"


async def test_while_the_endpoint_is_down_no_further_case_waits_for_it():
    with playing("hang", attempts=1) as (model, stage):
        for _ in range(1000):
            model.breaker.failed()
        started = time.monotonic()
        with pytest.raises(ModelGaveUp, match="left alone"):
            await ask(model)
        assert (len(stage.calls), time.monotonic() - started < 1) == (0, True)


async def test_no_proxy_and_no_tracing_from_the_environment(monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "OPENAI_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("LANGSMITH_TRACING", "true")
    monkeypatch.setenv("LANGSMITH_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("LANGSMITH_GATEWAY", "true")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    with playing("good") as (model, stage):
        await ask(model)
        assert len(stage.calls) == 1


def test_the_longest_pattern_names_the_price_and_an_unknown_model_is_not_free():
    prices = Prices.load()
    assert prices.of("gpt-4o-mini-2024-07-18").input < prices.of("gpt-4o-2024-11-20").input
    assert prices.of("gpt-4o").cost(1_000_000, 0) == Decimal("2.5")
    assert prices.of("nobody-knows-me").cost(1_000_000, 1_000_000) > 0
    assert not prices.of("gpt-5").temperature


@pytest.mark.parametrize("text", ["currency = 'usd'", "x = [", 'currency="USD"\n[models]\n"a"={input=-1,output=1}'])
def test_a_bad_price_file_is_refused_by_name(tmp_path, text):
    (tmp_path / "prices.toml").write_text(text)
    with pytest.raises(BadPriceFile, match=r"prices\.toml"):
        Prices.load(tmp_path / "prices.toml")


def test_the_default_budgets_allow_one_read_one_investigation_and_one_write_up_each_mended_once():
    limits = Limits()
    assert limits.calls >= 2 * (1 + limits.turns + 1)
