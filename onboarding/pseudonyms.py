"""Other people's words in place of personal ones: same length, same shape, the same replacement everywhere.

A replaced name keeps its capitals, a number its separators, an IBAN its country, bank and valid check digits, a birth
date its month and year. So what rules see of a value mostly stays, while nobody can be found by it.
"""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from onboarding.names import fold


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_WORD: Final = re.compile(r"[^\W\d_]{2,}")
_SEPARATORS: Final = r"[\s\-./()\u00a0]{0,2}"
_VOWELS: Final = "aeiou"
_CONSONANTS: Final = "bcdfghjklmnprstvwz"
_STREET: Final = _set(
    "street road lane avenue drive court place square house floor suite unit flat building block apartment "
    "strasse straße gasse platz allee postfach calle plaza avenida apartado rue boulevard via piazza viale "
    "straat laan plein postbus ulica rua"
)
TRIES: Final = 5_000
"""Numbers tried for one that the rules judge alike: two check digits are met once in a hundred times."""
_OF_A_PERSON: Final = ("name", "dob", "national_id", "passport_number")
_CONTACT: Final = ("contact.name", "contact.email", "contact.phone", "address.line1")
_ACCOUNT: Final = ("bank.iban", "bank.account_number", "bank.holder")
_SOLE: Final = ("legal_name", "trading_name", "registration_number", "tax_id", "vat_number")
KEPT: Final = _set(
    "code severity raised_by path extractor action actor reasons level verdict topics algorithm list_version "
    "stage status kind format media_type roles entity_type owner_type country nationality mcc channel "
    "policy_version basis id case_id review_id missing source masked_cards requirements outcome finish step"
)
"""Keys of our own documents whose values are vocabulary, not anybody's words."""


def personal_paths(fields: Mapping[str, Any]) -> list[str]:
    """Which flat paths of an application are personal; of a sole trader also the business's own names and numbers."""
    wanted = {*_CONTACT, *_ACCOUNT} | (set(_SOLE) if fields.get("entity_type") == "sole_proprietorship" else set())
    return [
        path
        for path in fields
        if path in wanted or (path.startswith("persons[") and path.rpartition(".")[2] in _OF_A_PERSON)
    ]


