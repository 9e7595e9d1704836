"""Encryption at rest: no personal value of a case in any stored byte; other keys; rows without the cipher refused."""

import asyncio
import base64
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from checkpoints import cases, retention
from checkpoints.casefile import collect
from checkpoints.database import Tx, open_database
from checkpoints.saver_schema import state_rows
from checkpoints.schema import metadata
from checkpoints.sealed import SEALED
from graph.folder import codec
from graph.safekeeping import reseal
from graph.service import Actor, Key
from graph.wiring import open_product
from onboarding.decision import Decision
from onboarding.door import make_part
from onboarding.errors import TamperedRecord
from onboarding.model_call import ModelCall, Reply
from onboarding.settings import Settings

ONE, TWO = (f"{name}:{base64.b64encode(os.urandom(32)).decode()}" for name in ("k001", "k002"))
BODY = {
    "legal_name": "Zwetschgenhof Quarkbrot Ltd",
    "entity_type": "private_company",
    "country": "GB",
    "registration_number": "99170017",
    "incorporation_date": "2015-03-04",
    "address": {"line1": "77 Xylophone Crescent", "city": "Pontefract", "postal_code": "WF8 9ZZ", "country": "GB"},
    "website": "https://zwetschgenhof.example.com",
    "mcc": "5462",
    "business_description": "Plum cake and quark bread from a farm oven, sold over the counter.",
    "expected_annual_volume": {"amount": "420000.00", "currency": "GBP"},
    "avg_ticket": {"amount": "9.50", "currency": "GBP"},
    "bank": {"iban": "GB33BUKB20201555555555", "holder": "Zwetschgenhof Quarkbrot Ltd"},
    "contact": {"name": "Ottoline Fjordwick", "email": "ottoline@zwetschgenhof.example.com", "phone": "+441134960999"},
    "persons": [{"name": "Ludmilla Brzezanski", "dob": "1971-08-29", "nationality": "GB", "ownership_pct": 100,
                 "national_id": "QQ123456C", "passport_number": "PX7654321", "roles": ["owner", "control_person"]}],
}  # fmt: skip
WORDS = [
    *(
        "Zwetschgenhof",
        "Quarkbrot",
        "99170017",
        "Xylophone",
        "Pontefract",
        "WF8 9ZZ",
        "zwetschgenhof.example",
        "Plum cake",
    ),
    *("GB33BUKB20201555555555", "20201555555555", "Ottoline", "Fjordwick", "441134960999", "Ludmilla", "Brzezanski"),
    *("1971-08-29", "QQ123456C", "PX7654321", "a private remark", "the model's own words", "What is your second name?"),
]
ANN, SUE = Actor("ann@reviewers.example", "reviewer"), Actor("sue@reviewers.example", "senior_reviewer")


async def lived(settings: Settings) -> str:
    """A whole life: submitted with a key, read, asked back, answered, approved; letters, a recording, checkpoints."""
    async with open_product(settings, self_url="http://127.0.0.1:9") as product:
        service, run, write = product.service, product.runner.advance, product.context.db.write
        key = Key("some-key", "0" * 64)
        (case,), _ = await service.submit(Actor("shop", "backend"), [[make_part(BODY, "json")]], key=key)
        await run(case.id)
        asked = {"action": "request_information", "request": [{"path": "x", "text": "What is your second name?"}]}
        await service.decide(ANN, case.id, Decision.model_validate(asked), review_id=None, channel="api")
        await run(case.id)
        part = make_part({"contact.name": "Ottoline Fjordwick"}, "json", kind="answers")
        await service.inform(Actor("shop", "backend"), case.id, [part])
        await run(case.id)
        call = ModelCall(
            step="preprocess", sequence=1, request_hash="0" * 64, prompt_id="p", prompt_version="1", model="m",
            prompt_hash="0" * 64, outcome="answered", reply=Reply(text="the model's own words"),
        )  # fmt: skip
        await write(lambda tx: _keep(tx, case.id, call))
        reject = Decision(action="reject", comment="a private remark")
        await service.decide(SUE, case.id, reject, review_id=None, channel="api")
        await run(case.id)
        assert (await service.get(case.id)).status == "rejected"
        return case.id


def _keep(tx: Tx, case_id: str, call: ModelCall) -> None:
    from checkpoints import recordings

    recordings.keep(tx, case_id, 1, call)


def settings_of(tmp_path: Path, key: str | None, url: str | None = None) -> Settings:
    named = {"data_dir": tmp_path, "encryption_key": key, "database_url": url, "rule_processes": 0}
    return Settings.model_validate(named | {"reviewers": "ann@reviewers.example", "secret_key": "s"})


def on_sqlite(settings: Settings) -> str:
    """Every byte of the ledger's files."""
    return "".join(path.read_bytes().decode("latin-1") for path in settings.data_dir.glob("onboard.db*"))


