"""OpenAPI says everything true: Schemathesis finds no violation, every example is sent, every error is named."""

from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
import schemathesis
from schemathesis import GenerationMode, checks

import api.cli  # noqa: F401 - everything that can raise is loaded
from api.app import openapi_document
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
