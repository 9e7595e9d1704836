"""Names against the watchlist: hits become findings by the bands of policy 6."""

from collections.abc import Iterator, Sequence
from typing import Final

from onboarding.application import Application
from onboarding.assessment import ScreeningHit
from onboarding.checks.facts import Facts, Hit, Rule
from onboarding.finding import Evidence
from onboarding.names import person_key
from onboarding.policy import ScreeningPolicy
from onboarding.screening import PEP_TOPICS, Subject, Watchlist


def subjects_of(app: Application) -> list[Subject]:
    """Who is screened: the names of the entity as a company, every person, and everyone in the ownership list.

    A sole trader whose legal name is the owner's name is screened as that person only (policy 6).
    """
    people = {person_key(person.name) for person in app.persons if person.name}
    entity = [("legal_name", app.legal_name), ("trading_name", app.trading_name)]
    numbers = [number for number in (app.registration_number, app.tax_id, app.vat_number) if number]
    found = [
        Subject(path=path, name=name, kind="company", country=app.country, identifiers=numbers)
        for path, name in entity
        if name and not (path == "legal_name" and _is_owner(app, name, people))
    ]
    for index, person in enumerate(app.persons):
        if person.name:
            found.append(
                Subject(
                    path=f"persons[{index}].name",
                    name=person.name,
                    kind="person",
                    birth_date=person.dob,
                    country=person.nationality,
                    identifiers=[number for number in (person.passport_number, person.national_id) if number],
                )
            )
    return [*found, *_further_owners(app, people)]


def _is_owner(app: Application, name: str, people: set[str]) -> bool:
    return app.entity_type == "sole_proprietorship" and person_key(name) in people


def _further_owners(app: Application, people: set[str]) -> Iterator[Subject]:
    """Owners that only the ownership list names: holdings in between, and people without any other detail."""
    seen = {app.legal_name}
    for index, link in enumerate(app.ownership):
        if link.owner in seen or (link.owner_type == "person" and person_key(link.owner) in people):
            continue
        seen.add(link.owner)
        kind = "person" if link.owner_type == "person" else "company"
        yield Subject(path=f"ownership[{index}].owner", name=link.owner, kind=kind)


def screen_all(app: Application, watchlist: Watchlist, bands: ScreeningPolicy) -> list[ScreeningHit]:
    """Every hit of every subject, in the order of the application."""
    return [hit for subject in subjects_of(app) for hit in watchlist.screen(subject, bands)]


def code_of(hit: ScreeningHit) -> str:
    """The finding a hit leads to."""
    if hit.verdict == "discounted":
        return "SCREENING_HIT_DISCOUNTED"
    if hit.topics and set(hit.topics) <= PEP_TOPICS:
        return "PEP_POSSIBLE_MATCH"
    return "SANCTIONS_STRONG_MATCH" if hit.verdict == "strong" else "SANCTIONS_POSSIBLE_MATCH"


def screening(facts: Facts) -> Iterator[Hit]:
    """One finding a code, each with all hits of its kind as evidence."""
    by_code: dict[str, list[ScreeningHit]] = {}
    for hit in facts.hits:
        by_code.setdefault(code_of(hit), []).append(hit)
    for code, hits in by_code.items():
        worst = hits[0]
        scores = f"name {worst.name_score:.2f}, score {worst.score:.2f}"
        message = f"{worst.entry_name} ({worst.entry_id}) on the watchlist: {scores}; {why(worst)}."
        yield Hit(code, message, worst.subject, tuple(_evidence(hit) for hit in hits[:5]))


def why(hit: ScreeningHit) -> str:
    """What beside the name spoke for or against a hit, in words."""
    dates = {
        "equal": "birth date equal",
        "year_equal": "birth year equal",
        "year_differs": "birth year differs",
        "unknown": "birth date unknown",
    }
    countries = {"equal": "country equal", "differs": "country differs", "unknown": "country unknown"}
    parts: Sequence[str] = [dates[hit.features["birth_date"]], countries[hit.features["country"]]]
    return ", ".join([*parts, *(["identifier equal"] if hit.features["identifier"] else [])])


def explained(hit: ScreeningHit, birth_year_penalty: float) -> list[tuple[str, float]]:
    """The score part by part: what each adds or takes, in words; the parts add up to the score.

    ``birth_year_penalty`` is that of the policy by which the hit was scored.
    """
    parts = [("names agree", hit.name_score)]
    left = round(hit.score - hit.name_score, 4)
    if hit.features["birth_date"] == "year_differs" and left:
        taken = max(left, -birth_year_penalty) if hit.features["country"] == "differs" else left
        parts.append(("birth year differs", taken))
        left = round(left - taken, 4)
    if left:
        parts.append(("country differs", left))
    return parts


def _evidence(hit: ScreeningHit) -> Evidence:
    detail = f"{hit.subject}: name {hit.name_score:.2f}, score {hit.score:.2f}, {why(hit)} ({hit.algorithm})"
    return Evidence(source=f"watchlist@{hit.list_version}", where=hit.entry_id, quote=hit.entry_name, detail=detail)


RULES: Final = (Rule("screening.names", 1, "policy 6", screening),)
