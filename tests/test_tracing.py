"""One trace from the caller's request to the letter, carried over the wait, and silent about people."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI, Request, Response
from harness.house import application
from harness.world import wait_for
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from checkpoints import traces
from graph.service import Actor
from graph.wiring import open_product
from onboarding import tracing
from onboarding.decision import Decision
from onboarding.door import make_part
from onboarding.settings import BadSettings, Settings
from tools.sandbox import sandbox
from tools.sandbox_server import running
from tools.scripted_model import scripted
from tools.telemetry import Telemetry

SUBMITTED, DECIDED = "1" * 32, "2" * 32
PREPARED = {"step preprocess", "step validate", "step postprocess", "step present"}
ACTIVATED = {"step authorise", "step activate_svc1", "step activate_svc2", "step settle", "step welcome"}


def caller(trace: str) -> dict[str, str]:
    return {"traceparent": f"00-{trace}-{'a' * 16}-01", "tracestate": "vendor=jane.doe"}


class Seen:
    """What was traced, and what SVC1 and SVC2 were sent."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self.exporter = exporter
        self.received: list[dict[str, str]] = []

    def of(self, trace: str) -> list[ReadableSpan]:
        return [s for s in self.exporter.get_finished_spans() if f"{s.context.trace_id:032x}" == trace]

    def one(self, name: str, trace: str) -> ReadableSpan:
        found = [span for span in self.of(trace) if span.name == name]
        assert len(found) == 1, (name, sorted(span.name for span in self.of(trace)))
        return found[0]


@pytest.fixture(scope="module")
def seen() -> Iterator[Seen]:
    exporter = InMemorySpanExporter()
    telemetry = Telemetry(SimpleSpanProcessor(exporter))
    tracing.use(telemetry)
    yield Seen(exporter)
    tracing.use(None)
    telemetry.close()


@pytest.fixture(scope="module")
def traced(seen, open_product_house) -> Iterator[tuple[Any, Seen, dict[str, Any]]]:
    """A product with a model, and one case of it that was submitted under one trace and approved under another."""
    services = sandbox()

    @services.middleware("http")
    async def note(request: Request, call_next: Any) -> Response:
        if request.method == "POST":
            seen.received.append(dict(request.headers))
        return await call_next(request)

    with running(services) as svc, running(scripted("good")) as model:
        urls = {f"svc{number}_url": f"{svc}/svc{number}" for number in (1, 2)}
        given = {"reviewers": "ann@reviewers.example", "model": "gpt-4o-mini", "openai_base_url": f"{model}/v1"}
        with open_product_house(**urls, **given) as house:
            body = house.application()
            made = house.backend.post("/v1/cases", json=body, headers=caller(SUBMITTED))
            case = house.rest(made.json()["id"])
            house.letter(case["id"])
            answer = house.ann.post(
                f"/v1/cases/{case['id']}/decision", json={"action": "approve"}, headers=caller(DECIDED)
            )
            assert answer.status_code == 200
            assert house.rest(case["id"])["status"] == "active"
            house.letter(case["id"], kind="welcome")
            yield house, seen, body | {"id": case["id"]}


def words(value: Any) -> Iterator[str]:
    """Every text in a document that is long enough to be somebody's."""
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from words(inner)
    elif isinstance(value, str) and len(value) > 4:
        yield value


def under(child: ReadableSpan, parent: ReadableSpan) -> bool:
    return child.parent is not None and child.parent.span_id == parent.context.span_id


def test_from_the_callers_request_to_the_reviewers_letter_it_is_one_trace(traced):
    _, seen, _ = traced
    names = {span.name for span in seen.of(SUBMITTED)}
    assert {"POST /v1/cases", "advance", "chat gpt-4o-mini", "letter approval_request"} | PREPARED <= names
    request, run = seen.one("POST /v1/cases", SUBMITTED), seen.one("advance", SUBMITTED)
    assert f"{request.parent.span_id:016x}" == "a" * 16
    assert under(run, request)
    assert all(under(seen.one(name, SUBMITTED), run) for name in PREPARED)
    chats = [span for span in seen.of(SUBMITTED) if span.name == "chat gpt-4o-mini"]
    assert all(any(under(span, seen.one(name, SUBMITTED)) for name in PREPARED) for span in chats)
    assert request.attributes["http.route"] == "/v1/cases"
    assert request.attributes["http.response.status_code"] == 202


def test_what_follows_the_decision_is_in_its_trace_and_linked_to_the_submission(traced):
    _, seen, _ = traced
    run = seen.one("advance", DECIDED)
    assert under(run, seen.one("POST /v1/cases/{case_id}/decision", DECIDED))
    assert [f"{link.context.trace_id:032x}" for link in run.links] == [SUBMITTED]
    assert {span.name for span in seen.of(DECIDED)} >= ACTIVATED | {"letter welcome"}
    assert all(under(seen.one(f"tool activate_{svc}", DECIDED), seen.one(f"step activate_{svc}", DECIDED))
               for svc in ("svc1", "svc2"))  # fmt: skip


def test_svc1_and_svc2_are_told_the_trace(traced):
    _, seen, _ = traced
    calls = {f"{seen.one(f'POST {name}', DECIDED).context.span_id:016x}" for name in ("svc1", "svc2")}
    assert {headers["traceparent"] for headers in seen.received} == {f"00-{DECIDED}-{span}-01" for span in calls}


