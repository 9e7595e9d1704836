"""People and their shares (policy 7): one person a name, offices to roles, holdings to effective shares."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from pydantic import JsonValue

from onboarding.application import OwnershipLink, Role
from onboarding.ownership import effective_shares
from onboarding.reading.amounts import ShareReading, plain_number, read_share
from onboarding.reading.candidate import Candidate
from onboarding.reading.choosing import Draft, Standing, scalar_of
from onboarding.reading.codes import country_code
from onboarding.reading.dates import DateReading, Order, read_date
from onboarding.reading.identifiers import person_number
from onboarding.reading.legal_forms import is_entity
from onboarding.reading.names import joined_name, person_name
from onboarding.reading.people import mentions, role_kinds, roles
from onboarding.reading.result import FieldSource
from onboarding.reading.text import clean, fold, scalar_text

RELATIVE: Final = "relative of "
"""How a reader of prose labels a name whose family name it took from a relative's."""
_PATH: Final = re.compile(r"persons\[(\d+)\]\.(\w+)")
_ROUNDING: Final = 0.05
_LINK: Final = re.compile(r"ownership\[(\d+)\]\.(\w+)")
_ENTITY_TYPE: Final = re.compile(
    r"entit|entid|socied|compan|corporat|legal|organi[sz]ation|juri|gesellschaft|firma|unternehmen|societ|soci[eé]t|empresa|bedrijf|rechtsp|"
    r"spolk|osoba prawna|bolag|foretag|trust|fund|holding|法人|会社|법인|회사|business|moral|giuridica|juridica"
)
_PERSON_TYPE: Final = re.compile(
    r"natural|individual|person(?!a (?:jur|mor|giu))|naturlich|physi|fisica|fizyczna|fysisk|natuurlijk|"
    r"個人|自然人|개인|자연인|human"
)


@dataclass
class Somebody:
    """One owner or officer while assembling: raw candidates first, then what they mean."""

    fields: dict[str, list[Candidate]] = field(default_factory=dict)
    name: str | None = None
    entity: bool = False
    share: ShareReading | None = None
    pct: int | float | None = None
    kinds: frozenset[str] = frozenset()
    roles: set[Role] = field(default_factory=set)
    nationality: str | None = None
    dob: DateReading | None = None
    completed_from: str | None = None
    name_source: FieldSource | None = None
    members: list[tuple[str, int]] = field(default_factory=list)

    def first(self, name: str) -> Candidate | None:
        return next(iter(self.fields.get(name, [])), None)


def gather(found: Iterable[Standing]) -> dict[tuple[str, int], Somebody]:
    """Person candidates by (source, number), in order of first mention."""
    people: dict[tuple[str, int], Somebody] = {}
    for standing in found:
        match = _PATH.fullmatch(standing.candidate.path)
        if match:
            key = (standing.candidate.source, int(match[1]))
            somebody = people.setdefault(key, Somebody(members=[key]))
            somebody.fields.setdefault(match[2], []).append(standing.candidate)
    for somebody in people.values():
        _read(somebody)
    return people


def _read(somebody: Somebody) -> None:
    stated = somebody.first("name")
    text = scalar_text(stated.raw) if stated else ""
    if stated and re.search(r"[(\[（%;\d,]", text) and not is_entity(text):
        inside = mentions(text)
        if len(inside) == 1 and inside[0].details:
            text = inside[0].name
            for name, raw in inside[0].details:
                somebody.fields.setdefault(name, []).append(stated.model_copy(update={"raw": raw}))
    somebody.entity = _is_entity(somebody, text)
    somebody.name = clean(text) if somebody.entity else person_name(text) if stated else None
    parts = {
        name: _first_text(somebody, name) for name in ("given_name", "family_name", "name_prefix", "second_family_name")
    }
    middle = _first_text(somebody, "middle_name")
    if parts["given_name"] and not parts["family_name"] and stated and parts["given_name"] not in text:
        parts["family_name"], somebody.name = clean(text), None
    given = " ".join(part for part in (parts["given_name"], middle) if part) or None
    if somebody.name is None or (parts["family_name"] and " " not in somebody.name and not parts["given_name"]):
        given = given or somebody.name
        joined = joined_name(
            given, parts["family_name"], prefix=parts["name_prefix"], second=parts["second_family_name"]
        )
        somebody.name = joined or somebody.name
    relative = _first_text(somebody, "relative_of")
    if somebody.name and relative and " " not in somebody.name and " " in relative:
        somebody.name, somebody.completed_from = f"{somebody.name} {relative.split()[-1]}", relative
    if stated and (stated.label or "").startswith(RELATIVE):
        somebody.completed_from = str(stated.label).removeprefix(RELATIVE)
    somebody.kinds = frozenset().union(*(role_kinds(c.raw) for c in somebody.fields.get("roles", [])))
    share = next((s for c in somebody.fields.get("ownership_pct", []) if (s := read_share(c.raw))), None)
    somebody.share = share or (ShareReading(100) if "sole_owner" in somebody.kinds else None)


