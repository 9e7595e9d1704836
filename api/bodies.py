"""What OpenAPI says of the bodies we read ourselves, with examples that are sent in the tests."""

from typing import Any, Final

EXAMPLE_JSON: Final[dict[str, Any]] = {
    "legal_name": "Blue Kite Bakery Ltd",
    "country": "GB",
    "registration_number": "99000001",
    "address": {"line1": "14 Mill Lane", "city": "Leeds", "postal_code": "LS1 4AP"},
    "contact": {"email": "ops@bluekite.example.com", "phone": "0113 496 0123"},
    "bank": {"iban": "GB33BUKB20201555555555"},
}
EXAMPLE_TEXT: Final = (
    "From: Jane <jane@bluekite.example.com>\n\nWe are Blue Kite Bakery Ltd, 14 Mill Lane, Leeds LS1 4AP."
)
EXAMPLE_CSV: Final = "legal_name,country,email\nBlue Kite Bakery Ltd,GB,ops@bluekite.example.com\n"
EXAMPLE_ANSWERS: Final[dict[str, Any]] = {"answers": {"persons[0].dob": "1984-06-11"}}
EXAMPLE_DECISION: Final[dict[str, Any]] = {
    "action": "request_information",
    "request": [{"path": "website", "text": "Please send the address of the shop's website."}],
}

_OBJECT: Final = {"type": "object", "minProperties": 1, "additionalProperties": True}
_FORM: Final = {
    "type": "object",
    "properties": {
        "application": {"type": "string", "description": "JSON, text or CSV, by the part's content type."},
        "documents": {"type": "array", "items": {"type": "string", "format": "binary"}},
    },
    "additionalProperties": False,
}
_TEXT: Final = {"schema": {"type": "string", "minLength": 1}, "example": EXAMPLE_TEXT}
_CSV: Final = {"schema": {"type": "string", "minLength": 1}, "example": EXAMPLE_CSV}

APPLICATION: Final[dict[str, Any]] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {"anyOf": [_OBJECT, {"type": "array", "minItems": 1}]},
            "example": EXAMPLE_JSON,
        },
        "text/plain": _TEXT,
        "message/rfc822": _TEXT,
        "text/csv": _CSV,
        "multipart/form-data": {"schema": _FORM},
    },
}
ANSWERS: Final[dict[str, Any]] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "properties": {"answers": _OBJECT},
                "required": ["answers"],
                "additionalProperties": False,
            },
            "example": EXAMPLE_ANSWERS,
        },
        "text/plain": _TEXT,
        "message/rfc822": _TEXT,
        "text/csv": _CSV,
        "multipart/form-data": {"schema": _FORM},
    },
}
ROWS: Final[dict[int | str, dict[str, Any]]] = {
    207: {
        "description": "A CSV with several rows: one result per row.",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/RowResults"}}},
    }
}
DECISION: Final[dict[str, Any]] = {
    "required": True,
    "content": {
        "application/json": {"schema": {"$ref": "#/components/schemas/DecisionBody"}, "example": EXAMPLE_DECISION}
    },
}
CONFIRMATION: Final[dict[str, Any]] = {
    "required": False,
    "content": {
        "application/x-www-form-urlencoded": {
            "schema": {
                "type": "object",
                "properties": {
                    "comment": {"type": "string", "maxLength": 5000},
                    "reason_codes": {"type": "array", "items": {"type": "string"}, "maxItems": 20},
                },
            },
            "example": {"comment": "Spoke to them on the phone.", "reason_codes": ["IBAN_CHECKSUM_FAILED"]},
        }
    },
}
