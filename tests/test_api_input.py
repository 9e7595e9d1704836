"""Bad input: refused clearly, or kept and shown; never a 500, never half a case, and the service lives on."""

import json
import socket
import zlib
from typing import Any

import pytest
from harness.answers import refused

JSON = {"Content-Type": "application/json"}


def count(house: Any) -> int:
    number: int = house.rows("SELECT count(*) FROM cases")[0][0]
    return number


NESTED = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
BAD = [
    ("application/json", b"{", 400, "malformed_input"),
    ("application/json", b"{'legal_name': 'x'}", 400, "malformed_input"),
    ("application/json", b'{"a": 1} trailing', 400, "malformed_input"),
    ("application/json", b'{"a": NaN}', 400, "malformed_input"),
    ("application/json", b'{"a": Infinity}', 400, "malformed_input"),
    ("application/json", b"\xff\xfe\x00", 400, "malformed_input"),
    ("application/json", b'{"a": "\xc3\x28"}', 400, "malformed_input"),
    ("application/json", NESTED, 400, "malformed_input"),
    ("application/json", b"[" * 100_000 + b"]" * 100_000, 400, "malformed_input"),
    ("application/json", b'{"a":' * 65 + b"1" + b"}" * 65, 400, "malformed_input"),
    ("application/json", b"", 422, "bad_input"),
    ("application/json", b"   \n", 422, "bad_input"),
    ("application/json", b"{}", 422, "bad_input"),
    ("application/json", b"[]", 422, "bad_input"),
    ("application/json", b'"just text"', 422, "bad_input"),
    ("application/json", b"null", 422, "bad_input"),
    ("application/json", b"12", 422, "bad_input"),
    ("application/json", b'{"legal_name": "a\\u0000b"}', 422, "bad_input"),
    ("application/json", b'{"legal\\u0000name": "b"}', 422, "bad_input"),
    ("application/json", b'{"legal_name": "a\\ud800b"}', 422, "bad_input"),
    ("application/json", b'{"\\udc00": "b"}', 422, "bad_input"),
    ("application/json", b'{"bank": {"iban": "A", "iban": "B"}}', 422, "bad_input"),
    ("application/json", json.dumps({"a": [0] * 60_000}).encode(), 422, "bad_input"),
    ("text/plain", b"", 422, "bad_input"),
    ("text/plain", b"a\x00b", 422, "bad_input"),
    ("text/plain", b"caf\xe9", 400, "malformed_input"),
    ("text/plain; charset=no-such", b"x", 400, "malformed_input"),
    ("text/plain; charset=rot13", b"x", 400, "malformed_input"),
    ("text/plain; charset=unicode_escape", b"\\ud800", 400, "malformed_input"),
    ("text/plain; charset=utf-7", b"+2AA-", 400, "malformed_input"),
    ("text/plain; charset=undefined", b"x", 400, "malformed_input"),
    ("text/plain; charset=idna", b"xn--0000000", 400, "malformed_input"),
    ("text/plain; charset=punycode", b"a" * 1000, 400, "malformed_input"),
    ("text/plain; charset=zlib_codec", zlib.compress(b"x"), 400, "malformed_input"),
    ("text/plain; charset=" + "x" * 5000, b"x", 400, "malformed_input"),
    ("text/csv", b"legal_name,country\n", 422, "bad_input"),
    ("text/csv", b"only a header", 422, "bad_input"),
    ("text/csv", b"a,b\n1\n", 422, "bad_input"),
    ("text/csv", b"a,b\n" + b"1,2\n" * 1_001, 422, "bad_input"),
    ("message/rfc822", b"From: a@example.com\nContent-Type: text/plain\n\n\xff\x00", 422, "bad_input"),
    ("application/xml", b"<a/>", 415, "unsupported_media_type"),
    ("application/x-www-form-urlencoded", b"a=b", 415, "unsupported_media_type"),
    ("application/jsonp", b"{}", 415, "unsupported_media_type"),
    ("", b"{}", 415, "unsupported_media_type"),
    ("application/json, text/plain", b"{}", 415, "unsupported_media_type"),
    ("\u00a0;;;===", b"{}", 415, "unsupported_media_type"),
    ("multipart/form-data", b"x", 400, "malformed_input"),
    ("multipart/form-data; boundary=", b"x", 400, "malformed_input"),
    ("multipart/form-data; boundary=x", b"garbage", 400, "malformed_input"),
    ("multipart/form-data; boundary=x", b"--x--\r\n", 422, "bad_input"),
    ("multipart/form-data; boundary=" + "x" * 300, b"x", 400, "malformed_input"),
]


