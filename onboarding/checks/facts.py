"""What a rule sees and what it says: one immutable bundle of facts in, hits out."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Final, NamedTuple

from onboarding.application import Application
from onboarding.assessment import Prior, ScreeningHit
from onboarding.checks.texts import Text, texts_of
from onboarding.finding import Evidence
from onboarding.ownership import Effective, effective_shares
from onboarding.policy import Policy
from onboarding.reading.result import Reading
from onboarding.screening import Watchlist
from onboarding.submission import Submission

QUOTE_LENGTH: Final = 160


class Hit(NamedTuple):
    """A code raised at one place, with a sentence for the reviewer. ``evidence`` None: that of ``path``."""

    code: str
    message: str
    path: str | None = None
    evidence: tuple[Evidence, ...] | None = None


@dataclass(frozen=True)
class Facts:
    """Everything validation may look at. A missing fact is unknown: a rule stays silent on it."""

    reading: Reading
    submission: Submission
    priors: Sequence[Prior]
    watchlist: Watchlist
    policy: Policy
    as_of: date
    hits: list[ScreeningHit] = field(default_factory=list)

    @property
    def app(self) -> Application:
        """The application as read."""
        return self.reading.application

    @cached_property
    def texts(self) -> list[Text]:
        """Every text of every part: values, keys, headers and comments, decoded."""
        return texts_of(self.submission)

    @cached_property
    def ownership(self) -> Effective:
        """Effective shares: from the ownership list if there is one, else as the persons list states them."""
        app = self.app
        if app.ownership:
            return effective_shares(app.ownership, app.legal_name or "")
        shares = {f"{i}": float(p.ownership_pct) for i, p in enumerate(app.persons) if p.ownership_pct}
        return Effective(shares=shares, unresolved=max(0.0, round(100 - sum(shares.values()), 9)))

    @cached_property
    def ownership_stated(self) -> bool:
        """Whether anything was said about who owns the applicant."""
        app = self.app
        return bool(app.ownership) or any(p.ownership_pct or "owner" in p.roles for p in app.persons)

    @cached_property
    def form_words(self) -> str:
        """The legal name and the legal form as stated, lower case: where a word such as GmbH may stand."""
        stated = self.reading.provenance.get("entity_type")
        return f"{self.app.legal_name or ''} {stated.raw if stated else ''}".casefold()

    def evidence_of(self, path: str | None) -> tuple[Evidence, ...]:
        """Where the value of ``path`` came from, as written."""
        origin = self.reading.provenance.get(path or "")
        if origin is None:
            return ()
        return (Evidence(source=origin.source, quote=clip(origin.raw), where=origin.where),)


Check = Callable[[Facts], Iterable[Hit]]


class Rule(NamedTuple):
    """``id`` and ``version`` name the rule in findings; ``source`` is the policy section it implements."""

    id: str
    version: int
    source: str
    check: Check

    @property
    def name(self) -> str:
        """How findings name it."""
        return f"rule:{self.id}@{self.version}"


def clip(text: str, length: int = QUOTE_LENGTH) -> str:
    """A quote short enough to read."""
    return text if len(text) <= length else text[: length - 1] + "…"
