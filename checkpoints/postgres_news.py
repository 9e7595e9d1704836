"""Which cases were touched or moved, told to the other processes on the same PostgreSQL.

Told after the commit and for many commits at once: a NOTIFY inside a transaction would make all commits queue. What is
lost on the way (a crash, a restart of the server) is lost: whoever listens looks for themselves now and then.
"""

import logging
import threading
from collections.abc import Callable
from typing import Any, Final

from sqlalchemy.exc import SQLAlchemyError

from checkpoints.postgres_pool import Connections

_CHANNEL: Final = "onboard_touched"
_TOGETHER: Final = 0.02
"""Seconds for which what happens is gathered before it is told."""
_AT_ONCE: Final = 100
"""Ids a message: PostgreSQL takes 8,000 bytes."""
_LOOK_UP: Final = 0.2
"""Seconds after which a listener looks whether it is to stop."""
_log = logging.getLogger("onboard.database")


class News:
    """Tells with a thread that starts at the first thing to tell, listens with another that starts at the first ear."""

    def __init__(self, connections: Connections, owner: str) -> None:
        self._connections = connections
        self._owner = owner
        self._lock = threading.Lock()
        self._touched: set[str] = set()
        self._something = threading.Event()
        self._stopping = threading.Event()
        self._ears: list[Callable[[set[str]], None]] = []
        self._threads: dict[str, threading.Thread] = {}

    def tell(self, touched: set[str]) -> None:
        """Tell the others, soon."""
        if touched:
            with self._lock:
                self._touched |= touched
                self._start("news-teller", self._tell_forever)
            self._something.set()

    def listen(self, ear: Callable[[set[str]], None]) -> None:
        """Call ``ear`` with what others touched, in a thread of our own."""
        with self._lock:
            self._ears.append(ear)
            self._start("news-listener", self._listen_forever)

    def close(self) -> None:
        """Tell what is left to tell, and stop."""
        self._stopping.set()
        self._something.set()
        for thread in self._threads.values():
            thread.join()

    def _start(self, name: str, run: Callable[[], None]) -> None:
        if name not in self._threads:
            self._threads[name] = threading.Thread(target=run, name=name, daemon=True)
            self._threads[name].start()

    def _tell_forever(self) -> None:
        while not self._stopping.is_set():
            self._something.wait()
            self._stopping.wait(_TOGETHER)
            self._something.clear()
            with self._lock:
                touched, self._touched = sorted(self._touched), set()
            try:
                with self._connections.taken() as (_, wire):
                    for start in range(0, len(touched), _AT_ONCE):
                        message = "\n".join([self._owner, *touched[start : start + _AT_ONCE]])
                        wire.execute("SELECT pg_notify($1, $2)", [_CHANNEL, message])
            except SQLAlchemyError as error:
                _log.warning("others were not told of %d cases: %s", len(touched), type(error).__name__)

    def _listen_forever(self) -> None:
        while not self._stopping.is_set():
            try:
                with self._connections.engine.connect() as conn:
                    conn.exec_driver_sql(f"LISTEN {_CHANNEL}")
                    try:
                        self._hear(conn.connection.dbapi_connection)
                    finally:
                        conn.invalidate()  # nobody else is to find a connection that listens
            except Exception as error:  # noqa: BLE001 - the server is away: listen again once it is back
                _log.warning("not listening: %s", type(error).__name__)
                self._stopping.wait(_LOOK_UP)

    def _hear(self, raw: Any) -> None:
        while not self._stopping.is_set():
            for said in raw.notifies(timeout=_LOOK_UP):
                owner, *touched = said.payload.split("\n")
                if owner != self._owner:
                    for ear in self._ears:
                        ear(set(touched))
                if self._stopping.is_set():
                    return
