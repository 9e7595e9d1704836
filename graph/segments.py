"""What is due on a case, as an engine past one machine is told of it: ids, codes and numbers, nothing personal."""

from collections.abc import Collection
from typing import Final, Literal, NamedTuple

from checkpoints import cases, reviews
from checkpoints.database import Tx

Kind = Literal["pre_onboarding", "onboarding"]
ESTABLISHES: Final = frozenset({"request_information", "answered", "amended", "correct"})
"""Decisions after which the application is read and judged (again); after all others the case is carried out."""


class Segment(NamedTuple):
    """From where the case stands to its next wait or its end. ``asked`` counts what was ever asked for on the case."""

    case_id: str
    kind: Kind
    asked: int
    step: str
    country: str | None
    risk: str | None

    def key(self, attempt: int) -> str:
        """The idempotency key: one run per case, piece of work and attempt at it."""
        return f"{self.case_id}:{self.kind}:{self.asked}:{attempt}"

    @property
    def name(self) -> str:
        """What its runs are called."""
        return f"{self.case_id}/{self.asked}"

    @property
    def tags(self) -> list[str]:
        """What its runs are found by."""
        known = {"step": self.step, "country": self.country, "risk": self.risk}
        return [f"{name}:{value}" for name, value in known.items() if value]


def segments(tx: Tx, case_ids: Collection[str]) -> list[Segment]:
    """Those of these cases that have work due, in their order."""
    return [found for case_id in case_ids if (found := _segment(tx, case_id)) is not None]


def _segment(tx: Tx, case_id: str) -> Segment | None:
    row = cases.wanting(tx, case_id)
    if row is None:
        return None
    made = reviews.decisions_of(tx, case_id)
    action = made[-1].action if made else "submitted"
    kind: Kind = "pre_onboarding" if not made or action in ESTABLISHES else "onboarding"
    step = f"{made[-1].stage}.{action}" if made else action
    return Segment(case_id, kind, row.work_asked, step, row.country, row.risk_level)
