"""Card numbers masked at the door, and personal details masked for logs and prompts (policy 8.5).

Thirteen to nineteen digits that pass the card checksum are masked wherever they stand, unless a label or the
structure says that they are something else: an IBAN, an account number, a SIRET, a tracking number.
"""

import csv
import io
import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Final

from pydantic import JsonValue
from schwifty import registry
from schwifty.exceptions import SchwiftyException

from onboarding.names import fold, word_set
from onboarding.reading import mime

_GAP: Final = r"[ \t\u00a0\u2000-\u200d\u202f\u2060\u3000\ufeff\u2010-\u2015\-]{0,3}"
_RUN: Final = re.compile(rf"(?<!\d)\d(?:{_GAP}\d){{12,}}(?!\d)")
_GROUPS: Final = re.compile(r"\d+")
_IBAN: Final = re.compile(r"(?<![A-Za-z0-9])([A-Za-z]{2})\d{2}(?:[ \t\u00a0-]?[A-Za-z0-9]){11,32}")
_CVV: Final = re.compile(r"(?i)\b(cvv2?|cvc2?|cid|security code|prüfziffer|kartenprüfnummer)(\W{0,4})\d{3,4}\b")
_MOST_NUMBERS: Final = 200
"""Card numbers of a table that are masked one by one; of one with more, whatever is as long as one is masked."""
_LAYOUTS: Final = ((4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (4, 4, 4, 4, 3), (4, 4, 4, 1), (6, 7), (6, 13), (4, 4, 5))
"""How card numbers are grouped in print; other groupings count only when the whole run is one number."""

_IDENTIFIER: Final = re.compile(
    # whole words
    r"\b(?:ust|btw|iva|tva|vat|nip|krs|kvk|cpf|rfc|rut|ein|abn|acn|bn|gst|gstin|uen|tax|ref|ean|upc|lei|tel|fax|id"
    r"|mid|tid|uid|trn|nib|cbu|cci|nrb|cnpj|curp|a/?c|a c|d ?u ?n ?s|kont[oay]|cont[ao]s?|company n\w*|sort code"
    r"|whats ?app)\b"
    r"|\w*(?:konto|giro)\b"
    # how longer words begin
    r"|\b(?:account|acct|konton|rekening|compte|cuenta|rachunek|clabe|iban|bban|bank|siret|siren|routing|regon"
    r"|steuer|regist|handelsreg|licen|lizenz|passport|reisepass|passeport|pasaporte|national|identit|ausweis|personnummer"
    r"|orgnr|imei|serial|seriennummer|tracking|sendung|order|bestell|commande|pedido|invoice|rechnung|facture|fattura"
    r"|referen|customer|kunden|client|gtin|isbn|barcode|phone|telef|mobile|handy|parcel|paket|contract|vertrag|emirates"
    r"|terminal|merchant)"
    r"|口座|法人番号|登録番号|電話|계좌|사업자|등록번호|전화"
)
_CARD: Final = re.compile(
    r"card|\bkarten?|kreditkarte|\bcarte|kaart|tarjeta|\bcarta|cartao|\bkart[aey]\b|kort\b|visa\b|mastercard|amex|"
    r"\bpan\b|credit|kredit|debit|cvv|\bpa(?:y|id|ying)\b|\bcharged?\b|bezahl|カード|카드"
)
_NO_CARD: Final = re.compile(r"identit|\bid[ _-]?card|ausweis|business card|loyalty")
_LABEL_KEYS: Final = word_set("label question name field key title prompt frage feld champ etiqueta campo")


def mask_cards(content: JsonValue) -> tuple[JsonValue, list[str]]:
    """The same document with card numbers masked but for their last four digits, and the places they stood at.

    ``content`` is text (plain, CSV, a raw mail) or any JSON value. Places are JSON paths, ``line N``, or
    ``row N, column NAME`` for CSV. A mail whose card number is hidden by its transfer encoding comes back decoded.
    Masking what is masked changes nothing. Source: policy 8.5.
    """
    if isinstance(content, str):
        return _mask_text_document(content)
    places: list[str] = []
    return _mask_json(content, "", (), places), places


def find_cards(text: str, labels: Sequence[str] = ()) -> list[tuple[int, int]]:
    """Start and end of every card number in ``text``; ``labels`` say what the whole text stands under."""
    if not _RUN.search(text) or _is_labelled(text, labels):
        return []
    bare = _replaced(text, _ibans(text), lambda iban: "x" * len(iban))
    spans = [span for run in _RUN.finditer(bare) for span in _cards_in(run)]
    return [span for span in spans if not _labelled_before(text, span[0])]


def mask_personal(text: str) -> str:
    """``text`` for a log line or a model's prompt: e-mail addresses, accounts, dates and long numbers replaced.

    What is left still says that something stood there and, for numbers, ends with their last two digits.
    """
    masked, _ = _mask_text(text)
    for start, end in reversed(_ibans(masked)):
        masked = f"{masked[:start]}[account …{masked[end - 2 : end]}]{masked[end:]}"
    masked = re.sub(r"[\w.+'%-]+@[\w-]+(?:\.[\w-]+)+", "[email]", masked)
    masked = re.sub(
        r"(?<![\w.])(?:\d{4}([-/.])\d{1,2}\1\d{1,2}|\d{1,2}([-/.])\d{1,2}\2\d{2,4})(?![\w])", "[date]", masked
    )
    return re.sub(r"(?<!\w)\+?\d(?:[ \t\u00a0()/.\-]{0,3}\d){6,}(?!\w)", lambda m: f"[number …{m[0][-2:]}]", masked)


def _mask_json(value: JsonValue, path: str, labels: tuple[str, ...], places: list[str]) -> JsonValue:
    if isinstance(value, dict):
        said = tuple(str(item) for key, item in value.items() if fold(key) in _LABEL_KEYS and isinstance(item, str))
        masked = {}
        for key, item in value.items():
            safe, spans = _mask_text(key)
            name = f"{path}.{safe}" if path else safe
            places += [f"{name} (key)"] if spans else []
            masked[safe] = _mask_json(item, name, (*labels[-1:], key, *said), places)
        return masked
    if isinstance(value, list):
        pair = (str(value[0]),) if len(value) == 2 and isinstance(value[0], str) else ()
        return [
            _mask_json(item, f"{path}[{i}]", (*labels, *(pair if i else ())), places) for i, item in enumerate(value)
        ]
    if isinstance(value, bool) or value is None:
        return value
    text = value if isinstance(value, str) else str(int(value)) if _whole(value) else ""
    safe, found = _mask_leaf(text, labels, path, places)
    return safe if found else value


def _whole(number: float) -> bool:
    return isinstance(number, int) or number.is_integer()


def _mask_leaf(text: str, labels: tuple[str, ...], place: str, places: list[str]) -> tuple[str, bool]:
    masked, spans = _mask_text(text, labels)
    if spans:
        places.append(place or "the whole value")
    return masked, bool(spans)


def _mask_text_document(text: str) -> tuple[str, list[str]]:
    if cells := _csv_cells(text):
        return _mask_csv(text, cells)
    if mime.is_mime(text):
        decoded = mime.decode(text)
        text = decoded if find_cards(decoded) else text
    masked, spans = _mask_text(text)
    lines, line, at = [], 1, 0
    for start, _ in spans:
        line += text.count("\n", at, start)
        lines.append(f"line {line}")
        at = start
    return masked, list(dict.fromkeys(lines))


def _mask_csv(text: str, cells: list[list[str]]) -> tuple[str, list[str]]:
    """Each cell stands under its header; a number found in one cell is masked wherever else it stands in the text."""
    places: list[str] = []
    numbers: set[str] = set()
    for number, row in enumerate(cells):
        for name, cell in zip(cells[0], row, strict=True):
            if spans := find_cards(cell, (name,) if number else ()):
                places.append(f"row {number}, column {name}" if number else "the header")
                numbers |= {cell[start:end] for start, end in spans}
    if len(numbers) > _MOST_NUMBERS:
        text = _RUN.sub(lambda run: _hide(run[0]), text)
    else:
        for digits in sorted(numbers, key=len, reverse=True):
            text = text.replace(digits, _hide(digits))
    return (_hide_cvv(text) if places else text), places


def _csv_cells(text: str) -> list[list[str]]:
    """Header and rows if ``text`` is a CSV whose rows all have the header's number of cells; [] otherwise."""
    first = text.lstrip("\ufeff\r\n").split("\n", 1)[0]
    delimiter = max(",;\t|", key=first.count)
    if "\n" not in text.strip() or not first.count(delimiter):
        return []
    try:
        rows = [row for row in csv.reader(io.StringIO(text.lstrip("\ufeff"), newline=""), delimiter=delimiter) if row]
    except csv.Error:
        return []
    return rows if len(rows) > 1 and all(len(row) == len(rows[0]) for row in rows) else []


def _mask_text(text: str, labels: Sequence[str] = ()) -> tuple[str, list[tuple[int, int]]]:
    spans = find_cards(text, labels)
    return (_hide_cvv(_replaced(text, spans, _hide)) if spans else text), spans


def _replaced(text: str, spans: Sequence[tuple[int, int]], by: Callable[[str], str]) -> str:
    """``text`` with each span, in order and apart from each other, replaced."""
    pieces, at = [], 0
    for start, end in spans:
        pieces += [text[at:start], by(text[start:end])]
        at = end
    return "".join([*pieces, text[at:]])


def _hide_cvv(text: str) -> str:
    return _CVV.sub(lambda found: f"{found[1]}{found[2]}***", text)


def _hide(number: str) -> str:
    shown = sum(c.isdigit() for c in number) - 4
    out = []
    for char in number:
        shown -= char.isdigit()
        out.append("*" if char.isdigit() and shown >= 0 else char)
    return "".join(out)


def _cards_in(run: re.Match[str]) -> list[tuple[int, int]]:
    """Card numbers in one run of digits: the whole run, a single block of it, or blocks grouped as cards are."""
    if _is_card(re.sub(r"\D", "", run[0])):
        return [run.span()]
    blocks = list(_GROUPS.finditer(run[0]))
    sizes = [len(block[0]) for block in blocks]
    found: list[tuple[int, int]] = []
    at = 0
    while at < len(blocks):
        layouts = [layout for layout in _LAYOUTS if tuple(sizes[at : at + len(layout)]) == layout]
        for layout in sorted([*layouts, (sizes[at],)], key=sum, reverse=True):
            last = at + len(layout) - 1
            if _is_card("".join(block[0] for block in blocks[at : last + 1])):
                found.append((run.start() + blocks[at].start(), run.start() + blocks[last].end()))
                at = last
                break
        at += 1
    return found


def _is_card(digits: str) -> bool:
    """13 to 19 digits, first 3 to 6, Luhn-valid."""
    if not 13 <= len(digits) <= 19 or not digits.isdecimal():
        return False
    numbers = [int(digit) for digit in digits]
    if not 3 <= numbers[0] <= 6 or len(set(numbers)) == 1:
        return False
    doubled = sum(sum(divmod(2 * number, 10)) for number in numbers[-2::-2])
    return (doubled + sum(numbers[-1::-2])) % 10 == 0


@cache
def _iban_length(country: str) -> int:
    """Characters of an IBAN of ``country``; 99 where there are none."""
    try:
        return registry.get_iban_spec(country.upper()).iban_length
    except SchwiftyException:
        return 99


def _ibans(text: str) -> list[tuple[int, int]]:
    """Where IBANs stand, right or wrong: a country that has them, and about as many characters as it needs."""
    spans = []
    for match in _IBAN.finditer(text):
        length = _iban_length(match[1])
        ends = [i for i in range(match.start(), match.end()) if text[i].isalnum()]
        compact = "".join(text[i] for i in ends).upper()
        if len(ends) >= length - 1 or (length < 99 and _mod97(compact)):
            spans.append((match.start(), ends[min(length, len(ends)) - 1] + 1))
    return spans


def _mod97(compact: str) -> bool:
    rearranged = "".join(str(int(char, 36)) for char in compact[4:] + compact[:4])
    return int(rearranged) % 97 == 1


def _is_labelled(text: str, labels: Sequence[str]) -> bool:
    """Whether the whole text is one identifier under a label that says so (and does not say card)."""
    label = " ".join(_label_words(part) for part in labels)
    if not label or (_CARD.search(label) and not _NO_CARD.search(label)) or not _IDENTIFIER.search(label):
        return False
    return sum(char.isalpha() for char in text) <= 12


def _label_words(label: str) -> str:
    return (
        fold(re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", label))
        .replace("_", " ")
        .replace("-", " ")
        .replace(".", " ")
    )


def _labelled_before(text: str, start: int) -> bool:
    """Whether the words right before ``start`` label what follows as another kind of number."""
    before = re.sub(r"\.{2,}|[<>=\"'*_:#|/\t]+", " ", text[max(0, start - 80) : start])
    before = re.split(r"\d{4,}", before)[-1]  # a label does not reach across another number
    pieces = [piece for piece in re.split(r"[;,!?()\n]|\.\s|\s[—–-]\s", before) if piece.strip(" .-–—")]
    if not pieces:
        return False
    label = _label_words(pieces[-1][-45:])
    if _CARD.search(label) and not _NO_CARD.search(label):
        return False
    return _IDENTIFIER.search(label) is not None
