"""Each kind of value in one notation: examples from the policy, one table a section."""

import pytest

from onboarding.reading.amounts import ShareReading, currency_in, period_in, read_amount, read_share
from onboarding.reading.dates import proof, read_date
from onboarding.reading.text import clean


def test_text_is_folded_to_one_notation_and_nothing_more() -> None:
    assert clean("  Zöe\u00a0 O’Carroll\u200b-Núñez ") == "Zöe O'Carroll-Núñez"
    assert clean("９９０００１７７") == "99000177"
    assert clean("Nоrthwіnd") == "Nоrthwіnd"


@pytest.mark.parametrize(
    "text", ["", "-", "none", "N/A", "Keine", "brak", "ninguno", "n.v.t.", "なし", "없음", "...", "néant"]
)
def test_words_for_nothing_are_no_value(text: str) -> None:
    assert clean(text) is None


@pytest.mark.parametrize(
    ("written", "want"),
    [
        ("12. März 2018", "2018-03-12"), ("3 septembre 2020", "2020-09-03"), ("1er février 2012", "2012-02-01"),
        ("4 de marzo de 2019", "2019-03-04"), ("7 maja 1983 r.", "1983-05-07"), ("den 4 mars 2019", "2019-03-04"),
        ("6 mrt 1969", "1969-03-06"), ("11 giugno 1984", "1984-06-11"), ("1º de março de 2020", "2020-03-01"),
        ("March 4th, 2019", "2019-03-04"), ("2015년 3월 4일", "2015-03-04"), ("2015. 3. 4.", "2015-03-04"),
        ("令和３年４月１日", "2021-04-01"), ("昭和60年5月12日生", "1985-05-12"), ("平成元年1月8日", "1989-01-08"),
        ("2031-02-30", "2031-02-30"), ("1961", "1961"), ("14-02-2017", "2017-02-14"), ("14 02 2017", "2017-02-14"),
        ("03/04/2019", "2019-04-03"), ("29.02.2024", "2024-02-29"), ("2019-05-07T00:00:00Z", "2019-05-07"),
        ("20190507", "2019-05-07"),
    ],
)  # fmt: skip
def test_dates(written: str, want: str) -> None:
    reading = read_date(written)
    assert reading
    assert (reading.value, reading.ambiguous) == (want, False)


def test_us_and_canadian_dates_are_proposed_month_first_unless_proven() -> None:
    for country in ("US", "CA"):
        proposed = read_date("03/04/2019", country=country)
        assert proposed
        assert tuple(proposed) == ("2019-03-04", True)
        equal = read_date("05/05/2019", country=country)
        assert equal
        assert tuple(equal) == ("2019-05-05", False)
        proven = read_date("03/04/2019", country=country, order="day")
        assert proven
        assert tuple(proven) == ("2019-04-03", False)
    assert proof(["x 29/05/1986", "06/08/2026"]) == "day"
    assert proof(["07/19/2018"]) == "month"
    assert proof(["2019-05-29", "29.05.1986 and 05.29.1986"]) is None


@pytest.mark.parametrize(
    ("written", "country", "want"),
    [
        ("1.250.000,00", "NL", "1250000.00"), ("287,50", "NL", "287.50"), ("R$ 960.000,00", "BR", "960000.00"),
        ("1'450'000.–", "CH", "1450000.00"), ("9.500,-", "DE", "9500.00"), ("12,50,000", "IN", "1250000.00"),
        ("12.5 lakh", "IN", "1250000.00"), ("1.5 crore", "IN", "15000000.00"), ("2,4 Mio. €", "DE", "2400000.00"),
        ("1,2 mln zł", "PL", "1200000.00"), ("350 tys. zł", "PL", "350000.00"), ("500 mil", "ES", "500000.00"),
        ("120k€", "FR", "120000.00"), ("$1.2m", "US", "1200000.00"), ("12.500", "KW", "12.500"),
        ("12.500", "DE", "12500.00"),
        ("KD 250,000.500", "KW", "250000.500"), ("２４，０００，０００円", "JP", "24000000"),
        ("3億5千万円", "JP", "350000000"),
        ("2,400만원", "KR", "24000000"), ("-50000", "US", "-50000.00"), ("2 500 000 kr", "SE", "2500000.00"),
        ("R 1 250,00", "ZA", "1250.00"), ("420000.00", "GB", "420000.00"), ("0", "GB", "0.00"),
        ("a lot", "GB", "a lot"),
    ],
)  # fmt: skip
def test_amounts(written: str, country: str, want: str) -> None:
    reading = read_amount(written, country=country)
    assert reading
    assert (reading.amount, reading.inferred) == (want, None)