@pytest.mark.parametrize("kind, body, status, code", BAD, ids=lambda value: repr(value)[:44])
def test_what_cannot_be_read_is_refused_and_nothing_is_stored(house, kind, body, status, code):
    before = count(house)
    headers = {"Content-Type": kind.encode("latin-1")} if kind else {}
    problem = refused(house.backend.post("/v1/cases", content=body, headers=headers), status, code)
    assert len(problem["detail"]) < 400
    assert count(house) == before


FORMS = [
    ([("nonsense", ("a.txt", b"x", "text/plain"))], 422, "bad_input"),
    ([("application", ("a.exe", b"MZ", "application/x-msdownload"))], 415, "unsupported_media_type"),
    ([("application", ("a.json", b"{", "application/json"))], 400, "malformed_input"),
    ([("application", ("a.json", b'{"a":1}', "application/json"))] * 2, 422, "bad_input"),
    ([("application", ("a.csv", b"a,b\n1,2\n3,4\n", "text/csv"))], 422, "bad_input"),
    ([("documents", ("a.txt", b"x", "text/plain"))] * 21, 400, "malformed_input"),
    ([("documents", ("a.txt", b"\xff", "text/plain"))], 400, "malformed_input"),
    ([("documents", ("a.zip", b"PK", "application/zip"))], 415, "unsupported_media_type"),
]


@pytest.mark.parametrize("files, status, code", FORMS, ids=range(len(FORMS)))
def test_a_form_with_odd_parts_is_refused(house, files, status, code):
    refused(house.backend.post("/v1/cases", files=files), status, code)


@pytest.mark.parametrize(
    "name", ["x" * 20_000, "../../etc/passwd", "a\r\nSet-Cookie: x", "\u202eexe.txt", "", '"; x="', "\x00"]
)
def test_a_strange_file_name_harms_nobody(house, name):
    answer = house.backend.post("/v1/cases", files=[("documents", (name, b"Deed of Strange Ltd", "text/plain"))])
    assert answer.status_code in (202, 400), answer.text[:300]
    if answer.status_code == 202:
        source = house.events(answer.json()["id"])[0]["data"]["parts"][0]["source"]
        assert len(source) < 120
        assert source.isprintable()


def test_an_application_may_be_a_scan_or_a_row(house):
    for part in (("a.pdf", b"%PDF-1.4\n%%EOF", "application/pdf"), ("a.csv", b"legal_name\nRow Ltd\n", "text/csv")):
        answer = house.backend.post("/v1/cases", files=[("application", part)])
        assert answer.status_code == 202, answer.text
        assert house.rest(answer.json()["id"])["status"] == "in_review"


def test_a_raw_mail_of_another_charset_is_read(house):
    mail = (
        "From: Anna <anna@example.com>\r\nSubject: Antrag\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=windows-1252\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        "Firma: Gasthof M\u00fcller GmbH\r\nLand: Deutschland\r\n"
    ).encode("cp1252")
    answer = house.backend.post("/v1/cases", content=mail, headers={"Content-Type": "message/rfc822"})
    assert answer.status_code == 202, answer.text
    assert house.rest(answer.json()["id"])["application"]["legal_name"] == "Gasthof M\u00fcller GmbH"


# kept as written


def test_numbers_no_float_can_hold_are_kept_as_written(house):
    raw = (
        b'{"legal_name": "Big Ltd", "some_number": 123456789012345678901234567890, '
        b'"other_number": 0.1234567890123456789, "huge_number": 1e400}'
    )
    case = house.rest(house.backend.post("/v1/cases", content=raw, headers=JSON).json()["id"])
    kept = json.dumps(case["application"]["extra"])
    for written in ("123456789012345678901234567890", "0.1234567890123456789", "1e400"):
        assert written in kept


