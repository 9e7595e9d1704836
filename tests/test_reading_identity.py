"""Contacts, names, codes, identifiers, accounts, addresses and people in one notation (policy 4.5 to 4.8, 5, 7)."""

import datetime

import pytest

from onboarding.reading.addresses import city, postal_code, region, take_apart
from onboarding.reading.bank import account_part, find_iban, iban, settle
from onboarding.reading.codes import country_code, mcc_code, whole_number
from onboarding.reading.contact import email_address, phone_number, website_url
from onboarding.reading.identifiers import registration_number, tax_id, vat_number
from onboarding.reading.legal_forms import entity_type, is_entity, type_of_name
from onboarding.reading.names import joined_name, person_name
from onboarding.reading.people import flag, mentions, role_kinds
from onboarding.reading.read import read
from onboarding.submission import Part, Submission


@pytest.mark.parametrize(
    ("written", "country", "want"),
    [
        ("0113 496 0123", "GB", "+441134960123"), ("+44 (0)113 496 0123", "GB", "+441134960123"),
        ("06 698 12345", "IT", "+390669812345"),
        ("0117–496–0177", "GB", "+441174960177"), ("01482 555 0123", "GB", "014825550123"), ("12345", "US", "12345"),
        ("+49 89 99998-123", "DE", "+498999998123"), ("(19) 3555-0123", "BR", "+551935550123"),
        ("02-555-0123", "KR", "+8225550123"),
    ],
)  # fmt: skip
def test_phones(written: str, country: str, want: str) -> None:
    assert phone_number(written, country) == want


def test_addresses_of_the_net() -> None:
    assert email_address("<Ops@Example.COM>") == "Ops@example.com"
    assert email_address("info@feldspat") == "info@feldspat"
    assert website_url("tulp.example.org/") == "https://tulp.example.org"
    assert website_url("<HTTP://www.A.example.com/Shop/>") == "http://www.a.example.com/Shop"
    assert website_url("https://nоrthwind.example.com") == "https://nоrthwind.example.com"
    assert website_url("htp:/prairiefinch") == "htp:/prairiefinch"


@pytest.mark.parametrize(
    ("written", "want"),
    [
        ("RAHBARI, Hassan al Qaderi", "Hassan al Qaderi Rahbari"), ("AVERELL, Jane", "Jane Averell"),
        ("O'NEILL, Sean", "Sean O'Neill"),
        ("青葉 健太郎（アオバ ケンタロウ）", "青葉 健太郎"),
        ("Dr. Olaf Brandt", "Olaf Brandt"), ("Frau Anna Berg", "Anna Berg"),
        ("Tan Wei Ling Cassandra", "Tan Wei Ling Cassandra"), ("Don Carlos", "Don Carlos"),
        ("Smith, Jr.", "Smith, Jr."),
    ],
)  # fmt: skip
def test_names_of_people(written: str, want: str) -> None:
    assert person_name(written) == want


def test_separate_names_are_given_then_family() -> None:
    assert joined_name("Pieter", "Velde", prefix="van der") == "Pieter van der Velde"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("UK|United Kingdom|British|"
            "Großbritannien|England|GBR|brytyjskie|영국", "GB"),
            ("Germany|Deutschland|deutsch|tedesca|niemiecka|독일", "DE"),
        ("Nederlandse|Holland|"
            "Dutch|Niederlande", "NL"), ("brasileira|Brasil|Brazilian", "BR"), ("Irish|Ireland|irlandese", "IE"),
        ("schwedischer Staatsbürger|"
            "svensk|Swedish|Sverige", "SE"), ("日本|Japanese|japonaise", "JP"),
        ("대한민국|한국|South Korea|Korean", "KR"),
        ("USA|U.S.A.|American|"
            "Delaware, USA|미국", "US"), ("Austria|österreichisch|autrichienne", "AT"), ("Australia|australisch", "AU"),
        ("Nigerian|"
            "nigeriana", "NG"), ("Niger", "NE"), ("Indian", "IN"), ("Indonesian", "ID"),
            ("española|citizen of Spain|Hiszpania", "ES"),
    ],
)  # fmt: skip
def test_countries_by_name_demonym_and_code(words: str, code: str) -> None:
    assert {word: country_code(word) for word in words.split("|")} == dict.fromkeys(words.split("|"), code)


