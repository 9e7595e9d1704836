"""Personal details are taken out before a model reads, and put back where it points at them.

Each e-mail address, account, date, phone and long number becomes a name of its own (``[date-2]``). The model can say
that ``[date-2]`` is somebody's birth date without ever seeing it; only code knows what stands behind it.
"""

import re
from collections.abc import Iterator
from typing import Final

from onboarding.reading.spans import spans

_KINDS: Final = {"email": "email", "iban": "account", "date": "date", "phone": "number"}
_NUMBER: Final = re.compile(r"(?<!\w)\+?\(?\d(?:[ \t\u00a0\u2009\u202f()/.\-]{0,3}\d){5,}(?!\w)")
_CODE: Final = re.compile(r"(?<![\w-])(?=(?:\w[./-]?){0,40}\d)[A-Za-z0-9]+(?:[./-][A-Za-z0-9]+)*(?![\w-])")
_MONEY: Final = re.compile(
    r"[€£$¥₩₹円원]|(?<![a-z])(?:eur|usd|gbp|chf|sek|nok|dkk|pln|brl|mxn|cad|aud|nzd|jpy|krw|inr|sgd|hkd|aed|kwd|zar|kr|z[lł]"
    r"|tsd|mio|mln|euros?|pounds?|dollars?)(?![a-z])",
    re.IGNORECASE,
)
_EMAIL: Final = re.compile(r"[A-Za-z0-9._%+'-]{1,64}@[A-Za-z0-9.-]{1,190}[A-Za-z0-9]")
_DATE: Final = re.compile(r"(?<![\w.])(?:\d{4}([-/. ])\d{1,2}\1\d{1,2}|\d{1,2}([-/. ])\d{1,2}\2\d{2,4})(?!\w)")
_NAME: Final = re.compile(r"\[(?:email|account|date|number)-\d{1,4}\]")
MOST_MONEY_DIGITS: Final = 11
LEAST_CODE_DIGITS: Final = 5


class Veil:
    """One per conversation: the same value has the same name throughout."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._values: dict[str, str] = {}
        self._counts: dict[str, int] = {}

    def hide(self, text: str) -> str:
        """``text`` with names in place of personal details."""
        out, at = [], 0
        for kind, start, end in sorted(_personal(text), key=lambda span: (span[1], -span[2])):
            if start >= at:
                out += [text[at:start], self._name(kind, text[start:end])]
                at = end
        return "".join([*out, text[at:]])

    def show(self, text: str) -> str:
        """``text`` with what stands behind the names; names nobody gave stay as they are."""
        return _NAME.sub(lambda name: self._values.get(name[0], name[0]), text)

    def _name(self, kind: str, value: str) -> str:
        if value not in self._names:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            name = f"[{kind}-{self._counts[kind]}]"
            self._names[value], self._values[name] = name, value
        return self._names[value]


def _personal(text: str) -> Iterator[tuple[str, int, int]]:
    """Kind, start and end of everything that may identify a person or an account. Spans may overlap."""
    money: list[tuple[int, int]] = []
    for span in spans(text):
        written = text[span.start : span.end]
        if span.kind in _KINDS:
            yield _KINDS[span.kind], span.start, span.end
        elif span.kind == "amount" and _is_money(written):
            money.append((span.start, span.end))
    for kind, pattern in (("email", _EMAIL), ("date", _DATE), ("number", _NUMBER), ("number", _CODE)):
        for match in pattern.finditer(text):
            start, end = match.span()
            enough = kind in ("email", "date") or sum(map(str.isdigit, match[0])) >= LEAST_CODE_DIGITS
            if enough and not any(start >= first and end <= last for first, last in money):
                yield kind, start, end


def _is_money(written: str) -> bool:
    return bool(_MONEY.search(written)) and sum(map(str.isdigit, written)) <= MOST_MONEY_DIGITS
