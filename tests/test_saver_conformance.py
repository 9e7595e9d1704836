"""LangGraph's own suite for savers, in full, on both databases."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.checkpoint.conformance.capabilities import ALL_CAPABILITIES

from checkpoints.database import open_database
from checkpoints.documents import Codec
from checkpoints.saver import LedgerSaver, open_saver
from checkpoints.saver_schema import metadata

SEALED = Codec({b"key1": b"k" * 32}, b"key1")


async def conforms(url: str, codec: Codec | None) -> None:
    async def fresh() -> AsyncGenerator[LedgerSaver, None]:
        db = open_database(url, codec)
        await db.write(lambda tx: metadata.create_all(tx.conn))
        yield open_saver(db)
        await db.close()

    report = await validate(checkpointer_test(name=url)(fresh))
    failed = {name: result.failures for name, result in report.results.items() if not result.passed}
    assert failed == {}
    assert set(report.results) == {capability.value for capability in ALL_CAPABILITIES}
    assert sum(result.tests_passed for result in report.results.values()) > 70


@pytest.mark.parametrize("codec", [None, SEALED], ids=["plain", "sealed"])
async def test_the_saver_passes_every_capability_on_sqlite(tmp_path: Path, codec: Codec | None) -> None:
    await conforms(f"sqlite:///{tmp_path}/state.sqlite", codec)


@pytest.mark.parametrize("codec", [None, SEALED], ids=["plain", "sealed"])
async def test_the_saver_passes_every_capability_on_postgres(postgres_url: str, codec: Codec | None) -> None:
    await conforms(postgres_url, codec)
