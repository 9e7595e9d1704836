"""What goes wrong inside is told with an id and without a value, and logged without one."""

import json
import logging
import re
import sys

import pytest
from fastapi import FastAPI

from api.logs import configure_logging
from api.problems import of
from onboarding.errors import AlreadyDecided, GateRefused, InvalidDecision, StorageUnavailable

SECRET = "GB33BUKB20201555555555"


@pytest.fixture
def formatter():
    before = logging.root.handlers[:], logging.root.level
    configure_logging()
    yield logging.root.handlers[0].formatter
    logging.root.handlers[:], logging.root.level = before


def test_what_nobody_foresaw_is_a_500_with_an_id_and_no_value(open_product_house, caplog, formatter):
    """Attack 8: neither the answer nor the log says what the merchant wrote."""

    async def broken(iban: str) -> None:
        raise ValueError(f"cannot handle {iban}")

    with open_product_house() as own:
        app = own.app
        while not isinstance(app, FastAPI):
            app = app.app  # what stands around it: the byte cap, the tracing
        app.add_api_route("/broken", broken)
        answer = own.root.get("/broken", params={"iban": SECRET})
        assert own.nobody.get("/healthz").status_code == 200
    body = answer.json()
    assert (answer.status_code, body["code"]) == (500, "internal_error")
    assert answer.headers["content-type"] == "application/problem+json"
    assert re.fullmatch("[0-9a-f]{12}", body["error_id"])
    assert SECRET not in answer.text
    assert "Traceback" not in answer.text
    lines = [formatter.format(record) for record in caplog.records]
    assert any(body["error_id"] in line for line in lines)
    assert any('"error": "ValueError"' in line and "broken" in line for line in lines)
    assert not any(SECRET in line for line in lines)


def test_a_log_line_of_an_exception_names_the_places_and_nothing_else(formatter):
    try:
        raise ValueError(SECRET) from KeyError(SECRET)
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, __file__, 1, "it failed", (), sys.exc_info())
    line = formatter.format(record)
    assert SECRET not in line
    found = json.loads(line)
    assert (found["event"], found["error"], found["level"]) == ("it failed", "ValueError", "error")
    assert found["trace"][0].startswith("test_api_problems.py:")


def test_a_problem_says_what_the_reader_needs():
    refused = json.loads(of(InvalidDecision("action: no.", field="action")).body)
    assert refused["errors"] == [{"field": "action", "message": "action: no."}]
    standing = {"action": "approve", "actor": "ann", "at": "now"}
    assert json.loads(of(AlreadyDecided(decision=standing)).body)["decision"] == standing
    inside = of(GateRefused("internal words", case_id="x"))
    assert (inside.status_code, json.loads(inside.body)["detail"]) == (500, (GateRefused.__doc__ or ""))
    assert of(StorageUnavailable()).headers["retry-after"]
