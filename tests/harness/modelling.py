"""The three agents as the nodes call them, with a model over real HTTP and the recordings in memory."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from agents import postprocessing, preprocessing, validation
from agents.breaker import Breaker
from agents.model import Limits, Model
from agents.prices import Prices
from agents.talk import begin
from graph.inquiries import inquiries
from onboarding.assessment import Assessment, Prior, Validation
from onboarding.door import make_part
from onboarding.matching import match_keys
from onboarding.model_call import ModelCall, Spent
from onboarding.policy import Policy
from onboarding.reading.result import Reading
from onboarding.screening import Watchlist
from onboarding.settings import Settings
from onboarding.submission import Submission
from tools.model import OpenAIEndpoint
from tools.sandbox_server import running
from tools.scripted_model import Stage, scripted

HERE = Path(__file__).parents[1]
AMPLE = Limits(seconds=20, attempt_seconds=5, attempts=2, first_wait=0.01)
"""Time enough on any machine: a test of time running out says itself how little there is."""


class Kept:
    """The recordings of one case, in memory."""

    def __init__(self) -> None:
        self.calls: list[ModelCall] = []

    async def find(self, request_hash: str) -> ModelCall | None:
        same = [call for call in self.calls if call.request_hash == request_hash]
        return next((call for call in same if call.reply), same[-1] if same and same[-1].outcome == "gave_up" else None)

    async def keep(self, call: ModelCall) -> None:
        self.calls.append(call)

    async def spent(self) -> Spent:
        asked = [call for call in self.calls if call.outcome != "gave_up"]
        return Spent(
            calls=len(asked),
            input_tokens=sum(call.input_tokens for call in asked),
            output_tokens=sum(call.output_tokens for call in asked),
            cost=str(sum((Decimal(call.cost) for call in asked), Decimal(0))),
            seconds=sum(call.latency_ms for call in asked) / 1000,
        )


@dataclass
class Outcome:
    """What PreOnboarding made of one application."""

    reading: Reading
    checked: Validation
    judged: Assessment
    kept: Kept = field(default_factory=Kept)

    @property
    def codes(self) -> set[str]:
        return {item.code for item in [*self.checked.findings, *self.judged.findings]}

    @property
    def action(self) -> str:
        return self.judged.recommendation.action


@contextmanager
def playing(script: Any, **limits: Any) -> Iterator[tuple[Model, Stage]]:
    """A model at a scripted endpoint, and the stage that it plays on."""
    app = scripted(script)
    with running(app) as url:
        yield model_at(url, **limits), app.state.stage


def model_at(url: str, **limits: Any) -> Model:
    bounds = replace(AMPLE, **limits)
    endpoint = OpenAIEndpoint("scripted-1", api_key="sk-test", base_url=f"{url}/v1", seconds=bounds.attempt_seconds)
    return Model(
        name="scripted-1", endpoint=endpoint, prices=Prices.load(), limits=bounds, breaker=Breaker(failures=1000)
    )


@cache
def acceptance() -> tuple[dict[str, Any], ...]:
    lines = (HERE / "data" / "acceptance.jsonl").read_text("utf-8").splitlines()
    return tuple(json.loads(line) for line in lines)


@cache
def watchlist() -> Watchlist:
    return Watchlist.load(HERE.parent / "examples" / "watchlist.jsonl")


def submission(payload: Any, format_: str = "text") -> Submission:
    return Submission(version=1, parts=[make_part(payload, format_)])


async def onboard(
    given: Submission,
    model: Model | None,
    *,
    as_of: str = "2026-11-23",
    priors: list[Prior] | None = None,
    kept: Any = None,
    website: Any = None,
) -> Outcome:
    """Preprocess, validate, postprocess."""
    memory, policy, day = kept or Kept(), Policy.default(), date.fromisoformat(as_of)

    async def talk(step: str) -> Any:
        return await begin(model, step, memory) if model else None

    reading = await preprocessing.preprocess(given, as_of=day, policy=policy, talk=await talk("preprocess"))
    reading = Reading.from_json(reading.to_json())
    known = [prior for prior in priors or [] if match_keys(prior.application) & match_keys(reading.application)]
    context: Any = SimpleNamespace(policy=policy, settings=Settings(model_website=website is not None), website=website)
    checked = await validation.validate(
        reading,
        given,
        priors=known,
        watchlist=watchlist(),
        policy=policy,
        as_of=day,
        talk=await talk("validate"),
        tools=lambda found: inquiries(
            reading.application, findings=found.findings, priors=known, watchlist=watchlist(), context=context
        ),
    )
    judged = await postprocessing.postprocess(reading, checked, policy=policy, talk=await talk("postprocess"))
    return Outcome(reading, checked, judged, memory)


async def run_set(model: Model | None, wanted: Callable[[dict[str, Any]], bool] = lambda _: True) -> dict[str, Outcome]:
    """The acceptance set in order, each later application compared with the earlier ones."""
    found: dict[str, Outcome] = {}
    priors: list[Prior] = []
    for item in acceptance():
        if not wanted(item):
            continue
        given = submission(item["payload"], item["format"])
        outcome = found[item["id"]] = await onboard(given, model, as_of=item["as_of"], priors=priors)
        priors.append(Prior(case_id=item["id"], application=outcome.reading.application))
    return found
