"""What we write to people: right, readable, harmless whatever a merchant calls itself, and silent on screening."""

import email
import email.policy
import pkgutil
import re
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from harness.words import SUSPICION
from hypothesis import given, settings
from hypothesis import strategies as st

import onboarding.letters
from onboarding.application import Application, Contact, Person
from onboarding.assessment import Assessment, Recommendation, Requirement, Risk
from onboarding.case import CaseRecord
from onboarding.errors import BadInput
from onboarding.finding import SEVERITY_OF, finding
from onboarding.letters.activation_problem import Outcome, activation_problem
from onboarding.letters.application_received import application_received
from onboarding.letters.approval_request import approval_request
from onboarding.letters.case_quarantined import case_quarantined
from onboarding.letters.changes import changes
from onboarding.letters.closed_unanswered import closed_unanswered
from onboarding.letters.draft_link import draft_link
from onboarding.letters.escalation import escalation
from onboarding.letters.fields import LABELS, OF_A_PERSON, label
from onboarding.letters.information_reminder import information_reminder
from onboarding.letters.information_request import information_request
from onboarding.letters.letter import Letter, Link, Points, Say, letter, web_address
from onboarding.letters.message import compose, message_id, parse_address
from onboarding.letters.new_screening_hit import new_screening_hit
from onboarding.letters.people import named
from onboarding.letters.reasons import AT_MOST, GENERAL, SENTENCE_OF, choices, chosen, sentences, warning
from onboarding.letters.rejection import rejection
from onboarding.letters.reminder import reminder
from onboarding.letters.sign_in import sign_in
from onboarding.letters.still_looking import still_looking
from onboarding.letters.welcome import welcome
from onboarding.letters.words import one_line, when
from onboarding.reading.result import FieldSource

DUE = datetime(2026, 11, 26, 9, 5, tzinfo=UTC)
HERE = "https://onboard.example"
HOSTILE = [
    "Evil\r\nBcc: victim@x.example\r\n\r\nBody",
    "\u202eevil\u2066\u2069\u200b\ufeff Ltd",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    '"><a href="https://evil.example">Approve</a>',
    "{{7*7}} ${7*7} {0.__class__} %s %(x)s #{1} <%= 1 %>",
    "A" * 10_000,
    "\u202e" * 10_000 + "tail",
    "https://evil.example/approve and HTTP://evil.example",
    "=?utf-8?q?x=0D=0ABcc=3A_victim=40x.example?=",
    "\x00\x07\x1b[31mred\x85next\u2028line\u2029para",
    "\ud800 lone \udfff",
    "",
    "   ",
]


def assessment(reasons=("IBAN_CHECKSUM_FAILED", "MISSING:persons[1].dob"), summary="A bakery; one number is wrong."):
    return Assessment(
        recommendation=Recommendation(action="review", reasons=list(reasons)),
        risk=Risk(score=40, level="medium"),
        summary=summary,
    )


def requirement(text="The date was not stated."):
    return Requirement(path="persons[1].dob", why=text, cure="Please tell us the full date")


def findings(message="The IBAN fails its check digits."):
    return [
        finding("EMAIL_INVALID", "The address is not valid.", raised_by="rule:email@1"),
        finding("IBAN_CHECKSUM_FAILED", message, raised_by="rule:bank.iban@1"),
    ]


