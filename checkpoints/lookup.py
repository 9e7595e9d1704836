"""Look-up keys that tell nothing: a keyed hash of what is looked for, so the database holds no value in the clear."""

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Iterable
from typing import Final

_WORD: Final = re.compile(r"\w+")
MAX_TERMS: Final = 64
SHORTEST: Final = 3
LONGEST: Final = 15
"""Letters of a beginning: fewer tell too little apart, and more are a row each that is looked for seldom."""
MAX_BEGINNINGS: Final = 128


def _words(texts: Iterable[str | None]) -> list[str]:
    """The words of all texts, each once, without case and accents."""
    words: dict[str, None] = {}
    for text in texts:
        folded = unicodedata.normalize("NFKD", text or "").casefold()
        plain = "".join(char for char in folded if not unicodedata.combining(char))
        words.update(dict.fromkeys(_WORD.findall(plain)))
    return list(words)


class Lookup:
    """Hashes look-up values with the installation's secret."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def key(self, kind: str, value: str) -> str:
        """The stored form of one value: 32 hex digits."""
        return hmac.new(self._secret, f"{kind}\x00{value}".encode(), hashlib.sha256).hexdigest()[:32]

    def keys(self, pairs: Iterable[tuple[str, str]]) -> list[str]:
        return [self.key(kind, value) for kind, value in sorted(pairs)]

    def terms(self, *texts: str | None) -> list[str]:
        """Keys for every word of ``texts``, folded, so that a search finds it by whole words."""
        return [self.key("term", word) for word in _words(texts)[:MAX_TERMS]]

    def beginnings(self, *texts: str | None) -> list[str]:
        """Keys for what the words of ``texts`` begin with, so that whoever types a name finds it before its end.

        A beginning has the key that a word of these letters would have: looking for one costs what a word does.
        """
        begun = (word[:end] for word in _words(texts) for end in range(SHORTEST, min(len(word) - 1, LONGEST) + 1))
        return [self.key("term", beginning) for beginning in list(dict.fromkeys(begun))[:MAX_BEGINNINGS]]

    def token(self, *parts: str) -> str:
        """A secret that can be made again from what it is for, so it need not be stored."""
        digest = hmac.new(self._secret, "\x00".join(("token", *parts)).encode(), hashlib.sha256).hexdigest()
        return f"lnk_{digest}"
