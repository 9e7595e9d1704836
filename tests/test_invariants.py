"""The harness's own checks: each invariant is seen to be broken when it is, and only then."""

import copy
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from harness import invariants
from harness.invariants import Books
from harness.story import Desk, Story, stories
from harness.world import World

PLANS = ("approve", "correct", "reject", "ask", "withdraw", "leave", "retry", "give_up")
Breach = Callable[[Books, list[Story]], None]


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, list[Story]]]:
    """A world in which everything happened once, and nothing went wrong."""
    with World(tmp_path_factory.mktemp("invariants")) as world:
        told = stories("sound", *PLANS)
        for story in told:
            if story.plan in ("retry", "give_up"):
                world.misbehave("svc1", "slow", seconds=0.3, match=story.application["legal_name"])
                world.refuse("svc2", story.plan, story.application["legal_name"])
        Desk(world).play(told)
        world.rest()
        invariants.check(world, told)
        yield world, told


def active(books: Books) -> dict:
    return next(row for row in books.done if row["status"] == "active")


def case_of(books: Books, story: Story) -> dict:
    return books.cases[story.id or ""]


def second_effect(books: Books, told: list[Story]) -> None:
    books.done.append(active(books) | {"key": "another", "reference": "another"})


def effect_of_a_rejected_case(books: Books, told: list[Story]) -> None:
    active(books)["case_id"] = told[2].id


def effect_missing(books: Books, told: list[Story]) -> None:
    active(books)["status"] = "cancelled"


def cancelled_twice(books: Books, told: list[Story]) -> None:
    next(row for row in books.done if row["cancels"])["cancels"] = 2


def call_without_intent(books: Books, told: list[Story]) -> None:
    del books.effects[active(books)["key"]]


def call_without_decision(books: Books, told: list[Story]) -> None:
    books.decisions = [row for row in books.decisions if row["case_id"] != active(books)["case_id"]]


def call_before_the_decision(books: Books, told: list[Story]) -> None:
    for row in books.decisions:
        row["at"] = "2999-01-01T00:00:00.000Z"


def second_person_missing(books: Books, told: list[Story]) -> None:
    books.decisions = [row for row in books.decisions if row["stage"] != "second_review"]


def second_person_is_the_first(books: Books, told: list[Story]) -> None:
    for row in books.decisions:
        row["actor"] = "ann@desk.example.com"


def work_left_lying(books: Books, told: list[Story]) -> None:
    case_of(books, told[0])["work_asked"] += 1


def waits_for_nobody(books: Books, told: list[Story]) -> None:
    case_of(books, told[0])["status"] = "processing"


def set_aside_without_a_word(books: Books, told: list[Story]) -> None:
    case_of(books, told[0]).update(status="quarantined", problem=None)


def gone(books: Books, told: list[Story]) -> None:
    del books.cases[told[5].id or ""]


def other_data_sent(books: Books, told: list[Story]) -> None:
    next(call for call in books.calls if call["operation"] == "activate")["body_sha256"] = "0" * 64


def other_data_approved(books: Books, told: list[Story]) -> None:
    for review in books.reviews.values():
        if "application" in review["shown"]:
            review["shown"]["application"]["legal_name"] = "Somebody Else Ltd"


def asked_too_often(books: Books, told: list[Story]) -> None:
    books.calls += [call for call in books.calls if call["operation"] == "activate"]


def name_of_another(books: Books, told: list[Story]) -> None:
    case_of(books, told[0])["document"] = case_of(books, told[2])["document"]


def decision_in_another_case(books: Books, told: list[Story]) -> None:
    books.decisions[0]["case_id"] = next(id_ for id_ in books.cases if id_ != books.decisions[0]["case_id"])


def letter_to_another(books: Books, told: list[Story]) -> None:
    books.mail[0]["recipient"] = "somebody@else.example.com"


def letter_of_nobody(books: Books, told: list[Story]) -> None:
    books.mail[0]["message_id"] = "<unknown@onboard.local>"


def letter_twice(books: Books, told: list[Story]) -> None:
    books.mail.append(books.mail[0])


def letter_in_other_words(books: Books, told: list[Story]) -> None:
    books.all_deaths, books.deaths = 9, dict.fromkeys(books.deaths, 9)
    books.mail.append(books.mail[0] | {"sha256": "0" * 64})


def letter_only_said_to_be_sent(books: Books, told: list[Story]) -> None:
    books.mail.pop()


def decision_lost(books: Books, told: list[Story]) -> None:
    books.decisions = [row for row in books.decisions if row["case_id"] != told[2].id]


def decision_changed(books: Books, told: list[Story]) -> None:
    next(row for row in books.decisions if row["case_id"] == told[2].id)["actor"] = "someone"


def decided_and_waiting(books: Books, told: list[Story]) -> None:
    books.reviews[books.decisions[0]["review_id"]]["status"] = "waiting"


BREACHES: list[tuple[str, Breach]] = [
    ("I1", second_effect),
    ("I1", effect_of_a_rejected_case),
    ("I1", effect_missing),
    ("I1", cancelled_twice),
    ("I2", call_without_intent),
    ("I2", call_without_decision),
    ("I2", call_before_the_decision),
    ("I2", second_person_missing),
    ("I2", second_person_is_the_first),
    ("I3", work_left_lying),
    ("I3", waits_for_nobody),
    ("I3", set_aside_without_a_word),
    ("I3", gone),
    ("I5", other_data_sent),
    ("I2", other_data_approved),
    ("I6", asked_too_often),
    ("I7", name_of_another),
    ("I7", decision_in_another_case),
    ("I7", letter_to_another),
    ("I7", letter_of_nobody),
    ("letters", letter_twice),
    ("letters", letter_in_other_words),
    ("letters", letter_only_said_to_be_sent),
    ("decisions", decision_lost),
    ("decisions", decision_changed),
    ("decisions", decided_and_waiting),
]


@pytest.mark.parametrize("invariant, breach", BREACHES, ids=[breach.__name__ for _, breach in BREACHES])
def test_a_breach_is_seen(lived: tuple[World, list[Story]], invariant: str, breach: Breach) -> None:
    world, told = lived
    books = copy.deepcopy(invariants.read(world, told))
    assert invariants.breaches(books, told) == []
    breach(books, told)
    assert any(found.startswith(f"{invariant}:") for found in invariants.breaches(books, told))


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE audit SET actor = 'nobody' WHERE seq = 5",
        "UPDATE audit SET data = x'007b7d' WHERE seq = 5",
        "DELETE FROM audit WHERE seq = (SELECT min(seq) + 1 FROM audit)",
        "UPDATE audit SET case_seq = case_seq + 1000 WHERE seq = 5",
    ],
)
def test_a_changed_trail_is_seen(
    lived: tuple[World, list[Story]], tampering: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, told = lived
    copied = sqlite3.connect(tmp_path / "onboard.db")
    with closing(sqlite3.connect(world.data / "onboard.db")) as db, closing(copied):
        db.backup(copied)
        monkeypatch.setattr(world, "data", tmp_path)
        invariants.check(world, told)
        with copied:
            copied.execute(tampering)
    with pytest.raises(Exception, match=r"I4|integrity"):
        invariants.check(world, told)