def write_all(legal_name="Blue Kite Bakery Ltd", text="The IBAN fails its check digits.", codes=("OTHER",)):
    """Every letter there is, by name; ``text`` stands wherever free words of others may stand."""
    application = Application(legal_name=legal_name, country="GB")
    about = {"case_id": "case-1", "legal_name": legal_name}
    return {
        "approval_request": approval_request(
            case_id="case-1",
            application=application,
            findings=findings(text),
            missing=["persons[1].dob"],
            assessment=assessment(codes, summary=text),
            due_at=DUE,
            approve_url=f"{HERE}/review/aaa",
            reject_url=f"{HERE}/review/rrr",
            console_url=f"{HERE}/console/cases/case-1",
            changed=[text],
            approved_before_by=text,
        ),
        "information_request": information_request(**about, requirements=[requirement(text)], due_at=DUE),
        "information_reminder": information_reminder(**about, requirements=[requirement(text)], due_at=DUE),
        "welcome": welcome(**about, references=[("svc1", text)]),
        "rejection": rejection(**about, reason_codes=list(codes)),
        "activation_problem": activation_problem(
            **about,
            country="GB",
            outcomes=[Outcome(service="svc2", status="failed", attempts=3, detail=text)],
            due_at=DUE,
            console_url=HERE,
        ),
        "reminder": reminder(
            **about,
            country="GB",
            risk_level="high",
            waiting_since=DUE,
            due_at=DUE,
            overdue=True,
            console_url=HERE,
        ),
        "escalation": escalation(
            **about,
            country="GB",
            risk_level="high",
            assignee=text,
            waiting_since=DUE,
            due_at=DUE,
            console_url=HERE,
        ),
        "application_received": application_received(case_id="case-1", link=f"{HERE}/merchant/t"),
        "draft_link": draft_link(link=f"{HERE}/apply/t", expires_at=DUE),
        "new_screening_hit": new_screening_hit(case_id="case-1", hits=2, list_version=text, console_url=HERE),
        "still_looking": still_looking(**about, since=DUE),
        "closed_unanswered": closed_unanswered(**about, asked=[text, "website"]),
        "sign_in": sign_in(reviewer=legal_name, link=f"{HERE}/sign-in/t", expires_at=DUE),
        "case_quarantined": case_quarantined(
            case_id="case-1", step=text, attempts=3, error_code="RecursionError", at=DUE, console_url=HERE
        ),
    }


def in_envelope(one: Letter, **other):
    asked = {
        "sender": "Onboarding <no-reply@onboard.example>",
        "recipient": "r@acme.example",
        "message_id": "<k@onboard.example>",
        "date": DUE,
    }
    return compose(one, **(asked | other))