class Pseudonyms:
    """Learns personal values and replaces them in texts and documents. ``seed`` decides what by."""

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self.salts: Counter[str] = Counter()
        """By path: raised, the values at this path get other replacements."""
        self._values: dict[str, dict[str, None]] = {}
        self._alike: dict[str, Callable[[str], object]] = {}
        self._pattern: re.Pattern[str] | None = None
        self._exact: dict[str, str] = {}
        self._words: dict[str, str] = {}

    def learn(self, path: str, values: Iterable[str], alike: Callable[[str], object] | None = None) -> None:
        """These spellings of the value at ``path`` are personal; the canonical one comes first.

        ``alike`` is what the rules say of a number there: its replacement is one of which they say the same.
        """
        if alike is not None:
            self._alike[path] = alike
        self._values.setdefault(path, {}).update(dict.fromkeys(filter(None, values)))
        self._pattern = None

    def text(self, text: str) -> str:
        """The text with every learnt value replaced."""
        if self._pattern is None:
            self._prepare()
        assert self._pattern is not None
        return self._pattern.sub(self._replace, text)

    def document(self, value: Any, *, kept: frozenset[str] = KEPT) -> Any:
        """A JSON document with its texts replaced; ``kept`` keys stay. A merchant's own content has no such keys."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.document(item, kept=kept) for item in value]
        if isinstance(value, dict):
            return {
                name: item if name in kept else self.document(item, kept=_inside(name, kept))
                for name, item in value.items()
            }
        return value

    def _prepare(self) -> None:
        self._exact, self._words = {}, {}
        patterns: list[str] = []
        for path, values in self._values.items():
            field = path.rpartition(".")[2]
            for value in values:
                first = next(iter(values))
                patterns += self._learn_date(path, first, value) if field == "dob" else self._learn_one(path, value)
        patterns.sort(key=len, reverse=True)
        self._pattern = re.compile("|".join([*patterns, _WORD.pattern]))

    def _learn_date(self, path: str, date: str, value: str) -> list[str]:
        """The same date on another day of its month, however it is written."""
        iso = re.fullmatch(r"\d{4}-(\d{2})-(\d{2})", date)
        if iso is None:
            return []
        month, day = map(int, iso.groups())
        days = [other for other in range(1, 13 if day == month else 29) if (other < 10) == (day < 10) and other != day]
        new = days[self._number(f"{path}:{self.salts[path]}") % len(days)]
        told = re.sub(rf"(?<!\d)0?{day}(?!\d)", lambda found: str(new).zfill(len(found[0])), value)
        return self._keep(value, told, re.escape(value) + r"(?!\d)")

    def _learn_one(self, path: str, value: str) -> list[str]:
        field = path.rpartition(".")[2]
        salt = f"{path}:{self.salts[path]}"
        if field in ("name", "holder", "legal_name", "trading_name") and not _unspaced(value):
            self._words |= {fold(word): self._letters(word.lower(), salt) for word in _WORD.findall(value)}
            return []
        plain = "".join(filter(str.isalnum, value))
        if field == "email":
            local = value.split("@")[0]
            return self._keep(local, self._letters(local, salt), re.escape(local) + r"(?=@)")
        if field == "line1":
            return self._keep(value, self._street(value, salt), re.escape(value))
        if field == "phone":
            plain = plain[-7:]
            return self._keep(plain, plain[:3] + self._letters(plain[3:], salt), _spaced(plain), anywhere=True)
        if field == "iban":
            return self._keep(plain, self._iban(plain, salt), _spaced(plain))
        return self._keep(plain, self._number_like(path, plain, salt), _spaced(plain)) if len(plain) > 3 else []

    def _keep(self, value: str, new: str, pattern: str, *, anywhere: bool = False) -> list[str]:
        self._exact["".join(filter(str.isalnum, value)).upper()] = "".join(filter(str.isalnum, new))
        return [pattern if anywhere else rf"(?<![^\W_]){pattern}"] if pattern else []

    def _replace(self, found: re.Match[str]) -> str:
        text = found[0]
        new = self._exact.get("".join(filter(str.isalnum, text)).upper())
        if new is not None:
            chars = iter(new)
            return "".join(_cased(next(chars, char), char) if char.isalnum() else char for char in text)
        word = self._words.get(fold(text))
        return text if word is None else "".join(map(_cased, word.ljust(len(text), "e"), text))

    def _number_like(self, path: str, plain: str, salt: str) -> str:
        alike = self._alike.get(path)
        found = self._letters(plain, salt)
        if alike is not None:
            wanted = alike(plain)
            tries = (self._letters(plain, f"{salt}:{n}") for n in range(TRIES))
            found = next((new for new in tries if alike(new) == wanted), found)
        return found

    def _number(self, salt: str) -> int:
        return int.from_bytes(hashlib.blake2b(salt.encode(), key=self._seed, digest_size=16).digest(), "big")

    def _letters(self, text: str, salt: str) -> str:
        """Another text of the same shape; equal words under one path stay equal."""
        number = self._number(f"{salt}:{fold(text)}")
        out: list[str] = []
        for char in text:
            number, draw = divmod(number, 1009) if number > 1009 else (self._number(f"{salt}{len(out)}"), number)
            out.append(_like(char, draw))
        return "".join(out)

    def _street(self, text: str, salt: str) -> str:
        def other(found: re.Match[str]) -> str:
            word = found[0]
            known = (len(word) < 4 and not word.isdigit()) or fold(word) in _STREET
            return word if known else "".join(map(_cased, self._letters(word.lower(), salt), word))

        return re.sub(r"[^\W_]+", other, text)

    def _iban(self, plain: str, salt: str) -> str:
        """Another account at the same bank; valid if and only if it was."""
        valid = _remainder(plain) == 1
        new = plain[:-6] + self._letters(plain[-6:], salt)
        check = 98 - _remainder(new[:2] + "00" + new[4:])
        digits = f"{check:02d}"
        if not valid:
            digits = plain[2:4] if plain[2:4] != digits else f"{(check + 1) % 98:02d}"
        return new[:2] + digits + new[4:]


def _inside(name: str, kept: frozenset[str]) -> frozenset[str]:
    return frozenset() if name in ("content", "extra", "application", "raw") and name != "application" else kept


def _spaced(plain: str) -> str:
    return _SEPARATORS.join(map(re.escape, plain))


def _unspaced(text: str) -> bool:
    """Whether the script writes words without blanks: then the whole is one name."""
    return any("CJK" in name or "HIRAGANA" in name or "KATAKANA" in name for name in map(_name, text))


def _name(char: str) -> str:
    return unicodedata.name(char, "")


def _like(char: str, draw: int) -> str:
    if char.isdigit():
        return str((int(char) + 1 + draw % 9) % 10) if char.isascii() else char
    if not char.isalpha():
        return char
    if char.isascii() or unicodedata.name(char, "").startswith("LATIN"):
        base = unicodedata.normalize("NFD", char)[0].lower()
        pool = _VOWELS if base in _VOWELS else _CONSONANTS
        return _cased(pool[draw % len(pool)], char)
    for step in range(1 + draw % 7, 40):
        other = chr(ord(char) + step)
        if unicodedata.category(other) == unicodedata.category(char):
            return other
    return char


def _cased(new: str, like: str) -> str:
    return new.upper() if like.isupper() else new


def _remainder(iban: str) -> int:
    moved = iban[4:] + iban[:4]
    return int("".join(str(int(char, 36)) for char in moved if char.isascii())) % 97