def test_a_json_number_is_its_value_whatever_its_digits_look_like() -> None:
    assert read_amount(123.456, currency="EUR") == ("123.46", "EUR", None)
    assert read_amount("123.456", currency="EUR") == ("123456.00", "EUR", None)
    assert read_amount(1e6, currency="JPY") == ("1000000", "JPY", None)
    assert read_share(12.345) == ShareReading(12.345)


@pytest.mark.parametrize(
    ("written", "label", "want"),
    [
        ("15-18k a month", None, "198000.00"), ("ca. 45.000 € im Monat", None, "540000.00"),
        ("9.500", "Monatsumsatz", "114000.00"),
        ("between £100,000 and £120,000", None, "110000.00"), ("500 per week", None, "26000.00"),
        ("월 3,000만원", None, "360000000"),
    ],
)  # fmt: skip
def test_arithmetic_on_a_volume_is_marked_as_inference(written: str, label: str | None, want: str) -> None:
    country = "KR" if "월" in written else "GB"
    reading = read_amount(written, country=country, label=label, annual=True)
    assert reading
    assert reading.amount == want
    assert reading.inferred


def test_currency_comes_from_symbol_code_or_country() -> None:
    assert [currency_in("$5", c) for c in ("US", "CA", "AU", "SG", "MX", "GB")] == [
        "USD",
        "CAD",
        "AUD",
        "SGD",
        "MXN",
        "USD",
    ]
    assert [currency_in(t) for t in ("5 zł", "R$ 5", "5円", "5원", "CHF 5", "5 tkr", "five")] == [
        "PLN",
        "BRL",
        "JPY",
        "KRW",
        "CHF",
        None,
        None,
    ]
    assert read_amount("5", country="SE") == ("5.00", "SEK", None)


def test_periods_are_read_from_labels_in_every_language() -> None:
    labels = [
        "monthly_turnover",
        "Monatsumsatz",
        "maandomzet",
        "ventas mensuales",
        "月商",
        "월 매출",
        "obrót miesięczny",
        "omsättning per månad",
    ]
    assert {period_in(label) for label in labels} == {"month"}
    assert {period_in(label) for label in ("annual volume", "Jahresumsatz", "연 매출", "年間売上", "jaaromzet")} == {
        "year"
    }


@pytest.mark.parametrize(
    ("written", "pct"),
    [
        (60, 60),
        ("45%", 45),
        ("33,3 %", 33.3),
        ("half", 50),
        ("50/50", 50),
        ("1/3", 33.3333),
        ("zur Hälfte", 50),
        ("절반", 50),
        ("0,5%", 0.5),
    ],
)
def test_shares(written: object, pct: float) -> None:
    share = read_share(written)  # type: ignore[arg-type]
    assert share
    assert (share.pct, share.bare) == (pct, False)


def test_fractions_in_words_and_signs_are_notation() -> None:
    shares = {text: read_share(text) for text in ("33⅓ %", "½", "zwei Drittel", "50:50", "un cuarto", "半分")}
    assert {text: share and share.pct for text, share in shares.items()} == {
        "33⅓ %": 33.3333, "½": 50, "zwei Drittel": 66.6667, "50:50": 50, "un cuarto": 25, "半分": 50,
    }  # fmt: skip
    assert not any(share and share.bare for share in shares.values())


def test_a_bare_fraction_is_marked_and_not_decided_alone() -> None:
    assert read_share(0.25) == ShareReading(0.25, bare=True)
