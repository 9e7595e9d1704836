"""The look-ups an investigation may use: read-only, with real values in code and none of them in the answers."""

import json
from collections.abc import Sequence

import iso18245
from langchain_core.tools import BaseTool, StructuredTool
from rapidfuzz import fuzz

from graph.context import Context
from onboarding.application import Application
from onboarding.assessment import Prior
from onboarding.finding import Finding
from onboarding.matching import compare
from onboarding.names import fold
from onboarding.policy import Policy
from onboarding.screening import Subject, Watchlist
from tools.website import Website

SHOWN_MCCS = 8
PAGE_CHARS = 1_500


def inquiries(
    application: Application,
    *,
    findings: Sequence[Finding],
    priors: Sequence[Prior],
    watchlist: Watchlist,
    context: Context,
) -> list[BaseTool]:
    """The tools of one case. Each takes one text ``argument`` and answers with JSON; none changes anything."""
    desk = _Desk(application, findings, priors, watchlist, context.policy, context.website)
    offered = [desk.screening_lookup, desk.duplicate_lookup, desk.mcc_search, desk.identifier_check]
    if context.settings.model_website:
        offered.append(desk.website_text)
    return [StructuredTool.from_function(coroutine=tool, name=tool.__name__) for tool in offered]


class _Desk:
    def __init__(
        self,
        application: Application,
        findings: Sequence[Finding],
        priors: Sequence[Prior],
        watchlist: Watchlist,
        policy: Policy,
        website: Website | None,
    ) -> None:
        self._app, self._findings, self._priors = application, findings, priors
        self._watchlist, self._policy, self._website = watchlist, policy, website

    async def screening_lookup(self, argument: str) -> str:
        """Is a name close to one on the watchlist? Argument: legal_name, trading_name or persons[0]."""
        subject = self._subject(argument.strip())
        if subject is None:
            return "no such name in the application"
        hits = self._watchlist.screen(subject, self._policy.screening)
        return json.dumps(
            [{"verdict": h.verdict, "score": h.score, "topics": h.topics, "features": h.features} for h in hits[:5]]
        )

    async def duplicate_lookup(self, argument: str = "") -> str:
        """What does the application share with earlier ones? Argument: leave empty."""
        found = compare(
            self._app,
            self._priors,
            name_pct=self._policy.thresholds.duplicate_name_pct,
            person_pct=self._policy.thresholds.duplicate_person_pct,
        )
        return json.dumps([{"code": item.code, "field": item.path} for item in found])

    async def mcc_search(self, argument: str) -> str:
        """What does a merchant category code stand for, or which codes fit an activity? Argument: a code or words."""
        wanted = argument.strip()
        every = iso18245.get_all_mccs()
        if wanted.isdigit():
            return json.dumps([_mcc(item) for item in every if item.mcc == wanted.zfill(4)])
        words = fold(wanted)
        ranked = sorted(every, key=lambda item: (-fuzz.token_set_ratio(words, fold(_name(item))), item.mcc))
        return json.dumps([_mcc(item) for item in ranked[:SHOWN_MCCS]], ensure_ascii=False)

    async def identifier_check(self, argument: str) -> str:
        """Did a number pass the rules? Argument: a field, such as registration_number or bank.iban."""
        path = argument.strip()
        if path not in self._app.flat():
            return "not stated"
        codes = sorted({item.code for item in self._findings if item.path == path})
        return json.dumps(codes) if codes else "the rules have nothing against it"

    async def website_text(self, argument: str = "") -> str:
        """What does the merchant's own website say, shortened? Argument: leave empty."""
        if self._website is None or not self._app.website:
            return "no website"
        page = await self._website.fetch(self._app.website)
        return json.dumps(
            {"outcome": page.outcome, "title": page.title, "text": page.text[:PAGE_CHARS]}, ensure_ascii=False
        )

    def _subject(self, argument: str) -> Subject | None:
        person = argument.removesuffix(".name")
        if person.startswith("persons[") and person[8:-1].isdecimal() and int(person[8:-1]) < len(self._app.persons):
            found = self._app.persons[int(person[8:-1])]
            numbers = [number for number in (found.national_id, found.passport_number) if number]
            if not found.name:
                return None
            return Subject(
                path=person,
                name=found.name,
                kind="person",
                birth_date=found.dob,
                country=found.nationality,
                identifiers=numbers,
            )
        name = {"legal_name": self._app.legal_name, "trading_name": self._app.trading_name}.get(argument)
        return Subject(path=argument, name=name, kind="company", country=self._app.country) if name else None


def _name(item: iso18245.MCC) -> str:
    return str(item.iso_description or item.usda_description or item.visa_description or "")


def _mcc(item: iso18245.MCC) -> dict[str, str]:
    return {"mcc": item.mcc, "means": _name(item)}
