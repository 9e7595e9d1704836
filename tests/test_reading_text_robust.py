"""No text breaks the reader, and none makes it slow: cost grows with length and not faster."""

import json
import random
import time
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from onboarding.reading import markup, mime, threads
from onboarding.reading.shapes import flat, shape
from onboarding.reading.spans import spans
from onboarding.reading.textual import read_text

AS_OF = date(2026, 11, 23)
HERE = Path(__file__).parent
SAMPLES = [json.loads(line)["payload"] for line in (HERE / "data/reading_text.jsonl").read_text("utf-8").splitlines()]
PIECES = [
    "From: ", "Subject: ", "\n", "\n\n", "> ", "| ", "|---|", "<a b='", "</a>", "<!--", "<![CDATA[", "&#0;",
    "&amp;", "=?utf-8?q?", "?=",
    "Content-Type: multipart/mixed; boundary=x\n", "--x\n", "Content-Transfer-Encoding: base64\n", "Name: ",
    "IBAN ", "DE89 3704",
    "60 %", "half", "I own", "my wife ", "Ltd", "GmbH", "株式会社", "대표이사", "令和3年4月1日", "（",
    "owners:\n  - name: ",
    "q: ", "\x00", "\ud83d",
    "…………", "....", "１２３", "\u202e", "İ", "ŉ", "ﬀ", "a\u0301", "1.2.3.4", "€1.2.3,-", "[x]", "{", "\"", "'", "\t",
    "\r\n",
]  # fmt: skip


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=12)), max_size=40).map("".join))
@example("\ud800")
@example("<")
@example("> owner ➆?\nJane Doe")
@example("\ud83dName: J\ud83d Doe\nIBAN \udc00: DE89370400440532013000")
@example('MIME-Version: 1.0\nContent-Type: text/plain; charset="\x00"\n\n\xff')
def test_no_text_raises(text):
    for candidate in read_text(text, source="input", as_of=AS_OF):
        assert candidate.source == "input"


@pytest.mark.parametrize("seed", range(12))
def test_no_mutilated_application_raises(seed):
    chance = random.Random(seed)
    for text in chance.sample(SAMPLES, 6):
        letters = list(text)
        for _ in range(30):
            at = chance.randrange(len(letters))
            letters[at] = chance.choice([letters[at] * 3, "", chance.choice(PIECES), "\n"])
        read_text("".join(letters), source="input", as_of=AS_OF)
        read_text(text[: chance.randrange(len(text))], source="input", as_of=AS_OF)


@given(st.text(max_size=200))
def test_simpler_letters_keep_every_offset(text):
    assert len(shape(text)) == len(text)
    assert len(flat(text)) == len(text)
    for span in spans(text):
        assert 0 <= span.start < span.end <= len(text)


@given(st.text(max_size=300))
def test_blanking_out_keeps_every_offset(text):
    own = threads.own_words(text).text
    assert len(own) == len(text)
    assert all(a == b or a == " " for a, b in zip(own, text, strict=True))


UNITS = {
    "prose": SAMPLES[0], "numbers": "1 ", "dots": "....", "colons": "Name: Jane Averell\n",
    "quotes": "> your name?\nJane\n", "comments": "<!--",
    "tags": "<a b='c'>", "open tags": "<a>", "headers": "From: a@b.cd\nSubject: x\n", "capitals": "Aa Bb Cc ",
    "shares": "60% of Jane Averell ", "halves": "Jane Averell and Tom Roe own half each equally, ",
    "forms": "Abc Ltd ", "towns": "12345 Town ", "bars": "a|b\n", "japanese": "代表取締役：青葉",
    "korean": "대표 김민수 ",
    "speaker": "I own 50% and my wife Ann ",
    "encoded": "=?utf-8?b?YQ==?= ", "born": "born 1961 ", "yaml": "a:\n  - b: c\n", "streets": "Mill Lane 5, ",
    "courts": "HRB 12345 ", "brackets": "((((",
}  # fmt: skip


@pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS.keys())
def test_four_times_the_text_costs_about_four_times_the_work(unit):
    def cost(length):
        text = (unit * (length // len(unit) + 1))[:length]
        start = time.process_time()
        read_text(text, source="input", as_of=AS_OF)
        return time.process_time() - start

    cost(1_000)
    small, large = max(cost(4_000), 0.01), min(cost(16_000), cost(16_000))
    assert large / small < 10, f"{small:.3f} s, then {large:.3f} s"
    assert large < 3


def test_markup_decodes_entities_and_cdata_and_keeps_attributes():
    tokens = markup.scan("<a x='1 &amp; 2'><![CDATA[<b> & c]]>&eacute;</a>")
    assert tokens[0].attributes[0][:2] == ("x", "1 & 2")
    assert "".join(token.value for token in tokens if token.kind == "text") == "<b> & cé"


def test_a_mail_that_lies_about_its_charset_is_still_read():
    text = (
        "MIME-Version: 1.0\nContent-Type: text/plain; charset=nonsense\nContent-Transfer-Encoding: "
        "quoted-printable\n\nM=FCller"
    )
    assert "Müller" in mime.decode(text)
