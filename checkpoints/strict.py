"""LangGraph's own deserialiser in strict mode: set before LangGraph is imported, and checked at start-up."""

import os
import sys
from typing import Final

_SETTING: Final = "LANGGRAPH_STRICT_MSGPACK"
_READ_BY: Final = "langgraph.checkpoint.serde._msgpack"


def ask_for_strict() -> None:
    """Ask for strict mode. LangGraph reads the setting once, when it is imported; an operator's choice stands."""
    if _READ_BY not in sys.modules:
        os.environ.setdefault(_SETTING, "true")


def require_strict() -> None:
    """Refuse to start when LangGraph would rebuild any class that a stored row names. Raises RuntimeError."""
    from langgraph.checkpoint.serde import _msgpack

    if not _msgpack.STRICT_MSGPACK_ENABLED:
        raise RuntimeError(
            f"LangGraph was imported without {_SETTING}=true: it would run code that a stored row names. "
            "Import the checkpoints package first, or set the variable."
        )
