"""Earlier applications by the same merchant, or paid out to the same account (policy 2.1).

:func:`match_keys` says under which keys an application is looked up; :func:`compare` judges what was found. Every
pair that ``compare`` would report shares at least one key, and no key is shared by strangers in numbers.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from rapidfuzz import fuzz

from onboarding.application import Application
from onboarding.assessment import Prior
from onboarding.finding import Evidence, Finding, finding
from onboarding.names import company_key, fold, person_key

DUPLICATE_RULE: Final = "rule:matching.duplicate@1"
SHARED_BANK_RULE: Final = "rule:matching.shared_bank@1"
NUMBER_FIELDS: Final = ("registration_number", "tax_id", "vat_number")
LEAST_NAME_PCT: Final = 90
"""The lowest similarity of two legal names that ``compare`` is asked to find: the keys miss nothing from here on."""
SHOWN_PRIORS: Final = 5


def match_keys(app: Application) -> frozenset[tuple[str, str]]:
    """(kind, value) pairs by which the ledger finds earlier applications; values carry personal data, so hash them.

    About fifteen an application. Legal names are found by letter pairs beside the postcode: two names that are 90 %
    alike must share one of each other's rarest pairs, whatever was misspelt.
    """
    return frozenset(_keys(app))


def _keys(app: Application) -> Iterator[tuple[str, str]]:
    country = app.country or "??"
    for field, number in numbers(app).items():
        yield field, f"{country}:{number}"
    if account := account_of(app):
        yield "account", account
    postcode = _postcode(app)
    for person in app.persons:
        if postcode and _is_full_date(person.dob):
            yield "person", f"{country}:{postcode}:{person.dob}"
    if app.legal_name:
        for field, value in (("phone", app.contact.phone), ("website", _site(app.website))):
            if value:
                yield field, f"{country}:{value}"
        if postcode:
            for pair in rare_pairs(company_key(app.legal_name)):
                yield "name", f"{country}:{postcode}:{pair}"


def compare(
    app: Application, priors: Sequence[Prior], *, name_pct: float = 90.0, person_pct: float = 95.0
) -> list[Finding]:
    """DUPLICATE_MERCHANT_SUSPECTED and RELATED_MERCHANT_SHARED_BANK, each at most once, naming the prior cases.

    ``priors`` are earlier applications only; those that merely shared a key are passed over. ``name_pct`` and
    ``person_pct`` are similarities of folded names, 0 to 100.
    """
    same = [
        (prior, why) for prior in priors for why in [_duplicate(app, prior.application, name_pct, person_pct)] if why
    ]
    shared = [prior for prior in priors if _shares_account(app, prior.application)]
    found = []
    if same:
        first, why = same[0]
        found.append(
            finding(
                "DUPLICATE_MERCHANT_SUSPECTED",
                f"Case {first.case_id} looks like an earlier application of the same merchant: {why.words}.",
                raised_by=DUPLICATE_RULE,
                path=why.path,
                evidence=[_evidence(prior, reason.words) for prior, reason in same[:SHOWN_PRIORS]],
            )
        )
    if shared:
        cases = ", ".join(prior.case_id for prior in shared[:SHOWN_PRIORS])
        found.append(
            finding(
                "RELATED_MERCHANT_SHARED_BANK",
                f"The same bank account is used in {len(shared)} earlier application(s): {cases}.",
                raised_by=SHARED_BANK_RULE,
                path="bank.iban" if app.bank.iban else "bank.account_number",
                evidence=[_evidence(prior, "same bank account") for prior in shared[:SHOWN_PRIORS]],
            )
        )
    return found


class _Why(NamedTuple):
    words: str
    path: str


def _duplicate(app: Application, prior: Application, name_pct: float, person_pct: float) -> _Why | None:
    """Why ``prior`` is the same merchant; None if it is not. Another country is another merchant."""
    if app.country != prior.country:
        return None
    mine, theirs = numbers(app), numbers(prior)
    for field in NUMBER_FIELDS:
        if field in mine and mine[field] == theirs.get(field):
            return _Why(f"equal {field.replace('_', ' ')}", field)
    same_place = _postcode(app) is not None and _postcode(app) == _postcode(prior)
    for index, person in enumerate(app.persons if same_place else []):
        if any(_same_person(person.name, person.dob, p.name, p.dob, person_pct) for p in prior.persons):
            return _Why("the same person with the same birth date at the same postcode", f"persons[{index}].name")
    together = [
        ("postcode", same_place),
        ("phone", _equal(app.contact.phone, prior.contact.phone)),
        ("website", _equal(_site(app.website), _site(prior.website))),
    ]
    shared = [what for what, equal in together if equal]
    if shared and name_similarity(app.legal_name, prior.legal_name) >= name_pct:
        return _Why(f"nearly the same legal name and the same {' and '.join(shared)}", "legal_name")
    return None


def in_common(app: Application, other: Application) -> list[str]:
    """Paths of ``app`` that say the same of both merchants, for a person who compares them; empty for strangers."""
    mine, theirs = numbers(app), numbers(other)
    pairs = {
        **{field: mine.get(field) == theirs.get(field) and field in mine for field in NUMBER_FIELDS},
        "bank": _shares_account(app, other),
        "contact.phone": _equal(app.contact.phone, other.contact.phone),
        "contact.email": _equal(app.contact.email, other.contact.email),
        "website": _equal(_site(app.website), _site(other.website)),
        "address": _equal(_postcode(app), _postcode(other))
        and _equal(fold(app.address.line1 or ""), fold(other.address.line1 or "")),
        "legal_name": name_similarity(app.legal_name, other.legal_name) >= LEAST_NAME_PCT,
    }
    people = [
        f"persons[{index}].name"
        for index, person in enumerate(app.persons)
        if any(_same_person(person.name, person.dob, one.name, one.dob, 95.0) for one in other.persons)
    ]
    return [path for path, equal in pairs.items() if equal] + people


def name_similarity(one: str | None, other: str | None) -> float:
    """How alike two legal names are, 0 to 100, after folding and dropping the legal form."""
    if not one or not other:
        return 0.0
    a, b = company_key(one), company_key(other)
    return max(fuzz.ratio(a, b), fuzz.ratio(a.replace(" ", ""), b.replace(" ", "")))


def _same_person(name: str | None, dob: str | None, other: str | None, other_dob: str | None, pct: float) -> bool:
    if not name or not other or dob != other_dob or not _is_full_date(dob):
        return False
    return fuzz.ratio(person_key(name), person_key(other)) >= pct


def _shares_account(app: Application, prior: Application) -> bool:
    account = account_of(app)
    return account is not None and account == account_of(prior)


def account_of(app: Application) -> str | None:
    """What identifies the payout account: the IBAN, else country, bank, branch, routing and account number."""
    bank = app.bank
    if bank.iban:
        return _compact(bank.iban)
    if not bank.account_number:
        return None
    parts = (app.country, bank.bank_code, bank.branch_code, bank.routing_number, bank.account_number)
    return "|".join(_compact(part or "") for part in parts)


def numbers(app: Application) -> dict[str, str]:
    """The numbers that name the entity, by field, without separators; a French SIRET counts as its company's SIREN."""
    found = {field: _compact(value) for field in NUMBER_FIELDS if (value := getattr(app, field))}
    if app.country == "FR" and len(found.get("registration_number", "")) == 14:
        found["registration_number"] = found["registration_number"][:9]
    return {field: value for field, value in found.items() if value}