def test_words_that_are_no_country_name_none() -> None:
    assert [country_code(word) for word in ("Atlantis", "new", "Franco", "unknown land", "")] == [None] * 5


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("GmbH|B.V.|Ltd|S.r.l.|S.p.A.|sp. z o.o.|SAS|Pty Ltd|"
            "주식회사|株式会社|corporation|Ltda|S.A. de C.V.|Aktiebolag", "private_company"),
        ("plc|AB (publ)|Public Limited Company", "public_company"), ("LLC|W.L.L.|Limited Liability Company", "llc"),
        ("FZE|FZ-LLC|FZCO|"
            "free zone company", "free_zone_establishment"), ("LLP", "llp"), ("eG|cooperativa", "cooperative"),
        ("sole trader|Einzelunternehmen|eenmanszaak|"
            "ditta individuale|autónomo|enskild firma|개인사업자|個人事業主", "sole_proprietorship"),
        ("GmbH & Co. KG|OHG|"
            "V.O.F.|partnership", "partnership"), ("e.V.|stichting|charity", "nonprofit"), ("trust", "trust"),
    ],
)  # fmt: skip
def test_legal_forms(words: str, kind: str) -> None:
    assert {word: entity_type(word) for word in words.split("|")} == dict.fromkeys(words.split("|"), kind)


def test_a_name_without_a_legal_form_has_no_type() -> None:
    assert [
        type_of_name(n) for n in ("Saltbush Surf", "Jane Doe", "The Trust Bakery", "Rahbari Carpets General Trading")
    ] == [None] * 4
    assert type_of_name("Nordljus AB") == "private_company"


def test_who_is_no_natural_person() -> None:
    assert all(
        map(
            is_entity,
            ["Tannberg Beteiligungs GmbH", "Fundación Oliva", "Stichting X", "Smith Family Trust", "달빛 주식회사"],
        )
    )
    assert not any(map(is_entity, ["Jane Doe", "Tan Wei Ling", "김하늘", "Maria As", "Ugo Banker"]))


@pytest.mark.parametrize(
    ("written", "country", "want"),
    [
        ("Amtsgericht München, HRB 999001", "DE", "München HRB 999001"), ("HRB 99001", "DE", "HRB 99001"),
        ("FN 999001 A", "AT", "FN 999001a"),
        ("2015 / 999001 / 07", "ZA", "2015/999001/07"), ("SIREN 999 900 005", "FR", "999900005"),
        ("CHE-100.155.212 MWST", "CH", "CHE100155212"),
        ("ZZ.999.TST/0001-06", "BR", "ZZ999TST000106"), ("C 99001", "MT", "C 99001"),
        ("oc 990012", "GB", "OC990012"), ("0000123456", "PL", "0000123456"),
    ],
)  # fmt: skip
def test_registration_numbers(written: str, country: str, want: str) -> None:
    assert registration_number(written, country) == want


def test_vat_and_tax_numbers() -> None:
    assert vat_number("GB 999 9999 73", "GB") == vat_number("999999973", "GB") == "GB999999973"
    assert vat_number("CHE-100.155.212 MWST", "CH") == "CHE100155212MWST"
    assert vat_number("29AAACZ9990Q1ZZ", "IN") == "29AAACZ9990Q1ZZ"
    assert vat_number("small business, exempt", "DE") is None
    assert tax_id("00-9990001", "US") == "009990001"


def test_accounts() -> None:
    assert iban("GB33 BUKB 2020 1555 5555 55") == "GB33BUKB20201555555555"
    assert find_iban("pay to CH93 0076 2011 6238 5295 7 BIC UBSWCHZH") == "CH9300762011623852957"
    assert account_part("普通 0001234") == "0001234"
    assert settle({"account_number": "999001000000000017", "bank_code": "002"}, "MX") == {
        "account_number": "999001000000000017"
    }
    assert settle({"branch_code": "01234003", "account_number": "1"}, "CA") == {
        "branch_code": "01234",
        "bank_code": "003",
        "account_number": "1",
    }


@pytest.mark.parametrize(
    ("written", "country", "want"),
    [
        ("ls14ap", "GB", "LS1 4AP"), ("1016ZZ", "NL", "1016 ZZ"), ("12345", "SE", "123 45"),
        ("v6b1a1", "CA", "V6B 1A1"), ("D02X285", "IE", "D02 X285"),
        ("00950", "PL", "00-950"), ("1500001", "JP", "150-0001"), ("13010001", "BR", "13010-001"),
        ("slm1020", "MT", "SLM 1020"),
        ("83702-1234", "US", "83702-1234"), ("CH-8001", "CH", "8001"), ("0407", "DE", "0407"),
        ("400 093", "IN", "400093"),
    ],
)  # fmt: skip
def test_postcodes(written: str, country: str, want: str) -> None:
    assert postal_code(written, country) == want


def test_regions_and_cities() -> None:
    pairs = [
        ("Idaho", "US"),
        ("British Columbia", "CA"),
        ("Karnataka", "IN"),
        ("São Paulo", "BR"),
        ("Jalisco", "MX"),
        ("Victoria", "AU"),
    ]
    assert [region(name, country) for name, country in pairs] == ["ID", "BC", "KA", "SP", "Jal.", "VIC"]
    assert [city(name) for name in ("LEEDS", "L'AQUILA", "Leeds", "渋谷区")] == ["Leeds", "L'Aquila", "Leeds", "渋谷区"]


