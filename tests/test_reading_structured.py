"""Structured applications (JSON, CSV) are read completely and without an invented value (policy 4, 5, 7, 10)."""

import datetime
import importlib.util
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from onboarding.reading.labels import read_label
from onboarding.reading.placing import place
from onboarding.reading.read import read
from onboarding.reading.result import Reading
from onboarding.submission import Part, Submission

DATA = Path(__file__).parent / "data"
OURS = {"FIELDS_SWAPPED", "VALUE_INFERRED", "DATE_AMBIGUOUS", "FIELD_CONFLICT"}


def _compare() -> Any:
    spec = importlib.util.spec_from_file_location("compare", DATA / "compare.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


COMPARE = _compare()


def _cases(name: str) -> list[dict[str, Any]]:
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    return [case for case in map(json.loads, lines) if case["format"] in {"json", "csv"}]


CASES = [*_cases("acceptance.jsonl"), *_cases("reading_structured.jsonl")]


def reading_of(content: Any, format_: str = "json", as_of: str = "2026-11-23") -> Reading:
    part = Part(source="input", kind="application", format=format_, content=content)  # type: ignore[arg-type]
    return read(Submission(version=1, parts=[part]), as_of=datetime.date.fromisoformat(as_of))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_every_listed_field_is_read_as_the_policy_writes_it(case: dict[str, Any]) -> None:
    flat = reading_of(case["payload"], case["format"], case["as_of"]).application.flat()
    wrong = {
        path: (want, flat.get(path))
        for path, want in case["expect"]["normalised"].items()
        if not COMPARE.same(path, want, flat.get(path), case["payload"])
    }
    assert wrong == {}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_nothing_is_read_where_nothing_was_stated(case: dict[str, Any]) -> None:
    expected = case["expect"]
    flat = reading_of(case["payload"], case["format"], case["as_of"]).application.flat()
    assert [p for p in expected["missing"] if p in flat and p not in expected["normalised"]] == []
    names = {p for p in flat if p.startswith("persons[") and p.endswith("].name")}
    assert names == {p for p in expected["normalised"] if p.startswith("persons[") and p.endswith("].name")}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_exactly_the_right_findings_of_reading_are_raised(case: dict[str, Any]) -> None:
    reading = reading_of(case["payload"], case["format"], case["as_of"])
    assert {f.code for f in reading.findings} == OURS & set(case["expect"]["findings"])
    assert all(f.evidence and f.evidence[0].quote for f in reading.findings)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_every_field_says_where_it_came_from(case: dict[str, Any]) -> None:
    reading = reading_of(case["payload"], case["format"], case["as_of"])
    assert set(reading.application.flat()) == set(reading.provenance)


def test_the_same_application_reads_the_same_in_every_key_style() -> None:
    plain = {"legal name": "Moss Ltd", "company number": "99000001", "date of incorporation": "2019-05-07",
             "average order value": "9.50", "bank account number": "12345678"}  # fmt: skip
    styles = {
        "snake": lambda k: k.replace(" ", "_"),
        "kebab": lambda k: k.replace(" ", "-"),
        "camel": lambda k: k.split()[0] + "".join(w.title() for w in k.split()[1:]),
        "pascal": lambda k: "".join(w.title() for w in k.split()),
        "upper": lambda k: k.upper().replace(" ", "_"),
        "squeezed": lambda k: k.replace(" ", ""),
        "question": lambda k: f"What is your {k}?",
        "leader": lambda k: f"{k.capitalize()} ......:",
    }
    want = reading_of(plain).application
    for name, style in styles.items():
        got = reading_of({style(key): value for key, value in plain.items()}).application
        assert got == want, name


def _renamed(value: Any, rename: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {rename(key): _renamed(inner, rename) for key, inner in value.items()}
    return [_renamed(inner, rename) for inner in value] if isinstance(value, list) else value


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and any(isinstance(inner, dict | list) for inner in value):
        for position, inner in enumerate(value):
            yield from _leaves(inner, f"{path}[{position}]")
    else:
        yield path, value


def _words(key: str) -> list[str]:
    return re.sub(r"(?<=[a-zà-ÿ])(?=[A-ZÀ-Þ])|[_-]", " ", key).split()


def _label(path: str) -> str:
    return re.sub(r"\[(\d+)\]", lambda m: f" {int(m[1]) + 1}", path).replace(".", " ")


STYLES: dict[str, Callable[[Any], Any]] = {
    "wrapped": lambda p: {"data": {"application": p}},
    "upper": lambda p: _renamed(p, lambda k: "_".join(_words(k)).upper()),
    "kebab": lambda p: _renamed(p, lambda k: "-".join(_words(k)).lower()),
    "camel": lambda p: _renamed(p, lambda k: "".join(w.capitalize() for w in _words(k))),
    "title": lambda p: _renamed(p, lambda k: " ".join(w.capitalize() for w in _words(k)) + ":"),
    "paths": lambda p: dict(_leaves(p)),
    "pairs": lambda p: [{"label": _label(path), "value": value} for path, value in _leaves(p)],
    "questions": lambda p: {"answers": [{"question": _label(path), "answer": value} for path, value in _leaves(p)]},
}
NESTED = [
    case for case in _cases("reading_structured.jsonl") if isinstance(case["payload"], dict) and case["id"] != "map-01"
]
CHAINS_AND_FORMS = {"chain-01", "chain-02", "en-02", "nl-01"}
"""What a flat list of labels cannot say: who owns which owner, and lists of labels inside lists."""
STYLED = [(c, s) for c in NESTED for s in STYLES if s not in {"pairs", "questions"} or c["id"] not in CHAINS_AND_FORMS]


@pytest.mark.parametrize(("case", "style"), STYLED, ids=lambda value: value if isinstance(value, str) else value["id"])
def test_no_application_depends_on_how_its_keys_are_written_or_nested(case: dict[str, Any], style: str) -> None:
    want = reading_of(case["payload"]).application.flat()
    assert reading_of(STYLES[style](case["payload"])).application.flat() == want


GLOSSARY = {
    "legal_name": "legal name|Firma|raison sociale|statutaire naam|razão social|"
    "法人名|razón social|denominazione|nazwa pełna|firmanamn|상호",
    "trading_name": "dba|Handelsname|nom commercial|handelsnaam|"
    "nome fantasia|屋号|marca|insegna|nazwa handlowa|bifirma|브랜드명",
    "entity_type": "legal structure|Rechtsform|forme juridique|rechtsvorm|"
    "forma jurídica|forma giuridica|forma prawna|bolagsform",
    "registration_number": "CRO|CIN|UEN|HRB|SIRET|KvK|CNPJ|法人番号|CIF/NIF|KRS/REGON|orgnr|사업자등록번호",
    "vat_number": "VAT|GSTIN|USt-IdNr|MWST|TVA|btw|IVA|partita IVA|momsreg",
    "tax_id": "EIN|UTR|PAN|ABN|BN|RFC|NIP|income tax ref",
    "incorporation_date": "since|gegründet|créée|opgericht|data de abertura|設立|"
    "constituida|inizio attività|działam od|startdatum|설립일",
    "address": "premises|Anschrift|siège|endereço|所在地|domicilio|sede|adress|소재지",
    "address.city": "municipality|ville|plaats|municipio|comune|miejscowość|postort",
    "address.postal_code": "pin code|eircode|PLZ|cp|cap|kod|postnr",
    "country": "jurisdiction|pays|país|Paese|kraj|sätesland|国|국가",
    "business_description": "what we do|Tätigkeit|activité|omschrijving|"
    "atividade|事業内容|giro|attività|opis|verksamhet|사업 내용",
    "expected_annual_volume": "card sales|Jahresumsatz|chiffre d'affaires|pinomzet|"
    "faturamento|年間売上|ventas|incassi|obrót|omsättning|연 매출",
    "avg_ticket": "usual sale|Durchschnittsbon|panier moyen|gem. bon|ticket médio|"
    "客単価|importe medio|scontrino medio|średni paragon|snittköp",
    "persons[].dob": "born|né(e)|nascimento|生|nacido/a|nato/a|ur./urodzony|född|생|geb.",
}


@pytest.mark.parametrize(("path", "words"), GLOSSARY.items())
def test_the_words_of_the_glossary_mean_their_field(path: str, words: str) -> None:
    assert {word: place((word,)).path for word in words.split("|")} == dict.fromkeys(words.split("|"), path)


@pytest.mark.parametrize(
    ("trail", "path"),
    [
        (("Kontakt", "Name"), "contact.name"),
        (("Gesellschafter", "Name"), "persons[].name"),
        (("company", "registration", "date"), "incorporation_date"),
        (("Bankverbindung", "Nummer"), "bank.account_number"),
        (("ubo1_geb",), "persons[].dob"),
        (("owner_dob",), "persons[].dob"),
        (("iban", "value"), "bank.iban"),
        (("owners", "address", "city"), None),
        (("previous company", "name"), None),
        (("bank", "name"), None),
        (("country of birth",), None),
        (("number of employees",), None),
        (("date of application",), None),
    ],
)
def test_a_wrapper_gives_a_general_word_its_meaning(trail: tuple[str, ...], path: str | None) -> None:
    assert place(trail).path == path


def test_unknown_labels_stay_unknown_and_their_values_are_kept() -> None:
    assert not read_label("favourite colour").segments
    application = reading_of(
        {"legal_name": "A Ltd", "favourite colour": "teal", "nested": {"odd thing": [1, 2]}}
    ).application
    assert application.extra == {
        "$['favourite colour']": "teal",
        "$.nested['odd thing'][0]": 1,
        "$.nested['odd thing'][1]": 2,
    }


ROLES: dict[str, tuple[Any, Any, str | None, str]] = {
    "a column of its own": (
        "csv",
        "legal_name,country,owner_name,owner_role\nMoss Ltd,GB,Ada Price,director\n",
        "director",
        "row 1, column owner_role",
    ),
    "the column's own heading": (
        "csv",
        "legal_name,director\nMoss Ltd,Ada Price\n",
        "director",
        "row 1, column director",
    ),
    "a share makes the owner": (
        "csv",
        "legal_name,owner_name,owner_pct\nMoss Ltd,Ada Price,40\n",
        "40",
        "row 1, column owner_pct",
    ),
    "a key of its own": (
        "json",
        {"owners": [{"name": "Ada Price", "role": "director", "pct": 60}]},
        "director",
        "$.owners[0].role",
    ),
    "the key around it": ("json", {"directors": ["Ada Price"]}, "director", "$.directors[0]"),
    "the object around it": ("json", {"director": {"name": "Ada Price"}}, "director", "$.director.name"),
    "a list of roles": (
        "json",
        {"persons": [{"name": "Ada Price", "roles": ["owner", "director"]}]},
        "owner, director",
        "$.persons[0].roles",
    ),
    "a line of a form": ("text", "Company: Moss Ltd\nDirector: Ada Price\n", "director", "line 2, column 11"),
}


@pytest.mark.parametrize("form", ROLES)
def test_roles_say_which_words_they_were_read_from(form: str) -> None:
    format_, content, raw, where = ROLES[form]
    part = Part(source="input", kind="application", format=format_, content=content)
    reading = read(Submission(version=1, parts=[part]), as_of=datetime.date(2026, 11, 26))
    assert reading.application.persons[0].roles
    source = reading.provenance["persons[0].roles"]
    assert (source.raw, source.source, source.where) == (raw, "input", where)