def test_no_span_says_anything_about_anybody(traced):
    house, seen, body = traced
    links = house.links(body["id"])
    told = "\n".join(span.to_json() for span in seen.exporter.get_finished_spans())
    written = {name: value for name, value in body.items() if name not in ("id", "entity_type")}
    secrets = [
        *(word for word in words(written) if word not in ("owner", "director", "control_person")),
        *(link.rpartition("/")[2] for link in links.values()),
        *house.tokens.values(),
    ]
    assert len(secrets) > 20
    assert [value for value in secrets if value in told] == []
    said = {name for span in seen.exporter.get_finished_spans() for name in span.attributes}
    assert said <= tracing.ATTRIBUTES


def test_a_link_in_a_letter_begins_a_trace_of_its_own_and_does_not_show_its_token(traced):
    house, seen, _ = traced
    other = house.case()
    link = house.links(other["id"])["reject"]
    house.nobody.get(link, headers=caller("3" * 32))
    assert seen.of("3" * 32) == []
    own = "GET /review/{token:path}"
    wait_for(lambda: own in {span.name for span in seen.exporter.get_finished_spans()}, 10, "the span of the request")
    assert link.rpartition("/")[2] not in "".join(span.to_json() for span in seen.exporter.get_finished_spans())


def test_a_traceparent_that_is_none_is_no_reason_to_refuse(traced):
    house = traced[0]
    answer = house.backend.post("/v1/cases", json=house.application(), headers={"traceparent": "00-nonsense' --"})
    assert answer.status_code == 202


def test_what_failed_is_said_by_its_type_alone(seen):
    with pytest.raises(RuntimeError), tracing.span("step validate", step="validate"):
        raise RuntimeError("Jane Doe, born 1975-11-04")
    span = seen.exporter.get_finished_spans()[-1]
    assert span.attributes["error.type"] == "RuntimeError"
    assert not span.status.is_ok
    assert "Jane" not in span.to_json()


def test_a_span_says_nothing_that_is_not_in_the_list(seen):
    with pytest.raises(ValueError, match="legal_name"), tracing.span("step", legal_name="Example Ltd"):
        pass


async def test_the_trace_outlives_the_process_that_began_it(seen, tmp_path):
    given = Settings(data_dir=tmp_path, rule_processes=0)
    with running(sandbox()) as url:
        async with open_product(given, self_url=url) as first:
            with tracing.span("submitted here"):
                began = tracing.carried()
                part = make_part(application(77), "json")
                (case,), _ = await first.service.submit(Actor("shop", "backend"), [[part]], key=None)
            await first.runner.advance(case.id)
        async with open_product(given, self_url=url) as second:
            with tracing.span("decided here"):
                decided, actor = tracing.carried(), Actor("ann", "admin")
                await second.service.decide(actor, case.id, Decision(action="approve"), review_id=None, channel="api")
            await second.runner.advance(case.id)
            kept = await second.context.db.read(lambda tx: traces.of_case(tx, case.id))
    assert kept == traces.Traced(began, decided)
    run = seen.one("advance", decided.split("-")[1])
    assert f"{run.links[0].context.trace_id:032x}" == began.split("-")[1]


# off, and on for real

OFF = """
import asyncio, sys
from pathlib import Path
from graph.wiring import open_product
from onboarding.settings import Settings
async def main():
    async with open_product(Settings(data_dir=Path(sys.argv[1]), rule_processes=0), self_url="http://127.0.0.1:9"):
        pass
asyncio.run(main())
print([name for name in sys.modules if name.startswith("opentelemetry.exporter") or name == "tools.telemetry"])
"""


def test_off_it_loads_nothing_and_makes_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(tracing, "_tracer", None)
    done = subprocess.run([sys.executable, "-c", OFF, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert tracing.span("a", step="b") is tracing.span("c")
    assert (tracing.carried(), tracing.headers()) == (None, {})


def test_off_nothing_is_kept_beside_a_case(open_product_house, monkeypatch):
    monkeypatch.setattr(tracing, "_tracer", None)
    with open_product_house() as house:
        case = house.case()
        house.decide("ann", case, "reject")
        assert house.rows("SELECT * FROM traces") == []


async def test_spans_arrive_at_a_collector(tmp_path, monkeypatch):
    monkeypatch.setattr(tracing, "_tracer", None)
    collector, arrived = FastAPI(), []

    @collector.post("/v1/traces")
    async def take(request: Request) -> Response:
        found = ExportTraceServiceRequest.FromString(await request.body())
        arrived.extend(s.name for r in found.resource_spans for scope in r.scope_spans for s in scope.spans)
        return Response(media_type="application/x-protobuf")

    with running(collector) as url:
        async with open_product(
            Settings(data_dir=tmp_path, rule_processes=0, otel_endpoint=url), self_url="http://127.0.0.1:9"
        ):
            with tracing.span("a"), tracing.span("b"):
                pass
        assert not tracing.on()
    assert arrived == ["b", "a"]


async def test_a_dead_collector_costs_the_spans_and_nothing_else(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(tracing, "_tracer", None)
    monkeypatch.setattr("tools.telemetry.EXPORT_SECONDS", 0.5)
    given = Settings(data_dir=tmp_path, rule_processes=0, otel_endpoint="http://127.0.0.1:9")
    async with open_product(given, self_url="http://127.0.0.1:9") as built:
        with tracing.span("a"):
            part = make_part(application(78), "json")
            (case,), _ = await built.service.submit(Actor("shop", "backend"), [[part]], key=None)
        await built.runner.advance(case.id)
        assert (await built.service.get(case.id)).status == "in_review"
    assert "127.0.0.1" not in caplog.text


async def test_without_the_extra_a_configured_collector_is_an_error_that_says_so(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tools.telemetry", None)
    with pytest.raises(BadSettings, match="extra `tracing`"):
        async with open_product(
            Settings(data_dir=tmp_path, rule_processes=0, otel_endpoint="http://127.0.0.1:9"), self_url="http://x"
        ):
            pass
