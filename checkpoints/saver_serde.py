"""State as plain JSON values in msgpack. A row never names a class: the few framework values have a number each."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import ormsgpack
from langgraph.checkpoint.serde.types import _DeltaSnapshot
from langgraph.types import Interrupt, Overwrite, Send

from onboarding.errors import TamperedRecord

_INTERRUPT: Final = 1
_SEND: Final = 2
_OVERWRITE: Final = 3
_DELTA: Final = 4
_OPTIONS: Final = (
    ormsgpack.OPT_PASSTHROUGH_DATACLASS
    | ormsgpack.OPT_PASSTHROUGH_DATETIME
    | ormsgpack.OPT_PASSTHROUGH_ENUM
    | ormsgpack.OPT_PASSTHROUGH_UUID
    | ormsgpack.OPT_REPLACE_SURROGATES
)
_ERROR_LENGTH: Final = 2000


def pack(value: Any) -> bytes:
    """Bytes of a JSON-native value or one of LangGraph's own. Raises TypeError for anything else."""
    try:
        return ormsgpack.packb(value, default=_extension, option=_OPTIONS)
    except ormsgpack.MsgpackEncodeError as error:
        raise TypeError(f"graph state must be plain JSON values: {error.__cause__ or error}") from error


def unpack(data: bytes, where: str) -> Any:
    """The value that :func:`pack` made. Raises TamperedRecord naming ``where`` for anything it did not make."""
    try:
        return ormsgpack.unpackb(data, ext_hook=_restore)
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise TamperedRecord(f"The record {where} is not readable.") from error


def _extension(value: Any) -> Any:
    if isinstance(value, Interrupt):
        schema = value.response_schema if isinstance(value.response_schema, dict) else None
        return ormsgpack.Ext(_INTERRUPT, pack([value.value, value.id, schema]))
    if isinstance(value, Send):
        if value.timeout is not None:
            raise TypeError("a Send with a timeout cannot be stored")
        return ormsgpack.Ext(_SEND, pack([value.node, value.arg]))
    if isinstance(value, Overwrite):
        return ormsgpack.Ext(_OVERWRITE, pack(value.value))
    if isinstance(value, _DeltaSnapshot):
        return ormsgpack.Ext(_DELTA, pack(value.value))
    if isinstance(value, BaseException):
        return repr(value)[:_ERROR_LENGTH]
    raise TypeError(f"{type(value).__module__}.{type(value).__qualname__} is not a JSON value")


def _interrupt(parts: Any) -> Interrupt[Any]:
    value, id_, schema = parts
    return Interrupt(value, id_, response_schema=schema)


_RESTORE: Final[Mapping[int, Callable[[Any], Any]]] = {
    _INTERRUPT: _interrupt,
    _SEND: lambda parts: Send(parts[0], parts[1]),
    _OVERWRITE: Overwrite,
    _DELTA: _DeltaSnapshot,
}


def _restore(code: int, data: bytes) -> Any:
    restore = _RESTORE.get(code)
    if restore is None:
        raise ValueError(f"unknown extension type {code}")
    return restore(ormsgpack.unpackb(data, ext_hook=_restore))


class StrictSerializer:
    """The same rules behind LangGraph's serializer protocol."""

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        return "strict", pack(obj)

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        if data[0] != "strict":
            raise TamperedRecord(f"A record of unknown type {data[0]!r} was refused.")
        return unpack(data[1], "state")