def _first_text(somebody: Somebody, name: str) -> str | None:
    candidate = somebody.first(name)
    return clean(candidate.raw) if candidate else None


def _is_entity(somebody: Somebody, name: str) -> bool:
    named = somebody.fields.keys() & {"dob", "given_name", "family_name"}
    return _says_entity(_first_text(somebody, "type"), "" if named else name)


def _says_entity(kind: JsonValue, name: str) -> bool:
    """What the stated kind of owner says, or the name where it says nothing we know."""
    stated = fold(clean(kind) or "")
    if stated and _PERSON_TYPE.search(stated):
        return False
    if stated and _ENTITY_TYPE.search(stated):
        return True
    return bool(name) and is_entity(name)


def is_outsider(somebody: Somebody) -> bool:
    """Whether all that is said of the person is that it is a contact, an agent or an adviser."""
    return somebody.kinds == {"outsider"} and somebody.share is None


def merge(people: Iterable[Somebody]) -> list[Somebody]:
    """One entry a natural person: same name apart from case, accents and order is the same person."""
    found: dict[object, Somebody] = {}
    for position, somebody in enumerate(people):
        key: object = " ".join(sorted(fold(somebody.name).split())) if somebody.name else position
        known = found.get(key)
        if known is None:
            found[key] = replace(somebody, fields={name: list(c) for name, c in somebody.fields.items()})
            continue
        for name, candidates in somebody.fields.items():
            known.fields.setdefault(name, []).extend(candidates)
        known.kinds |= somebody.kinds
        known.members.extend(somebody.members)
        known.share = known.share or somebody.share
    return list(found.values())


def settle_shares(statements: Iterable[Somebody], everyone: list[Somebody], draft: Draft) -> None:
    """Every statement's share in percent; a bare fraction read as a percentage is an inference (policy 4.9)."""
    total = sum(somebody.share.pct for somebody in everyone if somebody.share)
    whole = abs(total - 100) <= _ROUNDING or any(s.share.pct > 1 for s in everyone if s.share)
    told: set[str | None] = set()
    for somebody in [*statements, *everyone]:
        if somebody.share is None:
            for unread in somebody.fields.get("ownership_pct", []):
                draft.keep(unread)  # "more than 25 %": stated, and no share
            continue
        pct = somebody.share.pct
        as_is = abs(total - 100) <= _ROUNDING or (pct == 1 and whole)
        if somebody.share.bare and not as_is:
            if somebody.name not in told:
                candidate = somebody.first("ownership_pct")
                message = f"{somebody.name}: a share of {pct} is read as {plain_number(pct * 100)} %"
                draft.raise_("VALUE_INFERRED", message, None, *([candidate] if candidate else []))
            told.add(somebody.name)
            pct = plain_number(pct * 100)
        somebody.pct = None if somebody.share.rest else pct
    _leave_the_rest(statements, everyone)


def _leave_the_rest(statements: Iterable[Somebody], everyone: list[Somebody]) -> None:
    """ "The rest": what one person holds when all others' shares are stated; of two such nobody can say."""
    resting = [somebody for somebody in everyone if somebody.share and somebody.share.rest]
    left = plain_number(100 - sum(somebody.pct or 0 for somebody in everyone))
    if len(resting) == 1 and 0 < left < 100:
        for somebody in [*resting, *(s for s in statements if s.share and s.share.rest)]:
            somebody.pct = left


