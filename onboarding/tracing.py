"""Spans, for whoever wants to see where a case's time went. Off they cost a look at one name.

Everything that is traced says so here; only ``tools/telemetry.py`` knows what a span becomes. A span carries names,
ids, codes and numbers from the closed list of ``ATTRIBUTES``, and never what a merchant or a reviewer wrote.

A case waits for days, so its trace is carried over the wait: what a submission or a decision was traced under
(:func:`carried`, a W3C ``traceparent``) is kept beside the case, and the run that follows is its child.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Final, Literal, Protocol

Kind = Literal["internal", "server", "client"]
Attribute = str | int | float | bool
ATTRIBUTES: Final = frozenset(
    {
        *("case.id", "case.attempt", "step", "tool", "service", "letter.kind", "letter.outcome", "outcome"),
        *("engine", "engine.run", "error.type", "http.request.method", "http.route", "http.response.status_code"),
        *("gen_ai.request.model", "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "prompt"),
    }
)
"""All that a span may say: the field's standard names where there are any (OpenTelemetry's conventions)."""


class Span(Protocol):
    """One piece of work that is under way."""

    def note(self, **attributes: Attribute) -> None:
        """Add what became known; ``__`` in a name stands for a dot. Raises ValueError for a name not in the list."""

    def rename(self, name: str) -> None:
        """The name by which it is known in the end."""


class Tracer(Protocol):
    """What makes spans."""

    def span(
        self,
        name: str,
        kind: Kind,
        attributes: Mapping[str, Attribute],
        parent: str | None,
        link: str | None,
        received: Mapping[str, str] | None,
    ) -> AbstractContextManager[Span]: ...

    def carried(self) -> str | None: ...

    def headers(self) -> dict[str, str]: ...


class _Nothing:
    def note(self, **attributes: Attribute) -> None:
        """Nobody looks."""

    def rename(self, name: str) -> None:
        """Nobody looks."""


_OFF: Final[AbstractContextManager[Span]] = nullcontext(_Nothing())
_tracer: Tracer | None = None


def use(tracer: Tracer | None) -> None:
    """Trace with this from now on, in this process; None switches it off."""
    global _tracer
    _tracer = tracer


def on() -> bool:
    """Whether anybody looks."""
    return _tracer is not None


def span(
    name: str,
    *,
    kind: Kind = "internal",
    parent: str | None = None,
    link: str | None = None,
    received: Mapping[str, str] | None = None,
    **attributes: Attribute,
) -> AbstractContextManager[Span]:
    """A span around a ``with`` block; what the block raises is noted by its type alone.

    ``parent``: the ``traceparent`` it belongs under, else the span it stands in. ``link``: another it follows from.
    ``received``: headers of a request that may name the parent. ``__`` in an attribute's name stands for a dot.
    """
    if _tracer is None:
        return _OFF
    return _tracer.span(name, kind, named(attributes), parent, link, received)


def carried() -> str | None:
    """The ``traceparent`` of the span this stands in, to be kept and given to :func:`span` later; None when off."""
    return _tracer.carried() if _tracer is not None else None


def headers() -> dict[str, str]:
    """What a request to another service carries, so that its spans join ours; nothing when off."""
    return _tracer.headers() if _tracer is not None else {}


def named(attributes: Mapping[str, Attribute]) -> dict[str, Attribute]:
    """The attributes under their real names. Raises ValueError for one that is not in the list."""
    found = {name.replace("__", "."): value for name, value in attributes.items()}
    if unknown := found.keys() - ATTRIBUTES:
        raise ValueError(f"a span does not say {', '.join(sorted(unknown))}")
    return found
