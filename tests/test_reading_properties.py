"""Whatever comes in, the readers answer: never an exception, never quadratic, never twice a different value."""

import datetime
import string
import time
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from onboarding.reading.addresses import city, postal_code, region, street, take_apart
from onboarding.reading.amounts import currency_in, decimal_string, minor_units, period_in, read_amount, read_share
from onboarding.reading.bank import account_part, find_iban, iban
from onboarding.reading.codes import country_code, mcc_code, whole_number
from onboarding.reading.contact import email_address, phone_number, website_url
from onboarding.reading.dates import proof, read_date
from onboarding.reading.identifiers import person_number, registration_number, tax_id, vat_number
from onboarding.reading.labels import read_label
from onboarding.reading.legal_forms import entity_type, is_entity, type_of_name
from onboarding.reading.names import person_name
from onboarding.reading.people import mentions, role_kinds
from onboarding.reading.placing import place
from onboarding.reading.read import read
from onboarding.reading.result import Reading
from onboarding.reading.text import clean, fold
from onboarding.submission import Part, Submission

AS_OF = datetime.date(2026, 11, 23)
COUNTRIES = st.sampled_from(
    ["GB", "US", "DE", "FR", "NL", "JP", "KR", "BR", "IN", "KW", "CH", "MX", "AE", "SG", "ZA", "IE", None]
)
LABELS = st.sampled_from(
    [
        "legal_name",
        "owners",
        "owner",
        "persons",
        "name",
        "address",
        "bank",
        "iban",
        "dob",
        "share",
        "ownership",
        "contact",
        "type",
        "expected_annual_volume",
        "amount",
        "currency",
        "Gesellschafter",
        "株主",
        "label",
        "value",
        "question",
        "answer",
        "min",
        "max",
        "country",
        "registration",
        "date",
        "owns",
        "roles",
        "nationality",
        "director",
        "notes",
        "ubo1_geb",
        "section",
        "fields",
    ]
)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=40),
    st.sampled_from(["Jane Doe 60%, John Roe", "1/3", "03/04/2019", "GmbH", "15-18k a month",
    "DE89370400440532013000", "½", "(("]),
)  # fmt: skip
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(LABELS | st.text(max_size=20), inner, max_size=6),
    max_leaves=40,
)


def reading_of(content: object, format_: str = "json") -> Reading:
    part = Part(source="input", kind="application", format=format_, content=content)  # type: ignore[arg-type]
    return read(Submission(version=1, parts=[part]), as_of=AS_OF)


@settings(max_examples=150, deadline=None)
@given(JSON)
def test_any_json_value_is_read_and_accounted_for(content: object) -> None:
    reading = reading_of(content)
    assert set(reading.application.flat()) == set(reading.provenance)
    assert reading == reading_of(content)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=300) | st.text(alphabet=string.ascii_letters + ",;|\t\"'\n\r 0123", max_size=300))
def test_any_csv_is_read(content: str) -> None:
    reading_of(content, "csv")


@settings(max_examples=25, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(
            [
                "persons[0].dob",
                "persons[7].name",
                "persons",
                "bank.account",
                "persons.owners",
                "tax_id",
                "mcc",
                "avg_ticket.amount",
            ]
        )
        | st.text(),
        JSON,
    )
)
def test_any_answer_is_read(content: dict[str, object]) -> None:
    parts = [
        Part(source="input", kind="application", format="json", content={"legal_name": "A Ltd"}),
        Part(source="answer-2", kind="answers", format="json", content=content),  # type: ignore[arg-type]
    ]
    assert read(Submission(version=2, parts=parts), as_of=AS_OF)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60) | st.text(alphabet=string.digits + " .,/-'%€$kKm()+", max_size=30), COUNTRIES)
def test_no_value_normaliser_raises(text: str, country: str | None) -> None:
    for one in (clean, iban, account_part, email_address, website_url, person_name, city, mcc_code, whole_number,
    read_share,
                role_kinds, person_number, street, read_date, read_amount):  # fmt: skip
        one(text)
    for two in (phone_number, postal_code, region, registration_number, vat_number, tax_id, take_apart):
        two(text, country)
    for words in (
        country_code,
        entity_type,
        type_of_name,
        is_entity,
        find_iban,
        mentions,
        period_in,
        currency_in,
        read_label,
    ):
        words(text)
    place((text, text))
    read_date(text, country=country)
    read_amount(text, country=country, annual=True, label=text)


