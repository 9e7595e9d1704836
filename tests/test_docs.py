"""OpenAPI says everything true: Schemathesis finds no violation, every example is sent, every error is named."""

import json
import re
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
import schemathesis
from schemathesis import GenerationMode, checks

import api.cli  # noqa: F401 - everything that can raise is loaded
from api.app import openapi_document
from api.docs import http
from api.examples import CASE_ID, OF_CALL, PROBLEM
from api.problems import CODE_OF, STATUS_OF, status_of
from onboarding.errors import OnboardingError

DOCUMENT = openapi_document()
CALLS = [(path, method) for path, methods in DOCUMENT["paths"].items() for method in methods]
READ_BY_US = {"/v1/cases", "/v1/cases/{case_id}/information", "/v1/cases/{case_id}/decision"}
"""A schema cannot say UTF-8, a header line and a row, no NUL, or which action this review takes: a valid request by the
document may be refused there with a documented 4xx, and any text is a valid one. All other checks hold there too."""
QUICK = hypothesis.settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
)


@pytest.fixture(scope="module")
def fuzzed(open_product_house: Any) -> Any:
    with open_product_house(reviewers="ann@reviewers.example") as own:
        yield own


@pytest.fixture(scope="module")
def schema(fuzzed: Any) -> Any:
    return schemathesis.openapi.from_url(f"{fuzzed.url}/openapi.json")


def tries() -> Iterator[tuple[str, str, GenerationMode]]:
    """Every call as the document wants it, and as it does not where there is anything to violate."""
    for path, method in CALLS:
        yield path, method, GenerationMode.POSITIVE
        if "parameters" in DOCUMENT["paths"][path][method] and path.startswith("/v1"):
            yield path, method, GenerationMode.NEGATIVE


@pytest.mark.parametrize("path, method, mode", tries(), ids=lambda value: getattr(value, "value", value))
def test_every_operation_keeps_what_the_document_says(fuzzed, schema, path, method, mode):
    operation = schema[path][method.upper()]
    excluded = [checks.positive_data_acceptance, checks.negative_data_rejection] if path in READ_BY_US else []

    @QUICK
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    def keeps_its_word(case: Any) -> None:
        headers = {"Authorization": f"Bearer {fuzzed.tokens['root']}"}
        case.call_and_validate(headers=headers, excluded_checks=excluded, timeout=20)

    keeps_its_word()


def test_calls_in_a_row_keep_it_too(fuzzed, schema):
    token = fuzzed.tokens["root"]

    class Rows(schema.as_state_machine()):  # type: ignore[misc]
        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            return {"headers": {"Authorization": f"Bearer {token}"}, "timeout": 20}

        def validate_response(self, response: Any, case: Any, **more: Any) -> None:
            excluded = [checks.positive_data_acceptance, checks.negative_data_rejection]
            case.validate_response(response, excluded_checks=excluded)

    Rows.run(settings=hypothesis.settings(QUICK, max_examples=8, stateful_step_count=5))


# examples


def examples() -> Iterator[tuple[str, str, str, Any]]:
    for path, method in CALLS:
        body = DOCUMENT["paths"][path][method].get("requestBody", {})
        for kind, content in body.get("content", {}).items():
            if "example" in content:
                yield path, method, kind, content["example"]


@pytest.mark.parametrize("path, method, kind, example", examples(), ids=lambda value: str(value)[:30])
def test_every_example_is_taken_as_it_stands(fuzzed, path, method, kind, example):
    case = fuzzed.case()
    if path.endswith("/information"):
        fuzzed.decide("ann", case, "request_information")
        fuzzed.rest(case["id"], "awaiting_information")
    link = fuzzed.links(case["id"])["reject"].rpartition("/")[2] if "{token}" in path else ""
    to = path.format(case_id=case["id"], token=link)
    if kind == "application/json":
        body = {"json": example}
    elif kind == "application/x-www-form-urlencoded":
        body = {"data": example}
    else:
        body = {"content": example.encode()}
    headers = {"Content-Type": kind}
    answer = fuzzed.root.request(method, to, headers=headers, **body)
    assert answer.status_code in (200, 202), answer.text
    assert str(answer.status_code) in DOCUMENT["paths"][path][method]["responses"]


def test_every_body_we_document_has_an_example_but_forms_with_files():
    kinds = {kind for *_, kind, _ in examples()}
    assert kinds == {
        "application/json", "text/plain", "text/csv", "message/rfc822", "application/x-www-form-urlencoded"
    }  # fmt: skip


# what is answered

SHOWN = {(key, name): value for key, named in OF_CALL.items() for name, value in named.items()}
OURS = re.compile(r"(?:at|.*_at|id|.*_id|hash|.*_hash)")
"""What is another in every case: times, ids and hashes."""


def short_of(example: Any, whole: Any, name: str = "") -> bool:
    """Whether an example is what was answered, shortened: nothing in it is otherwise, something may be left out."""
    if isinstance(example, dict):
        return isinstance(whole, dict) and all(
            key in whole and short_of(value, whole[key], key) for key, value in example.items()
        )
    if isinstance(example, list) and example:
        return isinstance(whole, list) and all(any(short_of(item, other) for other in whole) for item in example)
    if OURS.fullmatch(name) and isinstance(example, str):
        return isinstance(whole, str) and len(re.sub(r"\W.*", "", example)) == len(re.sub(r"\W.*", "", whole))
    return bool(example == whole)


