"""A search that is spared would have found nothing: what a pattern's matches need is never told too narrowly."""

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from re import _constants as op
from re import _parser as parser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboarding.checks import injection, prohibited
from onboarding.checks.beginnings import Beginnings
from onboarding.checks.vocabulary import alternatives, document, spoken
from onboarding.names import fold

DATA = Path(__file__).parent / "data"
IN_CLASS = {
    op.CATEGORY_DIGIT: "0123456789",
    op.CATEGORY_SPACE: " \n",
    op.CATEGORY_WORD: "kqz7",
    op.CATEGORY_NOT_SPACE: "k",
}


def words_of(name: str) -> Iterator[tuple[str, list[str]]]:
    for entry, value in document(name).items():
        lists = {**value, **value.get("concepts", {})}
        yield from ((f"{entry}.{concept}", words) for concept, words in lists.items() if is_words(words))


def is_words(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(word, str) for word in value)


@pytest.mark.parametrize("name", ["prohibited", "injection", "delivery", "activities"])
def test_whatever_an_expression_of_a_vocabulary_matches_was_possible(name: str) -> None:
    """Each expression alone and among the others of its list, in texts made from it."""
    chance, tried = random.Random(name), 0
    for concept, words in words_of(name):
        among = Beginnings({concept: alternatives(words)})
        for word in words:
            pattern = alternatives([word])
            alone, search = Beginnings({concept: pattern}), re.compile(pattern).search
            for text in {f"so: {made(parser.parse(pattern), chance)}, and" for _ in range(4)}:
                if search(text):
                    tried += 1
                    assert alone.possible(text) == among.possible(text) == {concept}, (word, text)
    assert tried > sum(len(words) for _, words in words_of(name))


def made(pieces: Any, chance: random.Random) -> str:
    """A text that the parsed expression describes, but for what it wants to stand around it."""
    return "".join(_piece(kind, value, chance) for kind, value in pieces)


def _piece(kind: Any, value: Any, chance: random.Random) -> str:
    if kind is op.LITERAL:
        return chr(value)
    if kind is op.IN:
        return _member(value, chance)
    if kind is op.BRANCH:
        return made(chance.choice(value[1]), chance)
    if kind is op.SUBPATTERN:
        return made(value[3], chance)
    if kind in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
        least, most, inner = value
        return "".join(made(inner, chance) for _ in range(chance.randint(least, min(most, least + 2))))
    return "" if kind in (op.AT, op.ASSERT, op.ASSERT_NOT) else "q"


def _member(members: Any, chance: random.Random) -> str:
    if members[0][0] is op.NEGATE:
        return "q"
    kind, value = chance.choice(members)
    if kind is op.CATEGORY:
        return chance.choice(IN_CLASS[value])
    return chr(value if kind is op.LITERAL else chance.randint(*value))


def test_all_that_stands_in_the_examples_was_possible() -> None:
    """Every text of the acceptance sets and of the rules' own examples."""
    index, found = prohibited._beginnings(), 0
    patterns = {
        (each.name, concept): words
        for each in prohibited.categories()
        for concept, words in {**each.concepts, "": each.phrases}.items()
    }
    for text in sorted(texts()):
        possible = index.possible(text)
        standing = {name for name, words in patterns.items() if words.search(text)}
        assert standing <= possible, text
        found += len(standing)
    assert found > 1000


def texts() -> set[str]:
    folder = json.loads((DATA / "texts.json").read_text(encoding="utf-8"))
    lines = [line for name in ("acceptance", "unseen") for line in (DATA / f"{name}.jsonl").read_text().splitlines()]
    return {prohibited._folded(text) for text in [*strings(folder), *lines]}


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from strings(item)


SOME = [
    "ab?c",
    "(?:x|yz)+q",
    r"(?<![^\W_])(?:ab|c\w*d)(?![^\W_])|漢字",
    r"\w*end",
    r"a(?:b|\d)?[\s\-]+word",
    "(?!)",
    "a|",
    "[ab]c",
]


@given(st.sampled_from(SOME), st.text("abcdxyzqwor e-_1漢字n", max_size=30))
def test_any_text_in_which_a_pattern_stands_is_one_where_it_was_possible(pattern: str, text: str) -> None:
    if re.search(pattern, text):
        assert Beginnings({"it": pattern}).possible(text) == {"it"}


def test_ordinary_business_spares_nearly_all_searches() -> None:
    text = prohibited._folded("We bake bread and cakes in our shop in Leeds and deliver them to cafes by bicycle.")
    assert len(prohibited._beginnings().possible(text)) < 10
    assert not injection._beginnings().possible(spoken(fold("We bake bread."))) - {"machine"}
