"""What findings stand on beside the application itself, kept with them: enough to find the same again years later."""

from pydantic import Field

from onboarding.assessment import ScreeningHit
from onboarding.model import Value
from onboarding.screening import NOBODY


class PriorRef(Value):
    """An earlier application that was compared: whose, which version, and the hash of what it said (hex, shortened)."""

    case_id: str
    version: int
    hash: str


class Basis(Value):
    """The versions and outside facts that one validation used.

    ``as_of`` is the day that counted as today; ``policy`` the policy's stamp; ``rules`` a hash of the business code;
    ``watchlist`` the list's version and ``bands`` the policy's thresholds for it;
    ``screened`` every answer of the list by the key of who was looked up;
    ``priors`` the earlier applications that were compared, in the order they were.
    """

    as_of: str
    policy: str
    rules: str
    watchlist: str
    bands: dict[str, float] = Field(default_factory=dict)
    screened: dict[str, list[ScreeningHit]] = Field(default_factory=dict)
    priors: list[PriorRef] = Field(default_factory=list)

    @property
    def nobody_screened(self) -> bool:
        """Whether there was no list to look anybody up in."""
        return self.watchlist == NOBODY
