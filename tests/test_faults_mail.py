"""The mail server down, busy, cutting the line: cases go on, letters leave later, none twice by our doing."""

import time
from collections import Counter
from pathlib import Path

from harness.invariants import check
from harness.story import Desk, stories
from harness.world import World


def test_without_a_mail_server_cases_go_on_and_letters_leave_when_it_is_back(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        assert world.post is not None
        world.post.kill()
        told = stories("no-mail", "approve", "reject", "ask")
        Desk(world).play(told)
        world.rest(letters=False)
        time.sleep(1)
        assert world.mail_log() == []
        world.mail_start()
        world.rest()
        check(world, told)
        assert max(Counter(sent["message_id"] for sent in world.mail_log()).values()) == 1
        kinds = Counter(sent["subject"].split(":")[0].split(" (")[0] for sent in world.mail_log())
        assert kinds["Decision needed"] >= 6, kinds


def test_letters_survive_every_mood_of_the_mail_server(tmp_path: Path) -> None:
    """Busy, later, and cut after it accepted: only the cut one, which nobody can tell from a lost one, comes again."""
    with World(tmp_path) as world:
        for mood in ("cut", "later", "busy", "slow", "cut"):
            world.mail_manner(mood, 1, more=True)
        told = stories("moods", "approve", "approve", "reject")
        Desk(world).play(told)
        world.rest()
        check(world, told)
        copies = Counter(sent["message_id"] for sent in world.mail_log())
        assert sorted(copies.values())[-3:] == [1, 2, 2], copies


def test_a_recipient_who_is_refused_for_good_stops_no_case(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.mail_manner("refuse", 2)
        told = stories("refused", "approve", "approve")
        Desk(world).play(told)
        world.rest()
        books = check(world, told)
        assert Counter(row["status"] for row in books.letters.values())["refused"] == 2


def test_a_kill_in_the_middle_of_sending_delays_no_letter(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.restart("letter.after_send:1")
        told = stories("mid-send", "approve")
        started = time.monotonic()
        Desk(world).play(told)
        world.rest()
        assert time.monotonic() - started < 15
        check(world, told)
        assert world.deaths == 2
