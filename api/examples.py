"""What OpenAPI shows of the answers: each shortened, and each compared in the tests with what the service answers."""

from typing import Any, Final

CASE_ID: Final = "6fede732-b413-4f49-a28f-6ca756c4086d"
REVIEW_ID: Final = "b0dbd6643d113469583184e9eb0bea1e"
REQUEST_ID: Final = "979b2b640cd3fc0df31b3d3449026a6c"
_AT: Final = "2026-11-26T09:00:00.000Z"
_SELF: Final = f"/v1/cases/{CASE_ID}"
_LINKS: Final = {
    "self": _SELF,
    "events": f"{_SELF}/events",
    "checkpoints": f"{_SELF}/checkpoints",
    "console": f"/console/cases/{CASE_ID}",
}


def _case(status: str, **more: Any) -> dict[str, Any]:
    head = {"id": CASE_ID, "status": status, "submitted_at": _AT, "updated_at": _AT, "application_version": 1}
    return head | {"application": {"legal_name": "Blue Kite Bakery Ltd", "country": "GB"}} | more | {"links": _LINKS}


ACCEPTED: Final = _case("received") | {"application": {"legal_name": None}}
REVIEWED: Final = _case(
    "in_review",
    provenance={"country": {"raw": "GB", "source": "input", "where": "$.country", "confidence": 1.0}},
    findings=[],
    missing=["avg_ticket.amount", "business_description"],
    recommendation={"action": "review", "reasons": ["MISSING:avg_ticket.amount"]},
    risk={"score": 10, "level": "low", "reasons": [{"code": "MISSING_INFORMATION", "points": 10}]},
    review={
        "id": REVIEW_ID,
        "stage": "review",
        "round": 1,
        "allowed_actions": ["approve", "reject", "request_information"],
        "opened_at": _AT,
        "due_at": "2026-11-28T09:00:00.000Z",
        "shown_hash": "da1d5b2478bebdbc5498e52b76c13e55c04367e531c80f8b4d708a102dd60582",
    },
)
DECIDED: Final = _case(
    "processing",
    review=None,
    decisions=[
        {
            "review_id": REVIEW_ID,
            "stage": "review",
            "action": "request_information",
            "actor": "ann",
            "channel": "api",
            "at": _AT,
        }
    ],
)
AWAITING: Final = _case(
    "awaiting_information",
    review=None,
    request={
        "id": REQUEST_ID,
        "round": 1,
        "items": [{"path": "website", "text": "Please send the address of the shop's website."}],
        "opened_at": _AT,
        "due_at": "2026-12-26T09:00:00.000Z",
    },
)
ANSWERED: Final = _case("processing", request=None) | {"application_version": 2}
WITHDRAWN: Final = _case("processing", review=None) | {"application_version": 2}
LISTED: Final = {"items": [_case("in_review")], "next_cursor": None}
EVENTS: Final = {
    "items": [
        {
            "seq": 1,
            "at": _AT,
            "actor": "backend",
            "type": "case.submitted",
            "data": {"version": 1, "parts": [{"source": "input", "kind": "application", "format": "json"}]},
            "hash": "d5f82f6e5d04bad14cd6c4f55b74c11bf4f38ad1e95ff4810011009dca7cffb3",
        }
    ]
}
CHECKPOINTS: Final = {
    "items": [
        {
            "id": "1f1e93d7-8f69-6176-800a-9099ad30d8cf",
            "parent_id": "1f1e93d7-8f4e-6ed0-8009-494de69c038a",
            "step": 4,
            "at": "2026-11-26T09:00:00.000000+00:00",
            "next": ["review"],
            "changed": ["review"],
        }
    ]
}
PROBLEM: Final = {
    "type": "about:blank",
    "title": "Invalid request",
    "status": 422,
    "code": "invalid_request",
    "detail": "action: Input should be 'approve', 'reject', 'request_information', 'retry' or 'give_up'",
    "errors": [
        {
            "field": "action",
            "message": "Input should be 'approve', 'reject', 'request_information', 'retry' or 'give_up'",
        }
    ],
}
OF_CALL: Final[dict[tuple[str, str, str], dict[str, Any]]] = {
    ("/v1/cases", "post", "202"): {"accepted": ACCEPTED},
    ("/v1/cases", "get", "200"): {"newest first": LISTED},
    ("/v1/cases/{case_id}", "get", "200"): {"waits for a person": REVIEWED, "waits for the merchant": AWAITING},
    ("/v1/cases/{case_id}/decision", "post", "200"): {"recorded": DECIDED},
    ("/v1/cases/{case_id}/information", "post", "200"): {"recorded": ANSWERED},
    ("/v1/cases/{case_id}/withdraw", "post", "200"): {"recorded": WITHDRAWN},
    ("/v1/cases/{case_id}/events", "get", "200"): {"the first event": EVENTS},
    ("/v1/cases/{case_id}/checkpoints", "get", "200"): {"the newest": CHECKPOINTS},
    ("/healthz", "get", "200"): {"alive": {"status": "ok"}},
    ("/readyz", "get", "200"): {"ready": {"status": "ready"}},
}
"""By path, method and status: ``{what it shows: the answer}``."""
