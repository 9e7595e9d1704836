"""Who ends up owning the applicant: shares multiplied along chains of holdings (policy 7)."""

import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from pydantic import Field

from onboarding.application import OwnershipLink
from onboarding.model import Value

MAX_STEPS: Final = 20_000
"""Most holdings followed in one application; what lies beyond stays unresolved, and a person looks."""
NEGLIGIBLE: Final = 1e-9
"""A fraction of the applicant too small to follow any further."""


class Effective(Value):
    """``shares``: percent of the applicant by natural person's name, as first written, direct plus chains.

    ``cycle``: the entities of the first cycle found, the repeated one first and last; empty if there is none.
    ``unresolved``: percent of the applicant that does not end at natural persons, never below 0.
    """

    shares: dict[str, float] = Field(default_factory=dict)
    cycle: list[str] = Field(default_factory=list)
    unresolved: float = 100.0


class _Holding(NamedTuple):
    owner: str
    name: str
    fraction: float
    is_person: bool


def fold(name: str) -> str:
    """A name reduced to what tells two spellings of one owner apart: case, accents, blanks and dots do not."""
    decomposed = unicodedata.normalize("NFKD", name).casefold()
    kept = (" " if c in ".,-" or c.isspace() else c for c in decomposed if not unicodedata.combining(c))
    return unicodedata.normalize("NFC", " ".join("".join(kept).split()))


def effective_shares(links: Sequence[OwnershipLink], company: str) -> Effective:
    """Effective shares in ``company``; each cycle is cut at the first repeat (policy 7).

    ``company`` may be written otherwise than in the links: then the one entity that is owned and owns nothing
    stands for it. Never raises; without links everything is unresolved.
    """
    owned = {fold(link.owns) for link in links}
    holders: dict[str, list[_Holding]] = defaultdict(list)
    for link in links:
        owner = fold(link.owner)
        # somebody who is owned is no natural person, whatever the statement calls them
        is_person = link.owner_type == "person" and owner not in owned
        holders[fold(link.owns)].append(_Holding(owner, link.owner, link.pct / 100, is_person))
    root = _root(holders, links, fold(company))
    shares = _shares(holders, root)
    resolved = sum(shares.values())
    names = {link_holder.owner: link_holder.name for held in reversed(holders.values()) for link_holder in held[::-1]}
    spelt = {fold(link.owns): link.owns for link in reversed(links)} | names
    return Effective(
        shares={names[owner]: round(share, 9) for owner, share in shares.items()},
        cycle=[spelt.get(entity, company) for entity in _cycle(holders, root)],
        unresolved=max(0.0, round(100 - resolved, 9)),
    )


def _root(holders: dict[str, list[_Holding]], links: Sequence[OwnershipLink], company: str) -> str:
    if company in holders:
        return company
    owners = {fold(link.owner) for link in links}
    bottom = [entity for entity in holders if entity not in owners]
    words = set(company.split())
    alike = [entity for entity in bottom if words and words & set(entity.split())]
    for choice in (bottom, alike):
        if len(choice) == 1:
            return choice[0]
    return company


def _shares(holders: dict[str, list[_Holding]], root: str) -> dict[str, float]:
    """Percent by folded person, walking every path from the applicant upwards without visiting an entity twice."""
    shares: dict[str, float] = {}
    waiting: list[tuple[str, float, frozenset[str]]] = [(root, 1.0, frozenset({root}))]
    steps = 0
    while waiting and steps < MAX_STEPS:
        entity, fraction, path = waiting.pop()
        for holding in reversed(holders.get(entity, [])):
            steps += 1
            part = fraction * holding.fraction
            if holding.is_person:
                shares[holding.owner] = shares.get(holding.owner, 0.0) + part * 100
            elif holding.owner not in path and part > NEGLIGIBLE:
                waiting.append((holding.owner, part, path | {holding.owner}))
    return {owner: shares[owner] for owner in sorted(shares, key=lambda name: -shares[name])}


def _cycle(holders: dict[str, list[_Holding]], root: str) -> list[str]:
    """The first cycle met, searched from the applicant, then from every other entity: each is entered once."""
    done: set[str] = set()
    for start in [root, *holders]:
        path: list[str] = []
        waiting = [(start, 0)]
        while waiting:
            entity, depth = waiting.pop()
            done.update(path[depth:])
            del path[depth:]
            if entity in path:
                return [*path[path.index(entity) :], entity]
            if entity in done:
                continue
            path.append(entity)
            waiting += [(held.owner, depth + 1) for held in holders.get(entity, []) if not held.is_person]
        done.update(path)
    return []


def chain(cycle: Sequence[str]) -> str:
    """A cycle in words: ``A is held by B, B is held by A``."""
    return ", ".join(f"{held} is held by {holder}" for held, holder in pairwise(cycle))
