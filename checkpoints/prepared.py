"""Core statements that run in every case: written once, compiled once a dialect, run without the rest of SQLAlchemy.

Its Core is how a query is written here, for SQLite and PostgreSQL alike; but to build, look up and wrap one execution
costs ten times what SQLite takes for an indexed query. A prepared statement keeps its text and the order of its
parameters. Where the transaction has the driver's own connection at hand it runs there, else through SQLAlchemy.
"""

import re
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Dialect, Executable, Insert, LargeBinary, Update
from sqlalchemy.sql.selectable import ReturnsRows
from sqlalchemy.types import TypeEngine

from checkpoints.transaction import Tx, Wire

_Process = Callable[[Any], Any]
_Given = tuple[int, str, _Process | None]
"""A parameter to be given: where, under which name, and what makes the driver's value of it."""
_FEW: Final = 4
"""Rows up to which an INSERT of several is prepared, for each number of them."""


class Prepared:
    """One statement. Values are given by the names of its ``bindparam()``s and, for INSERT and UPDATE, ``columns``.

    A list of values (``IN``) and defaults that SQLAlchemy computes are not for it: the first use raises ValueError.
    Rows are named tuples.
    """

    def __init__(self, statement: Executable, *columns: str) -> None:
        self._statement = statement.inline() if isinstance(statement, Insert) else statement
        self._columns = columns
        self._texts: dict[str, _Text] = {}

    def first(self, tx: Tx, **values: Any) -> Any | None:
        """The first row, or None."""
        text = self._texts.get(tx.dialect) or self._compile(tx)
        found = text.cursor(tx, values).fetchone()
        return None if found is None else text.row(found)

    def all(self, tx: Tx, **values: Any) -> list[Any]:
        """Every row."""
        text = self._texts.get(tx.dialect) or self._compile(tx)
        return [text.row(found) for found in text.cursor(tx, values).fetchall()]

    def scalar(self, tx: Tx, **values: Any) -> Any | None:
        """The first value of the first row, or None."""
        found = self.first(tx, **values)
        return None if found is None else found[0]

    def run(self, tx: Tx, **values: Any) -> int:
        """Carry it out; returns how many rows it touched."""
        text = self._texts.get(tx.dialect) or self._compile(tx)
        return int(text.cursor(tx, values).rowcount)

    def many(self, tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
        """Carry it out once for each row."""
        text = self._texts.get(tx.dialect) or self._compile(tx)
        if not rows:
            return
        if tx.wire is not None:
            text.wire.many(tx.wire, rows)
        elif tx.raw is not None:
            tx.raw.executemany(text.sql, [text.arguments(row) for row in rows])
        else:
            tx.conn.exec_driver_sql(text.sql, [text.arguments(row) for row in rows])

    def _compile(self, tx: Tx) -> "_Text":
        text = self._texts[tx.dialect] = _Text(self._statement, self._columns, tx.conn.dialect)
        return text


class _Parameters:
    """A statement's parameters in order: what it holds itself, and what is given each time. One may stand twice."""

    def __init__(self, standing: list[Any], given: Sequence[_Given]) -> None:
        self.standing = standing
        self.given = given
        self._names = frozenset(name for _, name, _ in given)

    def filled(self, values: Mapping[str, Any]) -> list[Any]:
        """With what is given now. Raises KeyError."""
        found = self.standing.copy()
        for n, name, process in self.given:
            value = values[name]
            found[n] = value if process is None else process(value)
        if len(values) != len(self._names):
            raise KeyError(*(values.keys() - self._names))
        return found


class _Text:
    """A statement in one dialect: its SQL, its parameters in order, and what its rows look like."""

    def __init__(self, statement: Any, columns: Sequence[str], dialect: Dialect) -> None:
        made = statement.compile(dialect=dialect, column_keys=list(columns) or None)
        if any(bind.expanding for bind in made.bind_names):
            raise ValueError("a statement with a list of values cannot be prepared")
        if isinstance(statement, Insert | Update) and (made.insert_prefetch or made.update_prefetch):
            raise ValueError("a statement with computed defaults cannot be prepared")
        self.sql = str(made)
        self._positional = made.positional
        binds = {name: bind for bind, name in made.bind_names.items()}
        order = list(made.positiontup if made.positional else binds)
        standing = [None if binds[name].required else binds[name].value for name in order]
        given = [(n, name) for n, name in enumerate(order) if binds[name].required]
        self._parameters = _Parameters(standing, [(n, name, _binder(binds[name].type, dialect)) for n, name in given])
        self._order = order
        self._wire: _OnWire | None = None
        self._types = [binds[name].type for name in order]
        read = list(statement.exported_columns) if isinstance(statement, ReturnsRows) else []
        self._make: Callable[[Sequence[Any]], Any] = _named([column.key for column in read]) if read else tuple
        self._readers = [(n, process) for n, c in enumerate(read) if (process := _reader(c.type, dialect)) is not None]

    def arguments(self, values: Mapping[str, Any]) -> Any:
        """The driver's parameters: what the statement itself holds, and what is given now. Raises KeyError."""
        found = self._parameters.filled(values)
        return tuple(found) if self._positional else dict(zip(self._order, found, strict=True))

    @property
    def wire(self) -> "_OnWire":
        """The same statement for PostgreSQL's own protocol."""
        if self._wire is None:
            self._wire = _OnWire(self.sql, self._order, self._types, self._parameters)
        return self._wire

    def cursor(self, tx: Tx, values: Mapping[str, Any]) -> Any:
        """The result, from the driver itself or through SQLAlchemy."""
        if tx.wire is not None:
            return tx.wire.execute(self.wire.sql, self.wire.arguments(values))
        arguments = self.arguments(values)
        if tx.raw is not None:
            return tx.raw.execute(self.sql, arguments)
        return tx.conn.exec_driver_sql(self.sql, arguments)

    def row(self, found: Sequence[Any]) -> Any:
        if self._readers:
            values = list(found)
            for n, process in self._readers:
                values[n] = process(values[n])
            found = values
        return self._make(found)


class _OnWire:
    """A statement with ``$1`` for its first parameter, as the server itself reads it."""

    def __init__(
        self,
        sql: str,
        order: Sequence[str],
        types: Sequence[TypeEngine[Any]],
        parameters: _Parameters,
    ) -> None:
        at = {name: n for n, name in enumerate(order)}
        binary = [isinstance(kind, LargeBinary) for kind in types]
        self._pieces = re.split(r"%\((\w+)\)s", sql.replace("%%", "%"))
        self._at = [(at[name], "::BYTEA" if binary[at[name]] else "") for name in self._pieces[1::2]]
        plain = [(n, name, None if binary[n] else process) for n, name, process in parameters.given]
        self._parameters = _Parameters(parameters.standing, plain)
        self.sql = self._written(self._pieces, 0)

    def _written(self, pieces: Sequence[str], after: int) -> str:
        marks = [f"${n + 1 + after}{cast}" for n, cast in self._at]
        return "".join(f"{text}{mark}" for text, mark in zip(pieces[::2], [*marks, ""], strict=True))

    def arguments(self, values: Mapping[str, Any]) -> list[Any]:
        """The parameters in their order. Raises KeyError."""
        return self._parameters.filled(values)

    def many(self, wire: Wire, rows: Sequence[Mapping[str, Any]]) -> None:
        """All rows of an INSERT in one statement. Raises ValueError for any other statement."""
        head, found, first = self._pieces[0].rpartition("VALUES (")
        if not found or not re.fullmatch(r"(::\w+)?\)", self._pieces[-1]):
            raise ValueError("only a plain INSERT takes many rows")
        group, width = ["(" + first, *self._pieces[1:]], len(self._parameters.standing)
        groups = ", ".join(self._written(group, n * width) for n in range(len(rows)))
        run = wire.execute if len(rows) <= _FEW else wire.once
        run(f"{head}VALUES {groups}", [value for row in rows for value in self.arguments(row)])


def _named(names: Sequence[str]) -> Callable[[Sequence[Any]], Any]:
    make: Callable[[Sequence[Any]], Any] = getattr(namedtuple("Row", names), "_make")  # noqa: B009 - made at run time
    return make


def _binder(kind: TypeEngine[Any], dialect: Dialect) -> _Process | None:
    return kind.dialect_impl(dialect).bind_processor(dialect)


def _reader(kind: TypeEngine[Any], dialect: Dialect) -> _Process | None:
    return kind.dialect_impl(dialect).result_processor(dialect, None)
