"""What a model claims counts where its quote stands and its answer has the one shape that was asked for."""

import json
from datetime import date

import pytest
from harness.modelling import submission

from agents.answers import Malformed, parse, schema_of
from agents.extraction import ReadAnswer
from agents.investigation import Claim, Turn, check_claims
from agents.veil import Veil
from agents.writing import WriteUp
from onboarding.reading.read import read

AS_OF = date(2026, 11, 23)


def claim(code, path, quote, contradicts=""):
    return Claim(code=code, path=path, quote=quote, contradicts=contradicts, why="Because.")


def investigated(*claims, known=()):
    text = (
        "Legal name: Blue Kite Ltd\nCountry: United Kingdom\nCity: Leeds\n"
        "Description: We ship chips that members cash out after every round, and bread."
    )
    return check_claims(list(claims), read(submission(text), as_of=AS_OF), list(known), Veil())


def test_a_claim_counts_where_its_quote_stands_in_the_field_it_names():
    good = claim("PROHIBITED_BUSINESS", "business_description", "chips that members cash out")
    found = investigated(good)
    assert [(item.code, item.severity, item.path) for item in found.findings] == [
        ("PROHIBITED_BUSINESS", "critical", "business_description")
    ]
    assert found.findings[0].raised_by == "model:investigate@1"
    assert investigated(good, known=found.findings).findings == [], "what is known is not raised twice"


@pytest.mark.parametrize(
    "bad",
    [
        claim("PROHIBITED_BUSINESS", "business_description", "we sell casino chips"),
        claim("PROHIBITED_BUSINESS", "business_description", "bread"),
        claim("PROHIBITED_BUSINESS", "address.city", "Leeds"),
        claim("PROHIBITED_BUSINESS", "no.such", "chips that members cash out"),
        claim("MCC_DESCRIPTION_MISMATCH", "business_description", "chips that members cash out"),
        claim("FIELD_CONFLICT", "address.city", "Leeds", "Munich"),
        claim("DELIVERY_DELAY_RISK", "legal_name", "chips that members cash out"),
    ],
)
def test_a_claim_without_ground_is_dropped_and_counted(bad):
    found = investigated(bad)
    assert (found.findings, found.ungrounded) == ([], 1)


@pytest.mark.parametrize("code", ["SANCTIONS_STRONG_MATCH", "IBAN_CHECKSUM_FAILED", "APPROVED", ""])
def test_a_model_cannot_raise_what_only_code_can_know(code):
    raised = {"code": code, "path": "", "quote": "", "contradicts": "", "why": ""}
    with pytest.raises(Malformed):
        parse(json.dumps({"look_up": [], "findings": [raised], "done": True}), Turn)
    raised["code"] = "PROHIBITED_BUSINESS"
    assert parse(json.dumps({"look_up": [], "findings": [raised], "done": True}), Turn).done


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"look_up": [], "findings": [], "done": false, "done": true}', "a key occurs twice"),
        ('{"look_up": [], "findings": [], "done": NaN}', "NaN is no JSON number"),
        ('{"look_up": [], "findings": [], "done": -Infinity}', "Infinity is no JSON number"),
        ('{"look_up": [], "findings": [], "done": true} ok?', "not JSON: Extra data"),
        ('{"look_up": [], "findings": [], "done": true', "not JSON"),
        ('{"look_up": [], "findings": [], "done": "true"}', "done: Input should be a valid boolean"),
        ('{"look_up": [], "findings": [], "done": 1}', "done: Input should be a valid boolean"),
        ('{"look_up": [], "findings": []}', "done: Field required"),
        ('{"look_up": [], "findings": [], "done": true, "approve": true}', "approve: Extra inputs"),
        ('{"look_up": [], "findings": [], "done": ' + "9" * 5000 + "}", "a number beyond all measure"),
        ('{"look_up": [], "findings": [], "done": "\\ud800"}', "half a character"),
        ('{"look_up": ' + "[" * 200_000 + "}", "longer than"),
        ('{"look_up": ' + "[" * 90_000 + "}", "nested too deep"),
        ('Sure!\n```json\n{"look_up": [], "findings": [], "done": true}\n```', "not JSON"),
    ],
)
def test_an_answer_has_exactly_the_demanded_shape_or_is_none(text, problem):
    with pytest.raises(Malformed, match=problem):
        parse(text, Turn)


@pytest.mark.parametrize("shape", [ReadAnswer, Turn, WriteUp])
def test_every_shape_forbids_and_demands_as_strict_endpoints_want_it(shape):
    def walk(node):
        if isinstance(node, dict):
            if node.get("type") == "object":
                assert node["additionalProperties"] is False
                assert node["required"] == list(node["properties"])
            assert not {"$ref", "$defs", "maxLength", "default"} & set(node)
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(schema_of(shape))