@pytest.fixture(scope="module")
def answered(open_product_house: Any) -> Any:
    """The main job, call by call, in the examples' own words: ``{(call, name): what was answered}``."""
    body = {(path, method): example for path, method, kind, example in examples() if kind == "application/json"}
    with open_product_house() as own:
        got: dict[str, Any] = {}

        def call(who: str, method: str, path: str, name: str) -> Any:
            answer = getattr(own, who).request(
                method, path.format(case_id=got.get("id", "")), json=body.get((path, method))
            )
            got[path, method, str(answer.status_code), name] = answer
            return answer.json()

        got["id"] = call("backend", "post", "/v1/cases", "accepted")["id"]
        own.rest(got["id"], "in_review")
        own.idle(got["id"])
        one = "/v1/cases/{case_id}"
        call("backend", "get", "/v1/cases", "newest first")
        call("backend", "get", one, "waits for a person")
        call("backend", "get", f"{one}/events", "the first event")
        call("backend", "get", f"{one}/checkpoints", "the newest")
        call("ann", "post", f"{one}/decision", "recorded")
        own.rest(got["id"], "awaiting_information")
        call("backend", "get", one, "waits for the merchant")
        call("backend", "post", f"{one}/information", "recorded")
        own.rest(got["id"], "in_review")
        call("backend", "post", f"{one}/withdraw", "recorded")
        call("nobody", "get", "/healthz", "alive")
        call("nobody", "get", "/readyz", "ready")
        yield {
            ((path, method, status), name): json.loads(answer.text.replace(got["id"], CASE_ID))
            for (path, method, status, name), answer in ((key, value) for key, value in got.items() if key != "id")
        }


@pytest.mark.parametrize("shown", SHOWN, ids=lambda shown: f"{shown[0][1]} {shown[0][0]} {shown[1]}")
def test_every_answer_that_is_shown_is_what_is_answered(answered, shown):
    assert short_of(SHOWN[shown], answered[shown]), (SHOWN[shown], answered[shown])


def test_the_comparison_sees_what_is_not_so():
    whole = {"id": "abc", "items": [{"a": 1, "b": 2}], "status": "x"}
    assert short_of({"id": "xyz", "items": [{"b": 2}]}, whole)
    for untrue in ({"status": "y"}, {"items": [{"b": 3}]}, {"more": None}, {"id": "longer"}, {"items": [1]}):
        assert not short_of(untrue, whole)


def test_the_error_that_is_shown_is_one(fuzzed):
    answer = fuzzed.ann.post(f"/v1/cases/{fuzzed.case()['id']}/decision", json={"action": "dance"})
    assert (answer.status_code, answer.json()) == (PROBLEM["status"], PROBLEM)


def test_the_reference_shows_a_request_and_an_answer_of_every_call_of_the_main_job():
    text = http()
    for path, method, status in OF_CALL:
        section = text.partition(f"## {method.upper()} {path}\n")[2].partition("\n## ")[0]
        assert f"Answer {status}" in section
        if "application/json" in DOCUMENT["paths"][path][method].get("requestBody", {}).get("content", {}):
            assert "Request:" in section


# errors


def family(kind: type[OnboardingError] = OnboardingError) -> Iterator[type[OnboardingError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from family(child)


@pytest.mark.parametrize("kind", list(family()), ids=lambda kind: kind.__name__)
def test_every_error_has_a_message_a_code_of_its_own_and_a_status(kind):
    assert (kind.__doc__ or "").strip().endswith("."), "the docstring is the message"
    assert kind().detail
    assert [other for other in family() if other.code == kind.code] == [kind]
    assert 400 <= status_of(kind()) < 600


def test_the_document_names_every_code_and_every_code_it_names_exists():
    told = DOCUMENT["components"]["schemas"]["Problem"]["properties"]["code"]["description"]
    for kind, status in STATUS_OF.items():
        assert f"`{kind.code}` ({status})" in told
    known = {kind.code for kind in family()} | set(CODE_OF.values()) | {"invalid_request", "not_ready"}
    for path, method in CALLS:
        for status, response in DOCUMENT["paths"][path][method]["responses"].items():
            words = response["description"].split("`")[1::2] if status[0] in "45" else []
            assert set(words) <= known, (path, method, status)


def test_every_answer_that_is_no_success_has_the_shape_of_a_problem_or_is_a_page():
    for path, method in CALLS:
        for status, response in DOCUMENT["paths"][path][method]["responses"].items():
            if status[0] in "45":
                assert set(response["content"]) <= {"application/problem+json", "text/html"}, (path, method, status)


def test_only_watchers_and_links_are_open_to_everybody():
    opened = {path for path, method in CALLS if "security" not in DOCUMENT["paths"][path][method]}
    assert opened == {"/healthz", "/readyz", "/metrics", "/review/{token}"}