def stated_links(found: Iterable[Standing], company: str | None) -> list[OwnershipLink]:
    """The ownership list as stated, one link a statement; a link to nothing named owns the applicant."""
    rows: dict[tuple[str, int], dict[str, JsonValue]] = {}
    for standing in found:
        match = _LINK.fullmatch(standing.candidate.path)
        if match:
            rows.setdefault((standing.candidate.source, int(match[1])), {}).setdefault(match[2], standing.candidate.raw)
    shares = {key: share for key, row in rows.items() if (share := read_share(row.get("pct")))}
    scale = 100 if shares and all(s.bare or s.rest for s in shares.values()) else 1
    links: list[OwnershipLink] = []
    for key, row in rows.items():
        owner, owns, share = clean(row.get("owner")), clean(row.get("owns")) or company, shares.get(key)
        if owner and owns and share:
            entity = _says_entity(row.get("owner_type"), owner)
            name = owner if entity else person_name(owner) or owner
            pct = share.pct * scale
            if share.rest:
                same = [k for k, r in rows.items() if (clean(r.get("owns")) or company) == owns and k in shares]
                pct = 100 - sum(shares[k].pct * scale for k in same)
            if pct or not share.rest:
                links.append(OwnershipLink(owner=name, owner_type="entity" if entity else "person", owns=owns,
                                           pct=plain_number(pct)))  # fmt: skip
    return links


def nested_links(groups: dict[tuple[str, int], Somebody], company: str | None) -> list[OwnershipLink]:
    """Links that a list of owners implies once an entity is among them; who is listed inside one owns that one."""
    if not any(s.entity for s in groups.values()):
        return []
    links: list[OwnershipLink] = []
    for (source, _), somebody in groups.items():
        parent = somebody.first("parent")
        holder = groups.get((source, int(str(parent.raw)))) if parent and isinstance(parent.raw, int) else None
        stated = somebody.first("owns")
        owns = (clean(stated.raw) if stated else None) or (holder.name if holder and holder.entity else None) or company
        if somebody.name and owns and somebody.pct:
            kind: Any = "entity" if somebody.entity else "person"
            links.append(OwnershipLink(owner=somebody.name, owner_type=kind, owns=owns, pct=somebody.pct))
    return links


def apply_links(people: list[Somebody], links: list[OwnershipLink], company: str | None) -> list[Somebody]:
    """Effective shares from the ownership list, which wins over stated ones; people named only there are added."""
    if not links:
        return people
    effective = effective_shares(links, company or "")
    shares = {" ".join(sorted(fold(name).split())): pct for name, pct in effective.shares.items()}
    known = {" ".join(sorted(fold(s.name).split())) for s in people if s.name}
    for link in links:
        key = " ".join(sorted(fold(link.owner).split()))
        if link.owner_type == "person" and key not in known:
            known.add(key)
            people.append(Somebody(name=link.owner))
    for somebody in people:
        key = " ".join(sorted(fold(somebody.name or "").split()))
        if key in shares:
            somebody.pct = plain_number(shares[key])
    return people


def settle_roles(people: list[Somebody], *, sole_trader: bool) -> None:
    """Roles by policy 7; a sole trader owns and controls and is no director."""
    for somebody in people:
        somebody.roles = roles(somebody.kinds)
    if sole_trader:
        owners = [s for s in people if s.pct or "owner" in s.kinds] or people
        if len(people) == 1 or len(owners) == 1:
            owner = owners[0] if len(owners) == 1 else people[0]
            owner.pct = 100 if owner.pct is None else owner.pct
            owner.roles = {"owner", "control_person"}
        for somebody in people:
            somebody.roles.discard("director")
    for somebody in people:
        if somebody.pct and somebody.pct > 0:
            somebody.roles.add("owner")
    directors = [s for s in people if "director" in s.roles]
    if len(directors) == 1 and not any("control_person" in s.roles for s in people):
        directors[0].roles.add("control_person")


def role_source(somebody: Somebody) -> Candidate | None:
    """The statement that says most of the roles, the first of equals; None where a share alone makes the owner."""
    stated = somebody.fields.get("roles", [])
    said = [len(roles(role_kinds(candidate.raw)) & somebody.roles) for candidate in stated]
    if any(said):
        return stated[said.index(max(said))]
    return None if somebody.share else somebody.first("roles")


def settle_details(people: list[Somebody], *, country: str | None, order: Order | None, this_year: int) -> None:
    """Birth dates and nationalities."""
    for somebody in people:
        for candidate in somebody.fields.get("dob", []):
            somebody.dob = somebody.dob or read_date(candidate.raw, country=country, order=order, this_year=this_year)
        for candidate in somebody.fields.get("nationality", []):
            raw = candidate.raw[0] if isinstance(candidate.raw, list) and candidate.raw else candidate.raw
            somebody.nationality = somebody.nationality or country_code(clean(raw))


def number_of(somebody: Somebody, name: str) -> tuple[str, Candidate] | None:
    """A national id or passport number of the person, with the candidate it came from."""
    for candidate in somebody.fields.get(name, []):
        if value := person_number(scalar_of(candidate)):
            return value, candidate
    return None
