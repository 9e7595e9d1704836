"""What the clock looks for every few seconds is found by an index: it costs the same however large the ledger is."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import create_engine

from checkpoints import cases, chases, leases, merchants, outbox, retention, reviews, seals
from checkpoints.database import Tx, utc_now
from checkpoints.documents import Codec
from checkpoints.migrate import migrate

ROWS = 30_000
FILL = f"""
INSERT INTO cases (id, client, status, submitted_at, updated_at, graph_version, closed_at, pruned_at,
  work_asked, work_done)
SELECT 'c' || n, 'shop', CASE WHEN mod(n, 10) = 0 THEN 'in_review' WHEN mod(n, 1000) = 1 THEN 'activating'
  ELSE 'active' END, '2026-01-01', '2026-01-01', '1', CASE WHEN mod(n, 10) > 1 THEN '2026-01-02' END,
  CASE WHEN mod(n, 10) > 1 THEN '2026-06-01' END, 1, 1
FROM generate_series(1, {ROWS}) n;
INSERT INTO reviews (id, case_id, stage, round, version, status, shown, shown_hash, second_required, opened_at, due_at)
SELECT 'r' || n, 'c' || n, CASE WHEN mod(n, 1000) = 1 THEN 'service' ELSE 'review' END, 1, 1,
  CASE WHEN mod(n, 10) = 0 OR mod(n, 1000) = 1 THEN 'waiting' ELSE 'decided' END, '', '', false, '2026-01-01',
  '2099-01-01'
FROM generate_series(1, {ROWS}) n;
INSERT INTO chases (review_id, stage, at, done)
SELECT id, stage, '2099-01-01', '' FROM reviews WHERE status = 'waiting';
INSERT INTO letters
  (message_id, case_id, kind, round, recipient_hash, status, attempts, next_at, created_at, sent_at, body)
SELECT 'm' || n, 'c' || n, 'welcome', 1, '', 'sent', 1, '2026-01-01', '2026-01-01', '2026-01-01', ''
FROM generate_series(1, {ROWS}) n;
"""
LOOKS: dict[str, Callable[[Tx], Any]] = {
    "services to be asked again": partial(reviews.overdue, "service"),
    "merchants who did not answer": partial(reviews.overdue, "information"),
    "reviews that expire": partial(reviews.overdue, "review", late=timedelta(days=30)),
    "reminders": lambda tx: chases.due(tx, ("review", "information"), 100),
    "cases with work due": cases.due,
    "leases of the dead": lambda tx: leases.bury(tx, 15),
    "letters": lambda tx: outbox.take(tx, "me"),
    "drafts": merchants.any_over,
    "what the seal has not seen": seals.unsealed,
    "checkpoints to shed": lambda tx: retention.prunable(tx, "2026-05-01", 50),
}


@pytest.fixture(scope="module")
def ledger(postgres_server: Any) -> Iterator[Any]:
    """Thirty thousand cases, most of them closed; nothing is due."""
    postgres_server.psql("CREATE DATABASE sweep_reads")
    url = postgres_server.get_uri(database="sweep_reads")
    migrate(url)
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1), isolation_level="AUTOCOMMIT")
    with engine.connect() as conn:
        conn.exec_driver_sql(FILL)
        conn.exec_driver_sql("VACUUM ANALYZE")
        yield conn
    engine.dispose()
    postgres_server.psql("DROP DATABASE sweep_reads WITH (FORCE)")


def rows_read(conn: Any) -> int:
    """Rows that were read so far, of tables and of indexes."""
    conn.exec_driver_sql("SELECT pg_stat_force_next_flush()")
    tables = "SELECT sum(seq_tup_read) FROM pg_stat_user_tables"
    indexes = "SELECT sum(idx_tup_read) FROM pg_stat_user_indexes"
    return int(conn.exec_driver_sql(f"SELECT ({tables}) + ({indexes})").scalar_one())


@pytest.mark.parametrize("what", LOOKS)
def test_a_look_reads_next_to_nothing(ledger: Any, what: str) -> None:
    before = rows_read(ledger)
    LOOKS[what](Tx(ledger, Codec(), utc_now()))
    assert rows_read(ledger) - before < ROWS / 100
