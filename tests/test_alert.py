"""A worker looks for runs soon after a case moved, and hardly ever while nothing does."""

from itertools import pairwise

import pytest

from flows.alert import GAP, IDLE, LINGER, SOON, Alert


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def looks():
    """``looks(10, at=[1, 2])``: when it looked in ten seconds with news at these; looked at every twentieth of one."""
    clock = Clock()
    alert = Alert(clock)

    def look(seconds: float, at: list[float] = ()) -> list[float]:
        began, left, found = clock.now, sorted(at), []
        for tick in range(round(seconds * 20)):
            clock.now = began + tick / 20
            while left and left[0] <= tick / 20:
                left.pop(0)
                alert.news({"c1"})
            if alert.due():
                found.append(tick / 20)
        clock.now = began + seconds
        return found

    return look


def test_without_news_it_looks_at_once_and_then_now_and_then(looks):
    assert looks(3 * IDLE) == pytest.approx([0, IDLE, 2 * IDLE], abs=0.06)


def test_after_news_it_looks_soon_and_again_for_a_while(looks):
    looks(1)
    found = looks(10, at=[1])
    assert found[0] == pytest.approx(1 + SOON, abs=0.06)
    assert found[1] == pytest.approx(1 + SOON + GAP, abs=0.12)
    assert max(found[:-1]) <= 1 + LINGER + GAP, "then it is quiet again"


def test_however_much_moves_it_keeps_the_gap(looks):
    found = looks(20, at=[number / 10 for number in range(200)])
    gaps = [later - earlier for earlier, later in pairwise(found)]
    assert min(gaps) > GAP - 0.06
    assert max(gaps) < GAP + 0.12