def test_unknown_fields_are_kept_and_shown_and_never_fatal(house):
    case = house.case(favourite_colour="teal", nested={"deep": [1, {"er": True}]})
    kept = json.dumps(case["application"]["extra"])
    assert case["status"] == "in_review"
    assert "teal" in kept
    assert "favourite_colour" in kept


@pytest.mark.parametrize(
    "text", ["\u202eltd", "e\u0301", "\U0001f9c1" * 50, "\u0410\u0412C Ltd", "\ufeffX Ltd", "\u200b"]
)
def test_strange_but_honest_unicode_makes_a_case(house, text):
    assert house.case(legal_name=f"Caf {text}")["status"] == "in_review"


# too much


def test_ten_megabytes_are_refused_before_anybody_parses_them(house):
    before = count(house)
    answer = house.backend.post("/v1/cases", content=b'{"a":"' + b"x" * 10_000_000, headers=JSON)
    refused(answer, 413, "too_large")
    assert count(house) == before


@pytest.mark.parametrize("path", ["/v1/cases", "/v1/cases/x/decision", "/v1/cases/x/information"])
@pytest.mark.parametrize("kind", ["application/json", "text/plain", "text/csv", "multipart/form-data; boundary=x"])
def test_a_body_without_a_length_is_cut_off_at_the_same_limit(house, path, kind):
    def body() -> Any:
        yield b'--x\r\nContent-Disposition: form-data; name="application"\r\n\r\n{'
        for _ in range(60):
            yield b"x" * 100_000

    answer = house.root.post(path, content=body(), headers={"Content-Type": kind})
    if kind == "application/json" or "decision" not in path:
        refused(answer, 413, "too_large")
    else:
        refused(answer, 415, "unsupported_media_type")


def test_a_link_takes_no_more_than_anybody_else(house):
    assert house.nobody.post("/review/x", content=b"comment=" + b"x" * 6_000_000).status_code == 413


def test_a_small_limit_is_kept_to_the_byte(open_product_house):
    with open_product_house(max_body_bytes=1_000) as own:
        fits = b'{"legal_name":"' + b"x" * (1_000 - 17) + b'"}'
        assert own.backend.post("/v1/cases", content=fits, headers=JSON).status_code == 202
        refused(own.backend.post("/v1/cases", content=fits + b" ", headers=JSON), 413, "too_large")


# strange lines


def spoken(house: Any, raw: bytes) -> bytes:
    """What the service answers to raw bytes."""
    host, port = house.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as line:
        line.sendall(raw)
        line.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := line.recv(65536):
            answer += chunk
    return answer


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: -1", b"Content-Length: x", b"Content-Length: 5\r\nContent-Length: 6",
        b"Transfer-Encoding: chunked\r\nContent-Length: 3", b"Transfer-Encoding: gzip", b"X: \x00", b"no colon here",
        b"X-Long: " + b"y" * 100_000, b"Host: a\r\nHost: b", b"Expect: 100-continue\r\nContent-Length: 9000000",
        b"Content-Encoding: gzip\r\nContent-Length: 4",
    ],
    ids=lambda head: repr(head)[:40],
)  # fmt: skip
def test_strange_headers_get_a_clear_no_and_the_service_lives(house, head):
    raw = b"POST /v1/cases HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + head + b"\r\n\r\nzzzz"
    answer = spoken(house, raw)
    assert answer == b"" or answer.split(b" ", 2)[1][:1] == b"4", answer[:200]
    assert house.nobody.get("/healthz").status_code == 200


def test_a_client_that_stops_in_the_middle_leaves_no_case(house):
    before = count(house)
    token = house.tokens["backend"].encode()
    head = b"POST /v1/cases HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + token
    spoken(house, head + b"\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n" + b'{"legal_name": "Half')
    assert house.nobody.get("/healthz").status_code == 200
    assert count(house) == before


def test_an_empty_object_is_called_empty(house):
    for body in (b"{}", b"[]"):
        answer = house.backend.post("/v1/cases", content=body, headers={"Content-Type": "application/json"})
        assert answer.json()["detail"] == "The application is empty."