class Page(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.tags, self.hrefs, self.said = set(), [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.hrefs += [value for key, value in attrs if key == "href"]
        assert {key for key, _ in attrs} <= {"href", "lang", "charset", "name", "content", "style"}

    def handle_data(self, data):
        self.said.append(data)


def test_every_letter_of_the_package_is_walked_here():
    helpers = {"asking", "changes", "fields", "letter", "message", "people", "reasons", "words"}
    modules = {module.name for module in pkgutil.iter_modules(onboarding.letters.__path__)}
    assert set(write_all()) == modules - helpers


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_name_or_text_is_only_text_in_every_letter(hostile):
    for one in write_all(hostile, hostile).values():
        assert one.subject.isprintable()
        assert 0 < len(one.subject) <= 69
        assert len(one.text) < 6000
        page = Page(one.html)
        assert page.tags <= {"html", "head", "meta", "body", "p", "b", "br", "ul", "li", "a", "bdi"}
        assert all(href.startswith(HERE) for href in page.hrefs)
        for shown in (one.text, "".join(page.said)):
            assert not re.search("[\u202a-\u202e\u2066-\u2069\u200b\ufeff\x00-\x09\x0b-\x1f\x85\u2028\u2029]", shown)
            assert "evil.example" not in [url.split("/")[2] for url in re.findall(r"(?i)https?://\S+", shown)]
            assert "49" not in shown.replace("https://", "")


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_name_adds_no_header_and_no_part(hostile):
    for one in write_all(hostile, hostile).values():
        raw = in_envelope(one).as_bytes()
        parsed = email.message_from_bytes(raw, policy=email.policy.default)
        plain = email.message_from_bytes(in_envelope(one.model_copy(update={"subject": "x"})).as_bytes())
        assert re.search(rb"^Subject: \S", raw, re.MULTILINE)
        assert parsed.keys() == plain.keys()
        assert parsed["Bcc"] is None
        assert parsed["Subject"].split() == one.subject.split()
        assert [part.get_content_type() for part in parsed.walk()] == [
            "multipart/alternative",
            "text/plain",
            "text/html",
        ]
        assert parsed.get_body(("plain",)).get_content().splitlines() == one.text.splitlines()


@settings(max_examples=60)
@given(st.text())
def test_one_line_is_one_printable_line_and_stable(text):
    line = one_line(text)
    assert "\n" not in line
    assert line == one_line(line)
    assert len(line) <= 400
    line.encode()


@pytest.mark.parametrize(
    "honest",
    ["Müller & Söhne GmbH", "株式会社あおい", "مطعم النور", "ООО «Ромашка»", "O'Neill's", "می‌خواهم", "Zoë 🧑‍🍳"],
)
def test_an_honest_name_is_shown_as_it_is_written(honest):
    one = welcome(case_id="c", legal_name=honest)
    assert honest in one.text
    assert honest in "".join(Page(one.html).said)
    assert one_line(honest) == honest


def test_two_of_one_name_and_a_name_that_is_nobodys_own_words_are_told_apart_by_number():
    def origin(source="input", extractor="rules@1"):
        return FieldSource(raw="x", source=source, extractor=extractor)

    names = ["Jo Ash", "JO  ASH", "Kim Ode", "Lu Fenn", "Mo Gray", None, "N" * 90]
    sources = [origin(), origin(), origin("answer-2"), origin("correction-2"), origin(extractor="model:x"), origin()]
    record = CaseRecord(
        version=1,
        application=Application(persons=[Person(name=name) for name in names]),
        provenance={f"persons[{n}].name": source for n, source in enumerate([*sources, origin()])},
        recommendation=Recommendation(action="review"),
        risk=Risk(score=0, level="low"),
        summary="",
        policy_version="1",
    )
    assert named(record) == [None, None, "Kim Ode", None, None, None, "N" * 59 + "…"]
    assert named(record.model_copy(update={"provenance": {}})) == [None] * 7


def test_the_approval_request_says_what_a_decision_needs():
    one = approval_request(
        case_id="case-1",
        application=Application(legal_name="Blue Kite Bakery Ltd", country="GB"),
        findings=findings(),
        missing=["persons[1].dob", "website"],
        assessment=assessment(),
        due_at=DUE,
        approve_url=f"{HERE}/review/aaa",
        reject_url=f"{HERE}/review/rrr",
        console_url=f"{HERE}/console/cases/case-1",
        changed=["Website: (nothing) → https[:]//x"],
    )
    assert one.subject == "Decision needed (GB, medium risk): Blue Kite Bakery Ltd"
    for said in (
        "Merchant: Blue Kite Bakery Ltd",
        "Country: GB",
        "Risk: medium (40 of 100)",
        "Recommendation: review",
        "Because of: IBAN_CHECKSUM_FAILED, missing full date of birth of person 2",
        "Please decide by: 26 Nov 2026, 09:05 UTC",
        "A bakery; one number is wrong.",
        "- Website: (nothing) → https[:]//x",
        "- HIGH IBAN_CHECKSUM_FAILED: The IBAN fails its check digits.\n- WARNING EMAIL_INVALID",
        "- Full date of birth of person 2\n- Website",
        f"\n{HERE}/review/aaa\n",
        f"\n{HERE}/review/rrr\n",
        f"\n{HERE}/console/cases/case-1\n",
    ):
        assert said in one.text
    assert Page(one.html).hrefs == [f"{HERE}/review/aaa", f"{HERE}/review/rrr", f"{HERE}/console/cases/case-1"]


def test_a_review_that_does_not_allow_an_action_has_no_link_for_it():
    both = {"approve_url": None, "reject_url": None}
    one = approval_request(
        case_id="c",
        application=Application(),
        findings=[],
        missing=[],
        assessment=assessment(()),
        due_at=DUE,
        console_url=HERE,
        **both,
    )
    assert "(no name given)" in one.subject
    assert Page(one.html).hrefs == [HERE]
    assert "Findings" not in one.text


def test_a_hundred_findings_are_eight_and_a_count():
    many = [finding("TEXT_OVERSIZE", f"number {n}", raised_by="rule:x@1") for n in range(100)]
    worst = finding("SANCTIONS_STRONG_MATCH", "the worst", raised_by="rule:x@1")
    one = approval_request(
        case_id="c",
        application=Application(),
        findings=[*many, worst],
        missing=[],
        assessment=assessment(()),
        due_at=DUE,
        approve_url=None,
        reject_url=None,
        console_url=HERE,
    )
    assert one.text.index("the worst") < one.text.index("number 0")
    assert one.text.count("\n- ") == 9
    assert "and 93 more in the console" in one.text


def test_changes_name_each_changed_field_once():
    before = Application(legal_name="A", website="https://a.example", persons=[Person(name="Jo")])
    after = Application(
        legal_name="A", contact=Contact(email="a@a.example"), persons=[Person(name="Jo", dob="1990-01-02")]
    )
    assert changes(before, before) == []
    assert changes(before, after) == [
        "Contact e-mail: (nothing) → a@a.example",
        "Full date of birth of person 1: (nothing) → 1990-01-02",
        "Website: https://a.example → (nothing)",
    ]


def test_the_information_request_says_what_why_and_how():
    one = information_request(
        case_id="case-1", legal_name="Blue Kite", requirements=[requirement()], due_at=DUE, link=f"{HERE}/answer/t"
    )
    assert "- Full date of birth of person 2: The date was not stated. Please tell us the full date." in one.text
    assert f"\n{HERE}/answer/t\n" in one.text
    by_reply = information_request(case_id="case-1", legal_name="B", requirements=[requirement()], due_at=DUE)
    assert "reply to this letter, and leave the reference case-1" in by_reply.text


TO_MERCHANTS = (
    "information_request", "information_reminder", "welcome", "rejection", "still_looking", "closed_unanswered",
    "draft_link", "application_received",
)  # fmt: skip


@pytest.mark.parametrize("code", sorted(SEVERITY_OF))
def test_no_letter_to_a_merchant_says_a_word_on_screening_or_suspicion(code):
    secret = "THE-FINDINGS-OWN-WORDS"
    for codes in ((code,), (code, "SANCTIONS_STRONG_MATCH"), (code, f"MISSING:{secret}", secret)):
        written = write_all("Blue Kite", text="The date was not stated.", codes=codes)
        for kind in TO_MERCHANTS:
            one = written[kind]
            said = one.subject + one.text + "".join(Page(one.html).said)
            assert not SUSPICION.search(said), (kind, SUSPICION.search(said))
            assert code not in said
            assert secret not in said


def test_every_finding_code_has_its_sentence_and_no_sentence_is_of_no_code():
    ours = {
        "BUSINESS_NOT_SUPPORTED",
        "COUNTRY_NOT_SUPPORTED",
        "INFORMATION_NOT_PROVIDED",
        "INFORMATION_NOT_CONFIRMED",
        "DUPLICATE_APPLICATION",
        "OTHER",
    }
    assert set(SENTENCE_OF) == set(SEVERITY_OF) | ours


@pytest.mark.parametrize(
    "code",
    [
        "SANCTIONS_STRONG_MATCH",
        "SANCTIONS_POSSIBLE_MATCH",
        "PEP_POSSIBLE_MATCH",
        "SCREENING_HIT_DISCOUNTED",
        "PROMPT_INJECTION_SUSPECTED",
        "HIDDEN_CHARACTERS",
        "HOMOGLYPH_MIXED_SCRIPT",
        "FORMULA_INJECTION",
        "CARD_DATA_IN_INPUT",
        "DUPLICATE_MERCHANT_SUSPECTED",
        "RELATED_MERCHANT_SHARED_BANK",
    ],
)
def test_a_tell_tale_reason_reads_exactly_like_no_reason(code):
    assert sentences([code]) == sentences(["OTHER"]) == sentences([]) == [GENERAL]
    assert sentences([code, "IBAN_CHECKSUM_FAILED"]) == sentences(["IBAN_CHECKSUM_FAILED"])


@pytest.mark.parametrize(
    "code, meant",
    [
        ("IBAN_CHEKSUM_FAILED", "IBAN_CHECKSUM_FAILED"),
        ("iban_checksum_failed", "IBAN_CHECKSUM_FAILED"),
        ("COUNTRY_NOT_SUPORTED", "COUNTRY_NOT_SUPPORTED"),
        ("other", "OTHER"),
        ("ACME-17", None),
    ],
)
def test_a_code_that_is_none_of_ours_is_said_to_be_none_and_which_was_meant(code, meant):
    words = warning(code) or ""
    assert words.startswith(f"{code} is no reason code of ours")
    assert words.endswith(f"did you mean {meant}?" if meant else "nothing specific.")


def test_no_code_of_ours_is_warned_of_and_a_missing_field_has_to_be_one():
    assert [warning(code) for code in [*SENTENCE_OF, "MISSING:persons[1].dob", "MISSING:bank.iban"]] == [None] * (
        len(SENTENCE_OF) + 2
    )
    assert "names no field" in (warning("MISSING:bank.ibam") or "")


def test_every_reason_can_be_chosen_and_says_the_words_that_are_sent():
    advised, besides = ["IBAN_CHECKSUM_FAILED", "MISSING:website"], ["SANCTIONS_POSSIBLE_MATCH", "BANK_ROUTING_INVALID"]
    offered = choices(advised, [*besides, "IBAN_CHECKSUM_FAILED"])
    assert [choice.code for choice in offered if choice.own] == [*advised, *besides]
    assert [choice.code for choice in offered if choice.advised] == advised
    assert {choice.sentence for choice in offered} >= set(SENTENCE_OF.values())
    others = [choice.sentence for choice in offered if not choice.own]
    assert len(others) == len(set(others))
    for choice in offered:
        assert sentences([choice.code]) == [choice.sentence]
    assert chosen([], advised) == advised
    assert chosen(["OTHER"], advised) == ["OTHER"]
    many = choices([f"MISSING:persons[{number}].dob" for number in range(30)], [])
    assert sum(choice.advised for choice in many) == 20, "no more than a decision holds"


def test_at_most_four_specific_reasons_each_once():
    every = sentences(list(SEVERITY_OF))
    assert len(every) == AT_MOST == len(set(every))
    assert GENERAL not in every
    assert sentences(["IBAN_CHECKSUM_FAILED", "BANK_ROUTING_INVALID"]) == sentences(["IBAN_CHECKSUM_FAILED"])
    assert sentences(["MISSING:persons[1].dob"]) == [
        "Required information was not provided: full date of birth of person 2."
    ]
    assert rejection(case_id="c", legal_name="B", reason_codes=list(SEVERITY_OF)).text.count("\n- ") == AT_MOST


def test_every_field_of_an_application_has_words_and_no_other_path_is_repeated():
    fields = Application(persons=[Person()]).model_dump()
    for key, value in fields.items():
        paths = [f"{key}.{inner}" for inner in value] if isinstance(value, dict) and key != "extra" else [key]
        assert set(paths) <= set(LABELS) | {"extra"}
    assert set(Person.model_fields) == set(OF_A_PERSON)
    assert label("persons[0].evil <b>") == label("../etc") == label("") == "further details"
    assert label("persons[3].evil") == "details of person 4"


def test_an_envelope_is_byte_for_byte_the_same_every_time():
    one = write_all()["approval_request"]
    assert in_envelope(one).as_bytes() == in_envelope(one).as_bytes()
    head = in_envelope(one)
    assert head["From"] == "Onboarding <no-reply@onboard.example>"
    assert head["To"] == "r@acme.example"
    assert head["Date"] == "Thu, 26 Nov 2026 09:05:00 +0000"
    assert head["Auto-Submitted"] == "auto-generated"
    assert head["Message-ID"] == "<k@onboard.example>"


def test_a_message_id_is_the_business_key_s_own_and_tells_nothing():
    one = message_id("case-1", "welcome", "1", sender="Onboarding <no-reply@onboard.example>")
    assert one == message_id("case-1", "welcome", "1", sender="other@onboard.example")
    assert one != message_id("case-1", "welcome", "2", sender="no-reply@onboard.example")
    assert message_id("a", "bc", sender="x@y.example") != message_id("ab", "c", sender="x@y.example")
    assert re.fullmatch(r"<[0-9a-f]{40}@onboard\.example>", one)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "nobody",
        "@host.example",
        "a@",
        "a b@host.example",
        "a@host.example, b@host.example",
        "a@host.example\r\nBcc: b@host.example",
        "a@host.example\x00",
        "a..b@host.example",
        ".a@host.example",
        "a@ho st.example",
        "a@-host.example",
        "a@[127.0.0.1]",
        "<a@host.example> <b@host.example>",
        "a\u202e@host.example",
        "a" * 65 + "@host.example",
        "x@" + "a" * 300 + ".example",
        "\ud800@host.example",
    ],
)
def test_what_is_no_address_is_bad_input(address):
    with pytest.raises(BadInput):
        in_envelope(letter("x", [Say("y")]), recipient=address)