@given(st.text(max_size=80), COUNTRIES)
def test_normalising_twice_changes_nothing_more(text: str, country: str | None) -> None:
    for normalise in (clean, iban, email_address, website_url, city):
        once = normalise(text)
        assert once is None or normalise(once) in {once, None}
    for by_country in (postal_code, region):
        once = by_country(text, country)
        assert once is None or by_country(once, country) in {once, None}
    assert fold(fold(text)) == fold(text)


@given(st.dates(min_value=datetime.date(1900, 1, 1), max_value=datetime.date(2099, 12, 31)), COUNTRIES)
def test_a_date_comes_back_whatever_notation_it_is_written_in(day: datetime.date, country: str | None) -> None:
    iso = day.isoformat()
    months = [
        "January",
        "février",
        "März",
        "abril",
        "mei",
        "giugno",
        "lipca",
        "augusti",
        "września",
        "outubro",
        "noviembre",
        "Dez.",
    ]
    written = [iso, f"{day.day} {months[day.month - 1]} {day.year}", f"{day.year}年{day.month}月{day.day}日",
    f"{day.year}년 {day.month}월 {day.day}일",
               f"{day.year}. {day.month}. {day.day}.", f"{day:%Y%m%d}", f"{iso}T10:00:00+00:00"]  # fmt: skip
    for text in written:
        reading = read_date(text, country=country)
        assert reading, text
        assert tuple(reading) == (iso, False), text
    for order, text in (("day", f"{day:%d/%m/%Y}"), ("month", f"{day:%m/%d/%Y}")):
        reading = read_date(text, country=country, order=order)  # type: ignore[arg-type]
        assert reading
        assert reading.value == iso
    if day.day > 12:
        assert proof([f"on {day:%d.%m.%Y}"]) == "day"
        assert proof([f"on {day:%m/%d/%Y}"]) == "month"


@given(st.decimals(min_value=0, max_value=10**9, places=2), st.sampled_from(["EUR", "USD", "JPY", "KWD"]))
def test_an_amount_comes_back_whatever_marks_it_is_written_with(value: Decimal, currency: str) -> None:
    want = decimal_string(value, currency)
    assert len(want.partition(".")[2]) == minor_units(currency)
    whole, _, part = f"{value:.2f}".partition(".")
    groups = f"{int(whole):,}"
    for text in (f"{groups}.{part}", f"{groups.replace(',', '.')},{part}", f"{groups.replace(',', ' ')},{part}",
                 f"{groups.replace(',', chr(0x202F))}.{part}", f"{groups.replace(',', chr(39))}.{part}",
                 f"{whole}.{part}"):  # fmt: skip
        reading = read_amount(text, currency=currency)
        assert reading, text
        assert reading.amount == want, text


@given(
    st.lists(
        st.sampled_from(["legalName", "iban", "ownerDob", "UBO1 geb", "会社名", "사업자등록번호", "x1y2", "der", "%"]),
        max_size=6,
    ),
    st.text(max_size=30),
)
def test_labels_fold_alike_in_every_case_and_spacing(words: list[str], tail: str) -> None:
    text = " ".join([*words, tail])
    assert read_label(text) == read_label(text)
    assert place((text,)) == place((text,))


def test_hostile_texts_are_read_in_linear_time() -> None:
    hostile = ["(", "1 ", "a@", "1.1.1.", "Jane, ", "\u200b", "9", "DE89 ", "01/02/", "x:y|"]
    labels = ("legal_name", "address", "owners", "phone", "website", "dob", "annual_volume", "iban", "contact")

    def cost(size: int) -> float:
        started = time.process_time()
        for piece in hostile:
            text = piece * (size // len(piece))
            for label in labels:
                reading_of({label: text, "name": "A Ltd", "country": "US"})
            reading_of(f"legal_name,notes\nA,{text}\n", "csv")
        return time.process_time() - started

    cost(1_000)
    small, large = cost(25_000), cost(250_000)
    assert large < max(40 * small, 10)


def test_deep_and_wide_values_are_kept_and_not_fatal() -> None:
    deep: object = "x"
    for _ in range(60):
        deep = {"owner": [deep]}
    assert reading_of(deep)
    assert reading_of({f"k{n}": n for n in range(22_000)})
    assert reading_of([["a", "b"]] * 3000)


def test_a_typical_application_takes_a_few_milliseconds() -> None:
    content = {
        "legal_name": "A Ltd",
        "country": "GB",
        "iban": "GB33BUKB20201555555555",
        "persons": [{"name": "Jane Doe", "dob": "1984-06-11"}] * 3,
    }
    reading_of(content)
    started = time.process_time()
    for _ in range(20):
        reading_of(content)
    assert (time.process_time() - started) / 20 < 0.02
