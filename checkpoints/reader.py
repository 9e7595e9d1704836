"""The live ledger for looking only: what wants to write is refused by the database itself."""

from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import DBAPIError

from checkpoints.documents import Codec
from checkpoints.sqlite_reads import as_told, sqlite_engine
from checkpoints.transaction import T, Tx, Work, utc_now
from onboarding.errors import StorageUnavailable


class Reader:
    """Reads beside a running service, each time on one snapshot. Raises StorageUnavailable when there is no ledger."""

    def __init__(self, url: str, codec: Codec) -> None:
        self._engine = _engine(url)
        self._codec = codec

    def read(self, work: Work[T]) -> T:
        try:
            with self._engine.begin() as conn:
                return work(Tx(conn, self._codec, utc_now()))
        except DBAPIError as error:
            told = as_told(error)
            if isinstance(told, StorageUnavailable):
                told = StorageUnavailable("The ledger cannot be read; is its schema up to date?")
            raise told from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._engine.dispose()


def _engine(url: str) -> Engine:
    if url.startswith("sqlite:///"):
        path = Path(url.removeprefix("sqlite:///"))
        if not path.exists():
            raise StorageUnavailable(f"There is no ledger at {path}; set ONBOARD_DATA_DIR or ONBOARD_DATABASE_URL.")
        return sqlite_engine(path, readonly=True)
    options = {"options": "-c default_transaction_read_only=on -c default_transaction_isolation=repeatable\\ read"}
    return create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1), connect_args=options)
