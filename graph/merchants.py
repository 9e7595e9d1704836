"""What merchants may do with their case by their own link: see how it stands, answer what was asked, withdraw."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from checkpoints import audit, cases, merchants, reviews, submissions
from checkpoints.database import Tx
from graph.service import Actor, Service
from onboarding.answers import unread as unreadable
from onboarding.application import Application
from onboarding.assessment import Requirement
from onboarding.errors import Conflict, LinkUnknown, ReviewTampered
from onboarding.letters.people import named
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
    people: Sequence[str | None] = ()
    """What each person of the application is called in the questions, as in the letter that asked them."""


async def look(service: Service, token: str) -> Followed:
    """The case behind the link; looking changes nothing. Raises LinkUnknown, whatever is wrong with the link."""
    return await service.context.db.read(lambda tx: _followed(tx, _case_id(tx, token)))


async def answer(service: Service, token: str, request_id: str, parts: Sequence[Part]) -> bool:
    """Answer the request; whether the case holds this very answer now. The same answer again changes nothing.

    What came too late (the request was answered otherwise, closed, or followed by another) is not taken, which the
    trail says. Raises LinkUnknown, StorageUnavailable.
    """
    case_id = await service.context.db.read(lambda tx: _case_id(tx, token))
    with suppress(Conflict, ReviewTampered):  # what to say of it follows from what the case holds
        await service.inform(MERCHANT, case_id, parts, request_id=request_id, channel="merchant")
    taken = await service.context.db.read(lambda tx: _holds(tx, case_id, request_id, parts))
    if not taken:
        data = {"review_id": request_id, "parts": len(parts)}
        await service.context.db.write(lambda tx: audit.append(tx, case_id, MERCHANT.name, "answer.not_taken", data))
    return taken


def _holds(tx: Tx, case_id: str, request_id: str, parts: Sequence[Part]) -> bool:
    made = reviews.decision_on(tx, request_id)
    if made is None or made.case_id != case_id or made.action != "answered" or cases.get(tx, case_id).erased_at:
        return False
    version = reviews.body_of(tx, made)["version"]
    added = submissions.get(tx, case_id, version).parts[len(submissions.get(tx, case_id, version - 1).parts) :]
    return [part.content for part in added] == [part.content for part in parts]


async def asked(service: Service, token: str, request_id: str) -> tuple[Followed, list[str]]:
    """The case as it stands, and the fields that this request of it asked for, whether it still waits or not.

    Raises LinkUnknown.
    """

    def look(tx: Tx) -> tuple[Followed, list[str]]:
        case_id, review = _case_id(tx, token), reviews.find(tx, request_id)
        seen = _followed(tx, case_id)
        if review is None or review.case_id != case_id or review.stage != "information":
            return seen, []
        return seen, [str(item["path"]) for item in reviews.shown(tx, review).get("request", [])]

    return await service.context.db.read(look)


async def unread(service: Service, case_id: str, answers: Mapping[str, str]) -> dict[str, str]:
    """What of these answers could not be read as what its field takes, in words by path."""
    ctx = service.context
    record = await ctx.db.read(lambda tx: cases.record_of(tx, cases.get(tx, case_id)))
    application = record.application if record is not None else Application()
    as_of = ctx.clock().date()
    return await asyncio.to_thread(unreadable, application, answers, policy=ctx.policy, as_of=as_of)


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
    record = cases.record_of(tx, row)
    people = named(record) if record is not None else []
    return seen._replace(request_id=review.id, asked=asked, due_at=review.due_at, people=people)