def rare_pairs(name: str) -> list[str]:
    """The letter pairs of a folded name that any name 90 % alike must share one of; its rarest ones come first.

    A name of n letters that is 90 % alike differs in at most d insertions and deletions, and each of them breaks at
    most two pairs. So at least ``pairs - 2d`` pairs survive, and among the ``2d + 1`` rarest pairs of either name one
    is shared (prefix filtering; the order of pairs must only be the same for both names).
    """
    letters = name.replace(" ", "")
    if len(letters) < 2:
        return [letters] if letters else []
    pairs = _numbered_pairs(letters)
    longest_other = len(name) * (200 - LEAST_NAME_PCT) / LEAST_NAME_PCT
    edits = int((len(name) + longest_other) * (100 - LEAST_NAME_PCT) / 100)
    return sorted(pairs, key=_rarity)[: 2 * edits + 1]


_COMMON: Final = {letter: rank for rank, letter in enumerate(reversed("etaoinsrlhdcumpgbfywkvxzjq"), start=1)}


def _rarity(pair: str) -> tuple[int, str]:
    return _COMMON.get(pair[0], 0) * _COMMON.get(pair[1], 0), pair


def _numbered_pairs(letters: str) -> list[str]:
    """Letter pairs; a repeated pair gets a number, so that a set of pairs says how often each stands there."""
    seen: dict[str, int] = {}
    pairs = []
    for at in range(len(letters) - 1):
        pair = letters[at : at + 2]
        seen[pair] = seen.get(pair, 0) + 1
        pairs.append(pair if seen[pair] == 1 else f"{pair}{seen[pair]}")
    return pairs


def _evidence(prior: Prior, detail: str) -> Evidence:
    return Evidence(source=f"case:{prior.case_id}", quote=prior.application.legal_name, detail=detail)


def _postcode(app: Application) -> str | None:
    return _compact(app.address.postal_code or "") or None


def _site(website: str | None) -> str | None:
    if not website:
        return None
    host = re.sub(r"^[a-z]+:/*", "", fold(website)).removeprefix("www.")
    return host.split("?")[0].rstrip("/") or None


def _equal(one: str | None, other: str | None) -> bool:
    return bool(one) and one == other


def _is_full_date(value: str | None) -> bool:
    return value is not None and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value) is not None


def _compact(value: str) -> str:
    return re.sub(r"[\W_]+", "", value).upper()