def on_postgres(settings: Settings) -> str:
    """A dump of every table, whatever its name, and binary columns once more as the characters they hold."""
    import psycopg

    text = ""
    with psycopg.connect(settings.database) as conn:
        for (name,) in conn.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall():
            with conn.cursor().copy(f'COPY "{name}" TO STDOUT') as rows:
                text += b"".join(bytes(row) for row in rows).decode()
    hexadecimal = re.findall(r"\\\\x((?:[0-9a-f]{2})+)", text)
    return text + "".join(bytes.fromhex(found).decode("latin-1") for found in hexadecimal)


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request, tmp_path) -> Iterator[tuple[Callable[..., Settings], Callable[[Settings], str]]]:
    """``(settings with a key, all stored bytes)`` on each database."""
    if request.param == "sqlite":
        yield lambda key: settings_of(tmp_path, key), on_sqlite
    else:
        url = request.getfixturevalue("postgres_url")
        yield lambda key: settings_of(tmp_path, key, url), on_postgres


def found(raw: str) -> list[str]:
    folded = raw.casefold()
    return [word for word in WORDS if word.casefold() in folded]


def test_no_personal_value_stands_in_any_stored_byte(store):
    settings, stored = store
    asyncio.run(lived(settings(ONE)))
    assert found(stored(settings(ONE))) == []


def test_the_same_search_finds_every_value_without_a_key(store):
    """What proves that the search above can find anything."""
    settings, stored = store
    asyncio.run(lived(settings(None)))
    assert set(WORDS) - set(found(stored(settings(None)))) <= {"20201555555555"}


def test_rows_without_the_cipher_are_refused_once_there_is_a_key_until_they_are_sealed(store):
    settings, _ = store
    case_id = asyncio.run(lived(settings(None)))
    with pytest.raises(TamperedRecord):
        read(settings(ONE), case_id)
    bad: list[str] = []
    assert asyncio.run(reseal(settings(ONE), bad.append)) == 0
    assert bad != []
    assert asyncio.run(reseal(settings(ONE), bad.append, plain_too=True)) > 20
    assert read(settings(ONE), case_id).submissions[0]["body"]["parts"][0]["content"]["country"] == "GB"


def test_another_key_takes_over_beside_the_running_service_and_the_old_one_can_go(store):
    settings, _ = store
    case_id = asyncio.run(lived(settings(ONE)))
    both = settings(f"{TWO},{ONE}")

    async def while_it_runs() -> None:
        async with open_product(both, self_url="http://127.0.0.1:9") as product:
            (new,), _ = await product.service.submit(ANN, [[make_part(BODY, "json")]], key=None)
            bad: list[str] = []
            count, _ = await asyncio.gather(reseal(both, bad.append), product.runner.advance(new.id))
            assert count > 20
            assert bad == []
            assert (await product.service.get(new.id)).status == "in_review"

    asyncio.run(while_it_runs())
    assert read(settings(TWO), case_id).case["status"] == "rejected"
    assert unreadable(settings(TWO)) == []
    with pytest.raises(TamperedRecord, match="not configured"):
        read(settings(ONE), case_id)


def read(settings: Settings, case_id: str) -> Any:
    async def look() -> Any:
        db = open_database(settings.database, codec(settings.encryption_key))
        try:
            return await db.read(lambda tx: collect(tx, case_id))
        finally:
            await db.close()

    return asyncio.run(look())


def unreadable(settings: Settings) -> list[str]:
    async def look() -> list[str]:
        db = open_database(settings.database, codec(settings.encryption_key))
        try:
            ids = await db.read(cases.ids)
            for case_id in ids:
                await db.read(lambda tx, name=case_id: collect(tx, name))
            return await db.scan(lambda tx: list(retention.unreadable(tx)))
        finally:
            await db.close()

    return asyncio.run(look())


def test_every_column_of_bytes_is_in_the_table_of_sealed_documents():
    """A new one that is forgotten there would not be sealed anew, verified, or erased."""
    from sqlalchemy import LargeBinary

    columns = {(t.name, c.name) for t in metadata.sorted_tables for c in t.columns if isinstance(c.type, LargeBinary)}
    assert columns - {(state_rows.name, "body")} == {(sealed.table.name, sealed.column) for sealed in SEALED}


def test_a_document_moved_to_another_row_does_not_open(tmp_path):
    settings = settings_of(tmp_path, ONE)
    case_id = asyncio.run(lived(settings))
    import sqlite3

    with sqlite3.connect(tmp_path / "onboard.db") as db:
        db.execute("UPDATE submissions SET body = (SELECT body FROM submissions WHERE version = 1) WHERE version = 2")
    with pytest.raises(TamperedRecord, match="integrity"):
        read(settings, case_id)
