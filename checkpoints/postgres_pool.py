"""The connections of one process to PostgreSQL: in autocommit, so that a transaction is what says BEGIN and COMMIT."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, create_engine, event, make_url
from sqlalchemy.engine.interfaces import ExceptionContext
from sqlalchemy.exc import DBAPIError

from checkpoints.postgres_trouble import READS_ONLY

if TYPE_CHECKING:
    from checkpoints.postgres_wire import Wire

_LIMITS: Final = """
SELECT set_config('idle_in_transaction_session_timeout', %s, false), set_config('lock_timeout', %s, false)
"""

_SILENCE: Final = {
    "connect_timeout": 10,
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""A host that is gone without a word is noticed within fifteen seconds; by the kernel's own rules it takes hours."""


def noticing(url: str) -> dict[str, int]:
    """libpq's parameters for that, but for those that the URL sets itself."""
    named = make_url(url).query
    return {name: value for name, value in _SILENCE.items() if name not in named}


class Connections:
    """At most ``size``, all named ``owner`` at the server.

    ``standstill``: how long a transaction may wait for a lock or do nothing, in PostgreSQL's words.
    """

    def __init__(self, url: str, owner: str, size: int, standstill: str) -> None:
        from checkpoints.postgres_wire import wire_of  # imported here: SQLite needs no driver of PostgreSQL's

        self.trips = 0
        """How often the server was asked, beside preparing once a connection; two threads at once may miss some."""
        self._wire_of = partial(wire_of, counted=self._count)
        self.engine = create_engine(
            url.replace("postgresql://", "postgresql+psycopg://", 1),
            isolation_level="AUTOCOMMIT",
            pool_size=size,
            max_overflow=0,
            pool_use_lifo=True,  # those that are warm first: each prepares for itself
            connect_args={"application_name": owner, "client_encoding": "utf8", **noticing(url)},
        )

        @event.listens_for(self.engine, "connect")
        def limited(raw: Any, _: object) -> None:
            raw.execute(_LIMITS, (standstill, standstill))

        @event.listens_for(self.engine, "handle_error")
        def left(context: ExceptionContext) -> None:
            if getattr(context.original_exception, "sqlstate", None) == READS_ONLY:
                context.is_disconnect = True

        event.listen(self.engine, "before_cursor_execute", self._count)

    def _count(self, *_: object) -> None:
        self.trips += 1

    @contextmanager
    def taken(self) -> Iterator[tuple[Connection, "Wire"]]:
        """A connection and its wire; what is not committed at the end is undone."""
        with self.engine.connect() as conn:
            wire = self._wire_of(conn)
            try:
                yield conn, wire
            finally:
                self.gone(conn, wire)

    def kept(self) -> tuple[Connection, "Wire"]:
        """A connection to keep, and its wire."""
        conn = self.engine.connect()
        return conn, self._wire_of(conn)

    @staticmethod
    def gone(conn: Connection, wire: "Wire") -> None:
        """If the connection broke let SQLAlchemy see it: it takes all that are as old for broken too."""
        if wire.broken and not conn.invalidated:
            with suppress(DBAPIError):
                conn.exec_driver_sql("SELECT 1")

    def dispose(self) -> None:
        """Close all that is not in use."""
        self.engine.dispose()
