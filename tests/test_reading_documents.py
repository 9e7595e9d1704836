"""PDF files: text, tables and form fields with their page; hostile files end in silence."""

import base64
import io
from datetime import date

import pytest
from pypdf import PdfReader, PdfWriter
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import SimpleDocTemplate, Table, TableStyle

from onboarding.reading.documents import documents_of, read_document
from onboarding.reading.read import read
from onboarding.submission import Part, Submission

AS_OF = date(2026, 11, 23)
FIRST = [
    "Certificate of incorporation",
    "Legal name: Blue Kite Bakery Ltd",
    "Company number: 99000001",
    "Incorporated: 7 May 2019",
]
SECOND = ["Registered office: 14 Mill Lane, Leeds LS1 4AP", "Director: Jane Averell", "Date of birth: 11 June 1984"]


def drawn(*pages, **options):
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=A4, **options)
    for lines in pages:
        for number, line in enumerate(lines):
            canvas.drawString(60, 780 - 20 * number, line)
        canvas.showPage()
    canvas.save()
    return file.getvalue()


def part_of(data, kind="pdf"):
    return Part(source="document:a.pdf", kind="document", format=kind, content=base64.b64encode(data).decode())


def candidates_of(part):
    return read_document(part, documents_of([part])[0], as_of=AS_OF)


def found_in(data):
    return {c.path: c for c in candidates_of(part_of(data))}


def test_text_is_read_with_its_page():
    found = found_in(drawn(FIRST, SECOND))
    assert found["legal_name"].raw == "Blue Kite Bakery Ltd"
    assert found["legal_name"].where == "page 1"
    assert found["address"].where == "page 2"
    assert found["persons[0].name"].raw == "Jane Averell"
    assert {candidate.source for candidate in found.values()} == {"document:a.pdf"}
    assert all(candidate.confidence < 1 for candidate in found.values())


def test_a_ruled_table_is_read_as_labels_and_values():
    file = io.BytesIO()
    rows = [["Legal name", "Blue Kite Bakery Ltd"], ["VAT number", "GB999999973"], ["IBAN", "GB33BUKB20201555555555"]]
    table = Table(rows, style=TableStyle([("GRID", (0, 0), (-1, -1), 1, "black")]))
    SimpleDocTemplate(file, pagesize=A4).build([table])
    found = found_in(file.getvalue())
    assert found["vat_number"].raw == "GB999999973"
    assert found["bank.iban"].raw == "GB33BUKB20201555555555"
    assert found["legal_name"].raw == "Blue Kite Bakery Ltd"


def test_form_fields_are_labels_and_values():
    file = io.BytesIO()
    canvas = Canvas(file)
    canvas.acroForm.textfield(name="Legal name", value="Blue Kite Bakery Ltd", x=50, y=700)
    canvas.showPage()
    canvas.save()
    assert found_in(file.getvalue())["legal_name"].raw == "Blue Kite Bakery Ltd"


def test_a_document_completes_an_application():
    parts = [
        Part(
            source="input", kind="application", format="text", content="Legal name: Blue Kite Bakery Ltd\nCountry: GB"
        ),
        part_of(drawn(FIRST)),
    ]
    reading = read(Submission(version=1, parts=parts), as_of=AS_OF)
    assert reading.application.registration_number == "99000001"
    assert reading.provenance["registration_number"].source == "document:a.pdf"
    assert reading.provenance["registration_number"].where == "page 1"


def test_a_locked_document_has_no_candidates_and_an_unlocked_one_has():
    plain = PdfReader(io.BytesIO(drawn(FIRST)))
    for password, expected in (("secret", False), ("", True)):
        writer = PdfWriter()
        writer.append(plain)
        writer.encrypt(user_password=password, owner_password="owner", algorithm="RC4-128")
        file = io.BytesIO()
        writer.write(file)
        assert bool(found_in(file.getvalue())) is expected


@pytest.mark.parametrize("cut", [0, 5, 60, 300, 700])
def test_a_torn_document_never_raises(cut):
    whole = drawn(FIRST, SECOND)
    found_in(whole[:cut] + b"\xff\x00" + whole[cut + 40 :])
    assert found_in(whole[:cut]) == {} or cut > 300


@pytest.mark.parametrize("content", [None, 7, {"a": 1}, "", "no base64 at all ###", "JVBERi0xLjcK" * 50])
def test_what_is_no_document_has_no_candidates(content):
    part = Part(source="document:x", kind="document", format="pdf", content=content)
    assert candidates_of(part) == []


def test_an_image_without_an_engine_or_that_is_none_has_no_candidates():
    assert candidates_of(part_of(b"\x89PNG\r\n\x1a\nbroken", "image")) == []


def test_what_draws_more_than_is_laid_out_is_read_as_plain_text():
    many = drawn(*[[f"{letter}{n:04} " * 20 for n in range(30)] for letter in "ABCDEFGHIJ"])
    pages = documents_of([part_of(many)])[0]
    assert pages.cut is None
    assert all(f"{letter}0029" in page for letter, page in zip("ABCDEFGHIJ", pages.texts, strict=True))
