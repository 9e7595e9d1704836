"""Names reduced to what two spellings of one name share: for screening (policy 6) and duplicates (policy 2.1).

Nothing here changes a stored value; folded forms only ever meet other folded forms.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Final


def word_set(text: str) -> frozenset[str]:
    """A vocabulary written as one text, its words separated by blanks."""
    return frozenset(text.split())


_CYRILLIC: Final = dict(zip("абвгдезийклмнопрстуфыэіґјѓќўё", "abvgdeziyklmnoprstufyeigjgkue", strict=True)) | {
    **{"ж": "zh", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ъ": "", "ь": "", "ю": "yu", "я": "ya"},
    **{"ї": "yi", "є": "ye", "ђ": "dj", "љ": "lj", "њ": "nj", "ћ": "c", "џ": "dz", "ѕ": "dz"},
}
_GREEK: Final = dict(zip("αβγδεζηικλμνξοπρσςτυφω", "avgdeziiklmnxoprsstyfo", strict=True)) | {
    **{"θ": "th", "χ": "ch", "ψ": "ps"}
}
_LATIN: Final = {"ß": "ss", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h"}
_TABLE: Final = str.maketrans(_CYRILLIC | _GREEK | _LATIN)
_LOOKALIKE: Final = str.maketrans("авекмнорстухіјѕαβεικνορτυχ", "abekmhopctyxijsabeiknoptyx")
"""What a Cyrillic or Greek letter looks like: inside a Latin word it was put there for its looks, not its sound."""

_WORD: Final = re.compile(r"\w+")
_NOT_LATIN: Final = re.compile(r"[\u0370-\u052f]")
_LATIN_LETTER: Final = re.compile(r"[a-z]")
_CJK: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_CJK_FORMS: Final = re.compile(
    r"株式会社|有限会社|合同会社|合資会社|合名会社|[(]株[)]|[(]有[)]|주식회사|유한회사|유한책임회사|[(]주[)]|[(]유[)]|股份有限公司|有限责任公司|有限公司"
)

LEGAL_FORMS: Final = word_set(
    "ltd limited llc llp lp plc inc incorporated corp corporation co company cic cio gmbh mbh ggmbh ug "
    "haftungsbeschrankt haftungsbeschraenkt ag kg kgaa ohg gbr ek ev eg se sas sasu sarl sa eurl sci snc scs scop "
    "spa srl srls sapa scarl sl slu slne sll sau sc bv nv vof cv ab publ hb kb as asa aps is oy oyj ou sia uab "
    "zoo spzoo sp pty proprietary pte private public ltda eireli mei epp me unipessoal lda sadecv sapi kk gk "
    "kabushiki kaisha godo fze fzco fzllc fz fzc dmcc wll jsc cjsc ojsc pjsc ooo zao oao pao ao tov ip doo dd ad eood "
    "ood est establishment sdn bhd tbk pt kft zrt nyrt bt sro spol as ks vos bvba srlb sprl cvba cvoa"
)
_FORM_JOINTS: Final = frozenset({"de", "z", "o", "oo", "i", "and", "und", "et", "e", "y", "en"})
_FORM_PREFIXES: Final = word_set("ooo oao zao pao ao pt tov sia uab ip fa firma")
_REMEMBERED: Final = 200
"""Characters of the longest text whose folding is remembered: names and labels come again, long texts fill memory."""
PARTICLES: Final = word_set(
    "al el ul bin bint ibn ben bar de da do dos das del della dello di du la le las los lo van von vom zu zum zur der "
    "den het ter ten y e i of the and und et af av mac st"
)


def fold(text: str) -> str:
    """Lower case Latin without accents, Cyrillic and Greek transliterated, invisible characters gone."""
    return _fold_short(text) if len(text) <= _REMEMBERED else _fold(text)


@lru_cache(maxsize=65_536)
def _fold_short(text: str) -> str:
    return _fold(text)


def _fold(text: str) -> str:
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKC", text).casefold()
    plain = "".join(c for c in plain if unicodedata.category(c) != "Cf")
    if _NOT_LATIN.search(plain) and _LATIN_LETTER.search(plain):
        plain = _WORD.sub(_by_looks, plain)
    plain = unicodedata.normalize("NFC", plain.translate(_TABLE))
    bare = "".join(
        c for c in unicodedata.normalize("NFD", plain) if not unicodedata.combining(c) or "\u3099" <= c <= "\u309a"
    )
    return unicodedata.normalize("NFC", bare).translate(_TABLE)


def _by_looks(word: re.Match[str]) -> str:
    mixed = _NOT_LATIN.search(word[0]) and _LATIN_LETTER.search(word[0])
    return word[0].translate(_LOOKALIKE) if mixed else word[0]


def words(text: str) -> list[str]:
    """Folded words. Dots inside abbreviations vanish (``S.r.l.`` is ``srl``); other punctuation separates."""
    folded = re.sub(r"['’`´]", "", fold(text))
    folded = re.sub(r"\.(?=\w{2})", " ", folded).replace(".", "")
    return re.findall(r"[^\W_]+", folded)


def company_words(name: str) -> list[str]:
    """A company name's folded words without its legal form; all of them if nothing else is left."""
    spelt = words(_CJK_FORMS.sub(" ", unicodedata.normalize("NFKC", name)))
    kept = list(spelt)
    while kept and _ends_with_form(kept):
        kept.pop()
    while len(kept) > 1 and kept[0] in _FORM_PREFIXES:
        kept.pop(0)
    return kept or spelt


def _ends_with_form(kept: list[str]) -> bool:
    """Whether the last word belongs to a legal form: one itself, or a joint right after one (``sp z oo``)."""
    last = kept[-1]
    if last in LEGAL_FORMS:
        return len(kept) > 1
    return last in _FORM_JOINTS and len(kept) > 2 and any(word in LEGAL_FORMS for word in kept[-3:-1])


def person_words(name: str) -> list[str]:
    """A person's folded name words, particles dropped; all of them if nothing else is left."""
    spelt = words(name)
    return [word for word in spelt if word not in PARTICLES] or spelt


def company_key(name: str) -> str:
    """A company name folded, legal form dropped, words joined by one blank."""
    return " ".join(company_words(name))


def person_key(name: str) -> str:
    """A person's name folded, words sorted: the same whatever the order, case and accents."""
    return " ".join(sorted(words(name)))


def is_cjk(word: str) -> bool:
    """Whether a word is written in Han, Kana or Hangul, where one character says as much as a word elsewhere."""
    return _CJK.search(word) is not None