@pytest.mark.parametrize(
    ("line", "country", "want"),
    [
        ("Isarweg 21, 80331 München", "DE", ("Isarweg 21", "München", "80331", None)),
        (
            "14 Mill Lane, Leeds, West Yorkshire, LS1 4AP, United Kingdom",
            "GB",
            ("14 Mill Lane", "Leeds", "LS1 4AP", "West Yorkshire"),
        ),
        ("212 W Main St Boise Idaho 83702", "US", ("212 W Main St", "Boise", "83702", "Idaho")),
        ("〒150-0001 東京都渋谷区神宮前９丁目99番９号", "JP", ("神宮前9丁目99番9号", "渋谷区", "150-0001", "東京都")),
        ("서울특별시 강남구 테헤란로 123, 4층 (06234)", "KR", ("테헤란로 123, 4층", "강남구", "06234", "서울특별시")),
        ("1 Coleman Street #05-01, Singapore 179803", "SG", ("1 Coleman Street #05-01", "Singapore", "179803", None)),
        ("Via Roma 3, 20121 Milano (MI)", "IT", ("Via Roma 3", "Milano", "20121", "MI")),
        (
            "Rua das Acácias, 250, Campinas - SP, 13010-001",
            "BR",
            ("Rua das Acácias, 250", "Campinas", "13010-001", "SP"),
        ),
    ],
)
def test_an_address_in_one_line_is_taken_apart(line: str, country: str, want: tuple[str | None, ...]) -> None:
    parts = take_apart(line, country)
    assert tuple(parts.get(part) for part in ("line1", "city", "postal_code", "region")) == want


def test_codes_and_counts() -> None:
    assert [mcc_code(v) for v in (5940, "5462 - Bakeries", 742, "0000")] == ["5940", "5462", "0742", "0000"]
    assert [whole_number(v) for v in (30, "1.200", "n/a", True)] == [30, 1200, None, None]


def test_offices_in_every_language() -> None:
    for words in ("Managing Director", "Geschäftsführerin", "Présidente", "bestuurder", "sócio-administrador",
    "代表取締役", "administradora única",
                  "amministratore unico", "prezes zarządu", "VD och styrelseledamot", "대표이사",
                  "LLC Manager"):  # fmt: skip
        assert "director" in role_kinds(words), words
    assert role_kinds("bestuurder/enig aandeelhouder") == {"director", "sole_owner"}
    assert "director" not in role_kinds("authorised signatory")


def test_people_in_a_phrase() -> None:
    found = mentions("Ulrike Hantelmann (60 %, geb. 04.11.1975, deutsch, Geschäftsführerin); Bengt Söderquell (40 %)")
    assert [m.name for m in found] == ["Ulrike Hantelmann", "Bengt Söderquell"]
    assert dict(found[0].details) == {
        "ownership_pct": "60 %",
        "dob": "04.11.1975",
        "nationality": "deutsch",
        "roles": "Geschäftsführerin",
    }
    assert [m.name for m in mentions("AVERELL, Jane")] == ["AVERELL, Jane"]
    assert [m.name for m in mentions("Jane Roe, John Roe", several=True)] == ["Jane Roe", "John Roe"]
    assert [m.name for m in mentions("García López, María José")] == ["García López, María José"]
    assert mentions("CEO Jane Doe") == mentions("Jane Doe (CEO)") == mentions("Jane Doe, CEO")
    assert [m.name for m in mentions("山田 太郎、鈴木 花子")] == ["山田 太郎", "鈴木 花子"]
    assert [m.name for m in mentions("Maria de Souza e Silva")] == ["Maria de Souza e Silva"]
    assert (flag("ja"), flag("nein"), flag("Jane")) == (True, False, None)


@pytest.mark.parametrize(
    ("stated", "country"),
    [
        ({"KvK": "99000177"}, "NL"), ({"CNPJ": "99.900.011/0001-95"}, "BR"), ({"VAT": "IE6433435F"}, "IE"),
        ({"phone": "+48 58 555 01 23"}, "PL"),
        ({"iban": "SE4550000000058398257466"}, "SE"), ({"routing": "110000000"}, "US"),
        ({"address": "100 King St W, Toronto, ON M5X 1A9"}, "CA"), ({"state": "Oregon", "zip": "97209"}, "US"),
        ({"HRB": "München HRB 999001"}, "DE"), ({"IFSC": "HDFC0000261"}, "IN"), ({"company number": "99000001"}, "GB"),
        ({}, None),
    ],
)  # fmt: skip
def test_a_country_nobody_stated_follows_only_from_what_belongs_to_one(
    stated: dict[str, str], country: str | None
) -> None:
    part = Part(source="input", kind="application", format="json", content={"legal_name": "A Ltd", **stated})
    reading = read(Submission(version=1, parts=[part]), as_of=datetime.date(2026, 11, 23))
    assert (reading.application.country, reading.findings) == (country, [])