@pytest.mark.parametrize(
    "address, spec",
    [
        ("ops@bluekite.example.com", "ops@bluekite.example.com"),
        ("Ops.Team+x@BlueKite.Example", "Ops.Team+x@bluekite.example"),
        ("root@localhost", "root@localhost"),
        ("Risk Team <risk@bank.internal>", "risk@bank.internal"),
        ("a@münchen.example", "a@xn--mnchen-3ya.example"),
        ("jürgen@x.example", "jürgen@x.example"),
    ],
)
def test_real_addresses_are_taken(address, spec):
    assert parse_address(address).addr_spec == spec


@pytest.mark.parametrize("bad", ["", "k@x", "<k@x>\r\nBcc: a@b", "<k k@x>", "<@x>", "<k@>"])
def test_a_message_id_that_is_none_is_bad_input(bad):
    with pytest.raises(BadInput):
        in_envelope(letter("x", [Say("y")]), message_id=bad)


def test_a_date_without_zone_is_bad_input():
    with pytest.raises(BadInput):
        in_envelope(letter("x", [Say("y")]), date=datetime(2026, 1, 1))  # noqa: DTZ001


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "//evil",
        "https://",
        'https://x/"onclick=',
        "https://x/\nBcc:",
        "https://x/ y",
        "ftp://x",
    ],
)
def test_only_a_plain_web_address_becomes_a_link(url):
    with pytest.raises(BadInput):
        letter("x", [Link("go", url)])


