"""The driver's connection to PostgreSQL, straight: prepared statements through libpq, one round trip and one call each.

What SQLAlchemy and the driver's cursor add to a statement costs ten times what the statement costs here: they wrap it,
and they wait for its answer in Python, where each look at the socket is a wait for the interpreter's lock. Errors are
raised as SQLAlchemy's, so that the retries go by the same classes wherever a statement ran.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, cast

import psycopg
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import DiagnosticField, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from checkpoints.postgres_trouble import READS_ONLY

_KEPT: Final = 400
"""Prepared statements of one connection; the server keeps each in memory."""
_TEXT, _BINARY = 0, 1
_DONE: Final = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK, ExecStatus.EMPTY_QUERY)
_SLOT: Final = "wire"
_UNKNOWN: Final = ("26000", "42P05")
"""A prepared statement is gone, or its name is taken: whoever shares the connection (a pooler) did so."""


def _is_of_no_use(error: psycopg.Error) -> bool:
    """Whether another connection may do better: what is prepared on this one is not what we take it for any more."""
    stale = error.sqlstate in _UNKNOWN or error.diag.source_function == "RevalidateCachedQuery"
    return stale or error.sqlstate == READS_ONLY


def wire_of(conn: Connection, counted: Callable[[], None]) -> "Wire":
    """The wire of this connection's own connection to the server; it lives as long as that does.

    ``counted`` is called for each round trip.
    """
    found: Wire | None = conn.info.get(_SLOT)
    if found is None:
        found = conn.info[_SLOT] = Wire(cast("psycopg.Connection[Any]", conn.connection.dbapi_connection), counted)
    return found


class _Loads(Protocol):
    """What the driver's transformer does for results."""

    def set_pgresult(self, result: PGresult) -> None: ...
    def load_row(self, row: int, make_row: type[tuple[Any, ...]]) -> tuple[Any, ...] | None: ...
    def load_rows(self, row0: int, row1: int, make_row: type[tuple[Any, ...]]) -> list[tuple[Any, ...]]: ...


class Wire:
    """Runs statements with ``$1``-style parameters: str, int, bool, bytes, None, or a list of str or int.

    Raises SQLAlchemy's DBAPIError, with ``connection_invalidated`` where the connection broke.
    """

    def __init__(self, raw: "psycopg.Connection[Any]", counted: Callable[[], None]) -> None:
        raw.prepare_threshold = None  # or its end of a transaction would throw away what is prepared here
        self._raw = raw
        self._counted = counted
        self._pg = raw.pgconn
        self._loads = cast(_Loads, Transformer(raw))
        self._names: dict[str, bytes] = {}

    @property
    def broken(self) -> bool:
        return self._raw.closed

    @property
    def inside(self) -> bool:
        """Whether a transaction is open."""
        return self._raw.info.transaction_status != TransactionStatus.IDLE

    def execute(self, sql: str, arguments: Sequence[Any] = ()) -> "Found":
        """One statement, prepared at its first use on this connection."""

        def run() -> PGresult:
            name = self._names.get(sql) or self._prepare(sql)
            return self._pg.exec_prepared(name, cast(list[bytes], list(map(dumped, arguments))), _formats(arguments))

        return self._asked(sql, run)

    def once(self, sql: str, arguments: Sequence[Any]) -> "Found":
        """One statement that is not worth preparing."""
        return self._asked(
            sql,
            lambda: self._pg.exec_params(sql.encode(), list(map(dumped, arguments)), None, _formats(arguments)),
        )

    def script(self, sql: str) -> "Found":
        """Statements without parameters in one round trip; the answer is the last one's."""
        return self._asked(sql, lambda: self._pg.exec_(sql.encode()))

    def _asked(self, sql: str, run: Callable[[], PGresult]) -> "Found":
        self._counted()
        try:
            return self._found(run())
        except psycopg.Error as error:
            if _is_of_no_use(error):
                self._raw.close()  # a new one prepares all anew, with its limits set
            raise self._told(sql, error) from error

    def _prepare(self, sql: str) -> bytes:
        if len(self._names) >= _KEPT:
            self._found(self._pg.exec_(b"DEALLOCATE ALL"))
            self._names.clear()
        name = b"onboard_%d" % len(self._names)
        self._found(self._pg.prepare(name, sql.encode()))  # once a connection: not counted
        self._names[sql] = name
        return name

    def _found(self, result: PGresult) -> "Found":
        if result.status not in _DONE:
            if result.error_field(DiagnosticField.SQLSTATE) is None:  # not the server's word: the connection broke
                raise psycopg.OperationalError(result.get_error_message())
            raise error_from_result(result)
        return Found(result, self._loads)

    def _told(self, sql: str, error: psycopg.Error) -> Exception:
        told: Exception = DBAPIError.instance(
            sql,
            None,
            error,
            psycopg.Error,
            hide_parameters=True,
            connection_invalidated=self.broken,
        )
        return told


class Found:
    """What a statement answered. To be read before the next statement on the same wire."""

    __slots__ = ("_loads", "_result")

    def __init__(self, result: PGresult, loads: _Loads) -> None:
        self._result, self._loads = result, loads

    @property
    def rowcount(self) -> int:
        return self._result.command_tuples or 0

    @property
    def status(self) -> bytes:
        """What the server says it did: ``COMMIT``, ``INSERT 0 1``."""
        return self._result.command_status or b""

    def one(self) -> tuple[Any, ...]:
        """The row of a query that has one."""
        row = self.fetchone()
        assert row is not None
        return row

    def fetchone(self) -> tuple[Any, ...] | None:
        if not self._result.ntuples:
            return None
        self._loads.set_pgresult(self._result)
        return self._loads.load_row(0, tuple)

    def fetchall(self) -> list[tuple[Any, ...]]:
        if not self._result.ntuples:
            return []
        self._loads.set_pgresult(self._result)
        return self._loads.load_rows(0, self._result.ntuples, tuple)


def _formats(arguments: Sequence[Any]) -> list[int]:
    return [_BINARY if isinstance(value, bytes) else _TEXT for value in arguments]


def dumped(value: Any) -> bytes | None:
    """The value as PostgreSQL reads it. Raises DataError for a NUL in text, TypeError for what has no form here."""
    if value is None:
        return None
    if isinstance(value, str):
        text = value.encode()
        if b"\0" in text:
            raise psycopg.DataError("PostgreSQL text cannot contain NUL (0x00) bytes")
        return text
    if isinstance(value, bool):
        return b"t" if value else b"f"
    if isinstance(value, int):
        return b"%d" % value
    if isinstance(value, bytes):
        return value
    if isinstance(value, list):
        return b"{%b}" % b",".join(_member(item) for item in value)
    raise TypeError(f"no PostgreSQL form for {type(value).__name__}")


def _member(value: Any) -> bytes:
    text = dumped(value)
    if text is None:
        return b"NULL"
    if isinstance(value, str):
        return b'"%b"' % text.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    return text
