"""Procrastinate's tables in our PostgreSQL: making them once, and looking whether a case is queued there already."""

from collections.abc import Collection
from typing import Final

from sqlalchemy import bindparam, text

from checkpoints.database import Tx

_LOCK: Final = 7_301_946_251
_LIVE: Final = text(
    "SELECT lock FROM procrastinate_jobs WHERE status IN ('todo', 'doing') AND lock IN :cases"
).bindparams(bindparam("cases", expanding=True))


def install(tx: Tx, schema: str) -> bool:
    """Make the tables by ``schema`` where there are none; of several processes one does. Returns whether it did."""
    tx.conn.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
    if tx.conn.exec_driver_sql("SELECT to_regclass('procrastinate_jobs')").scalar() is not None:
        return False
    tx.conn.exec_driver_sql(schema.replace("%", "%%"))
    return True


def live(tx: Tx, case_ids: Collection[str]) -> set[str]:
    """Those of these cases for which a job waits or runs."""
    return set(tx.conn.scalars(_LIVE, {"cases": list(case_ids)})) if case_ids else set()