def test_a_link_survives_text_and_html_unchanged():
    url = f"{HERE}/review/t?a=1&b=2#c"
    one = letter("x", [Link("go", url)])
    assert url in one.text
    assert Page(one.html).hrefs == [url] == [web_address(url)]


def test_a_long_list_is_cut_and_says_so():
    one = letter("x", [Points("Things", [f"thing {n}" for n in range(1000)])])
    assert "thing 19\n- and 980 more" in one.text
    assert "thing 20" not in one.text


def test_times_read_the_same_everywhere():
    assert when(DUE) == "26 Nov 2026, 09:05 UTC"


def test_a_case_s_id_stays_whole_in_every_subject_that_names_it():
    case_id = "0192f3a4-7b6c-7d8e-9f00-112233445566"
    one = {"case_id": case_id, "legal_name": "B" * 200}
    asked = one | {"requirements": [requirement()], "due_at": DUE}
    written = [information_request(**asked), information_reminder(**asked), welcome(**one)]
    for each in [*written, rejection(**one, reason_codes=[])]:
        assert case_id in each.subject


@pytest.mark.parametrize(
    "status, half",
    [("cancelled", False), ("absent", False), ("cancel_refused", True), ("unavailable", True), ("active", True)],
)
def test_reviewers_are_told_when_something_may_still_be_active(status, half):
    outcomes = [
        Outcome(service="svc1", status=status, attempts=1),
        Outcome(service="svc2", status="refused", attempts=2),
    ]
    one = activation_problem(case_id="c", legal_name="B", country="GB", outcomes=outcomes, due_at=DUE, console_url=HERE)
    assert ("may still be active at svc1:" in one.text) == half
    assert ("Nothing is half active" in one.text) != half
    assert "- svc2: refused after 2 attempts" in one.text
