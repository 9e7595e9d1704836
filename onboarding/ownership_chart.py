"""Who owns the applicant, as a drawing and in words: the applicant on top, those who hold it below (policy 7)."""

from typing import Final, Literal, NamedTuple

from onboarding.application import Application, OwnershipLink
from onboarding.layered import layered
from onboarding.ownership import effective_shares, fold

MOST_HOLDINGS: Final = 60
"""More are counted, not drawn: nobody can read them, and the list beside the drawing has them all."""
APPLICANT: Final = ""
REST: Final = "\x00rest"


class Holder(NamedTuple):
    """``share``: percent of the applicant that ends here; None for an entity in between."""

    key: str
    name: str
    kind: Literal["applicant", "person", "entity", "rest"]
    share: float | None


class Holding(NamedTuple):
    """``owner`` holds ``pct`` percent of ``held`` (both are keys of holders); ``cycle``: it leads back."""

    owner: str
    held: str
    pct: float
    cycle: bool


class Chart(NamedTuple):
    """``rows`` of holders from the applicant down; ``unresolved`` percent end at no natural person."""

    rows: list[list[Holder]]
    holdings: list[Holding]
    unresolved: float
    left_out: int
    words: list[str]


def ownership_chart(app: Application) -> Chart | None:
    """The chart, or None where nothing is said about owners."""
    name = app.legal_name or "The applicant"
    links = list(app.ownership) or [
        OwnershipLink(owner=person.name or f"person {at + 1}", owner_type="person", owns=name, pct=person.ownership_pct)
        for at, person in enumerate(app.persons)
        if person.ownership_pct
    ]
    if not links:
        return None
    found = effective_shares(links, name)
    shares = {fold(owner): share for owner, share in found.shares.items()}
    drawn = links[:MOST_HOLDINGS]
    root = _root(links, name)
    owned = {fold(link.owns) for link in links}
    names: dict[str, str] = {}
    for name_ in (said for link in drawn for said in (link.owns, link.owner)):
        names.setdefault(fold(name_), name_)
    edges = [(fold(link.owns), fold(link.owner), float(link.pct)) for link in drawn]
    layers = layered([root, *(key for key in names if key != root)], [(held, owner) for held, owner, _ in edges])
    people = {fold(link.owner) for link in links if link.owner_type == "person"} - owned

    def holder(key: str) -> Holder:
        kind: Literal["applicant", "person", "entity"] = (
            "applicant" if key == root else "person" if key in people else "entity"
        )
        return Holder(key, name if key == root else names.get(key, key), kind, shares.get(key))

    rows = [[holder(key) for key in row] for row in layers.rows]
    holdings = [Holding(owner, held, pct, (held, owner) in layers.back) for held, owner, pct in edges]
    if found.unresolved:
        rows = [*rows, []] if len(rows) < 2 else rows
        rows[1].append(Holder(REST, "nobody named", "rest", found.unresolved))
        holdings.append(Holding(REST, root, found.unresolved, False))
    return Chart(
        rows, holdings, found.unresolved, len(links) - len(drawn), _words(links, found.shares, found.unresolved)
    )


def _root(links: list[OwnershipLink], name: str) -> str:
    """The applicant as the holdings write it; see :func:`effective_shares`."""
    owned, owners = {fold(link.owns): None for link in links}, {fold(link.owner) for link in links}
    bottom = [key for key in owned if key not in owners]
    return fold(name) if fold(name) in owned or len(bottom) != 1 else bottom[0]


def _words(links: list[OwnershipLink], shares: dict[str, float], unresolved: float) -> list[str]:
    told = [f"{link.owner} ({link.owner_type}) holds {link.pct:g} % of {link.owns}." for link in links[:MOST_HOLDINGS]]
    ends = [f"In the end {owner} holds {share:g} % of the applicant." for owner, share in shares.items()]
    rest = [f"{unresolved:g} % end at no natural person that is named."] if unresolved else []
    return [*told, *ends, *rest]
