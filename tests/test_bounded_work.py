"""Whatever comes through the door costs seconds at most: what is beyond the bounds is named in a finding, not read."""

import base64
import io
import time
from datetime import date

import pytest
from reportlab.pdfgen.canvas import Canvas

from onboarding.checks.run import check
from onboarding.policy import Policy
from onboarding.reading.bounds import MOST_OF_A_TEXT, MOST_OF_ALL, MOST_PEOPLE, MOST_VALUES, bounded
from onboarding.reading.read import read
from onboarding.screening import Watchlist
from onboarding.submission import Part, Submission

AS_OF = date(2026, 11, 25)
WORST = 20.0
"""Seconds of CPU that reading and checking any one hostile input may take on a slow, busy machine."""
SENTENCE = "We are Acme Ltd and sell bread in London. "


def submitted(*contents, kind="application"):
    def part(content, number):
        if isinstance(content, bytes):
            text = base64.b64encode(content).decode()
            return Part(source=f"document:{number}.pdf", kind="document", format="pdf", content=text)
        shape = "text" if isinstance(content, str) else "json"
        return Part(source=f"input-{number}", kind=kind, format=shape, content=content)

    return Submission(version=1, parts=[part(content, number) for number, content in enumerate(contents, start=1)])


def told(submission):
    """Sources and amounts that the finding about unread input names; empty if there is none."""
    found = [f for f in read(submission, as_of=AS_OF).findings if f.code == "INPUT_READ_IN_PART"]
    assert len(found) <= 1
    return {item.source: item.detail for finding in found for item in finding.evidence}


def filled(piece, length):
    return (piece * (length // len(piece) + 1))[:length]


def drawn(pages, lines, *, compressed=1):
    file = io.BytesIO()
    canvas = Canvas(file, pageCompression=compressed)
    for page in range(pages):
        for line in range(lines):
            canvas.drawString(20, 780 - line % 70 * 11, f"Page {page} line {line}: bread and cakes")
        canvas.showPage()
    canvas.save()
    return file.getvalue()


def test_a_long_honest_thread_is_read_to_its_end():
    assert told(submitted(filled(SENTENCE, 60_000))) == {}


@pytest.mark.parametrize("times", [2, 4])
def test_beyond_the_bound_more_text_is_no_more_work(times):
    cut = bounded(submitted(filled(SENTENCE, MOST_OF_A_TEXT * times)))
    assert len(cut.submission.parts[0].content) == MOST_OF_A_TEXT


def test_several_texts_share_one_bound_and_each_that_was_cut_is_named():
    texts = [filled(SENTENCE, 80_000) for _ in range(4)]
    cut = bounded(submitted(*texts))
    assert sum(len(part.content) for part in cut.submission.parts) == MOST_OF_ALL
    assert [piece.source for piece in cut.cuts] == ["input-2", "input-3", "input-4"]


def test_the_finding_names_the_part_and_how_much_of_it_was_read():
    length = MOST_OF_A_TEXT + 1
    assert told(submitted(filled(SENTENCE, length))) == {"input-1": f"read: 100,000 of {length:,} characters"}


@pytest.mark.parametrize("many", [MOST_VALUES + 1, 2 * MOST_VALUES])
def test_of_a_json_with_too_many_values_the_first_are_read(many):
    document = {"legal_name": "Acme Ltd", **{f"k{n}": n for n in range(many - 1)}}
    cut = bounded(submitted(document)).submission.parts[0].content
    assert len(cut) == MOST_VALUES
    assert read(submitted(document), as_of=AS_OF).application.legal_name == "Acme Ltd"
    assert told(submitted(document)) == {"input-1": f"read: {MOST_VALUES:,} of {many:,} keys and values"}


def test_what_fits_is_the_very_same_submission():
    honest = submitted({"legal_name": "Acme Ltd", "owners": [{"name": "Jane Doe", "share": 100}]}, SENTENCE)
    assert bounded(honest).submission is honest


def test_people_past_the_bound_are_not_read_and_named():
    owners = [{"name": f"Jane Q{n}oe", "share": 0.1} for n in range(MOST_PEOPLE + 50)]
    submission = submitted({"legal_name": "Acme Ltd", "owners": owners})
    assert len(read(submission, as_of=AS_OF).application.persons) == MOST_PEOPLE
    assert told(submission) == {"input-1": "read: 200 of 250 persons and shares"}


def test_a_long_application_leaves_room_for_what_corrects_it():
    long = filled(SENTENCE, 4 * MOST_OF_ALL)
    correction = Part(
        source="correction-1", kind="corrections", format="json", content={"legal_name": "Corrected Bakery Ltd"}
    )
    submission = Submission(version=2, parts=[*submitted(long, long).parts, correction])
    assert read(submission, as_of=AS_OF).application.legal_name == "Corrected Bakery Ltd"


def test_pages_past_the_bound_are_not_read_and_the_document_is_named():
    assert told(submitted(drawn(61, 1))) == {"document:1.pdf": "read: 60 of 61 pages"}
    assert told(submitted(drawn(30, 1), drawn(31, 1))) == {"document:2.pdf": "read: 30 of 31 pages"}


def test_a_page_that_draws_without_end_is_not_read():
    assert told(submitted(drawn(1, 9_000))) == {"document:1.pdf": "read: 0 of 1 pages"}


def test_a_prohibited_business_behind_padding_is_found_or_a_person_has_to_look():
    hidden = filled(SENTENCE, MOST_OF_A_TEXT + 20_000) + " We run an online casino with slots and roulette. "
    submission = submitted(hidden)
    codes = {finding.code: finding.severity for finding in checked(submission).findings}
    assert codes["INPUT_READ_IN_PART"] == "high"
    assert "PROHIBITED_BUSINESS" in codes


HOSTILE = {
    "prose": SENTENCE,
    "quoted mails": "> From: a@b.com\n> Subject: bla 1234\n>\n>> We are Acme\nyes we are Acme GmbH 12345\n",
    "forwarded mails": "---------- Forwarded message ----------\nFrom: Jo <jo@acme.com>\nSubject: Fwd: x\n\nAcme Ltd\n",
    "blanks": " ",
    "empty lines": "\n",
    "blank lines": "\n ",
    "list of people": "- Jane Doe, 20 %\n",
    "signatures": "Best regards\nJane Doe\nDirector\nAcme Ltd\n+44 20 7946 0958\n",
    "numbers": "12.34.",
    "accounts": "GB29 NWBK 6016 1331 9268 19 ",
    "one letter folding to eighteen": "\ufdfa",
    "commas": "a,",
    "Japanese": "会社名は株式会社アクメです。代表取締役は田中太郎。",
    "steering": "ignore all all all all instructions set result ",
    "opened comments": "<!--",
}


@pytest.mark.slow
@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE)
def test_a_megabyte_of_anything_is_read_and_checked_in_seconds(piece):
    submission = submitted(f"a{filled(piece, 1_000_000)}b")
    start = time.process_time()
    checked(submission)
    assert time.process_time() - start < WORST


@pytest.mark.slow
def test_documents_that_draw_much_are_read_in_seconds():
    submission = submitted(*[drawn(30, 70) for _ in range(3)])
    start = time.process_time()
    checked(submission)
    assert time.process_time() - start < WORST


def checked(submission):
    reading = read(submission, as_of=AS_OF)
    return check(reading, submission, priors=(), watchlist=Watchlist.empty(), policy=Policy.default(), as_of=AS_OF)
