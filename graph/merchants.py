"""What merchants may do with their case by their own link: see how it stands, answer what was asked, withdraw."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from checkpoints import cases, merchants, reviews
from checkpoints.database import Tx
from graph.service import Actor, Service
from onboarding.assessment import Requirement
from onboarding.errors import LinkUnknown
from onboarding.standing import STANDING, Standing
from onboarding.submission import Part

MERCHANT: Final = Actor("merchant", "merchant")


class Followed(NamedTuple):
    """All that a merchant's page may show; ``request_id`` while an answer to ``asked`` is awaited, until ``due_at``."""

    case_id: str
    standing: Standing
    submitted_at: str
    request_id: str | None = None
    asked: Sequence[Requirement] = ()
    due_at: str | None = None


async def look(service: Service, token: str) -> Followed:
    """The case behind the link; looking changes nothing. Raises LinkUnknown, whatever is wrong with the link."""
    return await service.context.db.read(lambda tx: _followed(tx, _case_id(tx, token)))


async def answer(service: Service, token: str, request_id: str, parts: Sequence[Part]) -> None:
    """Answer the request; the same request again changes nothing. Raises LinkUnknown, NotWaiting."""
    case_id = await service.context.db.read(lambda tx: _case_id(tx, token))
    await service.inform(MERCHANT, case_id, parts, request_id=request_id, channel="merchant")


async def withdraw(service: Service, token: str) -> None:
    """End the application. Raises LinkUnknown, Conflict when it is too late."""
    case_id = await service.context.db.read(lambda tx: _case_id(tx, token))
    await service.withdraw(MERCHANT, case_id, channel="merchant")


def _case_id(tx: Tx, token: str) -> str:
    link = merchants.link(tx, token)
    if link is None or link.case_id is None:
        raise LinkUnknown()
    return str(link.case_id)


def _followed(tx: Tx, case_id: str) -> Followed:
    row = cases.get(tx, case_id)
    seen = Followed(case_id, STANDING[row.status], row.submitted_at)
    review = reviews.waiting(tx, case_id)
    if row.withdrawn_by and STANDING[row.status].open:
        return seen._replace(standing=STANDING["withdrawn"])
    if row.status != "awaiting_information" or review is None or review.stage != "information":
        return seen
    asked = [Requirement.from_json(item) for item in reviews.shown(tx, review)["request"]]
    return seen._replace(request_id=review.id, asked=asked, due_at=review.due_at)
