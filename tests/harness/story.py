"""Cases and the people around them: submitted, decided, answered as planned, through every death of the product."""

import random
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx

from harness.merchants import merchant
from harness.world import FIRST, PATIENCE, SECOND, SHOP, World

ENDS = {
    "approve": "active",
    "reject": "rejected",
    "ask": "active",
    "correct": "active",
    "withdraw": "withdrawn",
    "retry": "active",
    "give_up": "activation_failed",
    "leave": "in_review",
}
"""Each plan and the status it must end with."""


@dataclass
class Story:
    """One case. ``taken`` are the decisions the product said yes to: none of them may ever be missing."""

    key: str
    plan: str = "approve"
    changes: dict[str, Any] = field(default_factory=dict)
    id: str | None = None
    born: int | None = None
    over: int | None = None
    """The world's deaths when it was submitted, and when it had ended: so many kills its calls may be blamed on."""
    taken: dict[str, tuple[str, str]] = field(default_factory=dict)

    def deaths(self, world: World) -> int:
        """How many kills the case has lived through."""
        return (world.deaths if self.over is None else self.over) - (self.born or 0)

    @property
    def application(self) -> dict[str, Any]:
        return merchant(self.key, **self.changes)


def stories(prefix: str, *plans: str, **changes: Any) -> list[Story]:
    """A story for each plan."""
    return [Story(f"{prefix}-{number}-{plan}", plan, changes) for number, plan in enumerate(plans)]


class Desk:
    """Everybody who deals with the product: they notice a lost answer and ask again with the same words."""

    def __init__(self, world: World, *, hands: int = 4, fault: str | None = None, end: int | None = None) -> None:
        """``fault`` arms every restart anew; ``end`` is an exit code that is as good as being killed."""
        self.world = world
        self.hands = hands
        self.fault, self.end = fault, end
        self.refusals: list[int] = []

    def play(self, told: Sequence[Story], seconds: float = PATIENCE) -> None:
        """Until each story has ended as planned. Raises AssertionError naming those that did not."""
        ends, open_ = time.monotonic() + seconds, list(told)
        with ThreadPoolExecutor(self.hands) as pool:
            while open_:
                assert time.monotonic() < ends, f"not ended: {self._left(open_)}"
                self.world.revive(self.fault, self.end)
                seen = self.world.glance()
                list(pool.map(lambda story, seen=seen: self._step(story, seen.get(story.id or "")), open_))
                open_ = [story for story in open_ if story.over is None]
                time.sleep(0.01)

    def _left(self, left: Sequence[Story]) -> list[Any]:
        seen = self.world.glance()
        return [(story.key, seen.get(story.id or "")) for story in left]

    def press(self, story: Story) -> None:
        """Take this story's next step now."""
        self._step(story, self.world.glance()[story.id or ""])

    def _step(self, story: Story, case: dict[str, Any] | None) -> None:
        try:
            if story.id is None:
                self._submit(story)
            elif case is not None:
                self._answer(story, case)
        except httpx.TransportError:
            return  # nobody answered: asked again at the next turn

    def _submit(self, story: Story) -> None:
        if story.born is None:
            story.born = self.world.deaths
        answer = self.world.submit(story.application, story.key)
        if self._said_yes(answer):
            story.id = answer.json()["id"]

    def _answer(self, story: Story, case: dict[str, Any]) -> None:
        assert case["status"] != "quarantined", f"{story.key}: {case['problem']}"
        if case["status"] == ENDS[story.plan] and not (case["review"] and story.plan != "leave"):
            story.over = self.world.deaths
        elif case["review"] and story.plan == "withdraw":
            self._said_yes(self.world.call("POST", f"/v1/cases/{story.id}/withdraw"))
        elif case["review"]:
            self._decide(story, case)
        elif case["status"] == "awaiting_information":
            body = {"answers": {"business_description": "Bread, cakes and coffee, baked and sold on the premises."}}
            headers = {"Idempotency-Key": f"{story.key}-answer"}
            self._said_yes(self.world.call("POST", f"/v1/cases/{story.id}/information", json=body, headers=headers))

    def _decide(self, story: Story, case: dict[str, Any]) -> None:
        action, actor, more = decision(story, case)
        if case["review"]["id"] in story.taken:
            return  # answered before; the product is on its way
        answer = self.world.decide(case, action, actor, **more)
        if answer.status_code == 409 and answer.json()["code"] in ("already_decided", "not_waiting"):
            raise AssertionError(f"{story.key}: {answer.text}")
        if self._said_yes(answer):
            story.taken[case["review"]["id"]] = ("correct" if "corrections" in more else action, actor)

    def _said_yes(self, answer: httpx.Response) -> bool:
        if answer.status_code == 503:
            self.refusals.append(503)
            return False
        assert answer.status_code in (200, 202), f"{answer.status_code} {answer.text[:500]}"
        return True


def decision(story: Story, case: dict[str, Any]) -> tuple[str, str, dict[str, Any]]:
    """What this story's reviewer decides: ``(action, actor, more)``."""
    stage, version = case["review"]["stage"], case["application_version"]
    if stage == "activation":
        return ("give_up" if story.plan == "give_up" else "retry"), FIRST, {}
    if story.plan == "reject":
        return "reject", FIRST, {"reason_codes": []}
    if story.plan == "ask" and version == 1:
        return "request_information", FIRST, {"request": [{"path": "business_description", "text": "What is sold?"}]}
    if story.plan == "correct" and version == 1:
        return "approve", FIRST, {"corrections": {"bank.holder": "The Corrected Holder Ltd"}}
    return "approve", SECOND if stage == "second_review" else FIRST, {}


class Killer(threading.Thread):
    """kill -9 at ``kills`` random moments, and up again each time.

    A moment is so many audit events after the start, at most ``events``, so that it means the same on a slow machine.
    """

    def __init__(self, world: World, seed: int, kills: int, events: int = 80) -> None:
        super().__init__(daemon=True)
        self.world, self.random, self.events = world, random.Random(seed), events
        self.left = kills
        self._over = threading.Event()
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            while self.left and not self._over.is_set():
                self._let_it_work(self.random.randint(0, self.events))
                self.world.restart()
                self.left -= 1
        except BaseException as error:  # noqa: BLE001 - told by stop()
            self.error = error

    def _let_it_work(self, events: int) -> None:
        until, ends = self.world.count("audit") + events, time.monotonic() + 3
        while self.world.count("audit") < until and time.monotonic() < ends and not self._over.is_set():
            time.sleep(0.005)
        time.sleep(self.random.uniform(0, 0.05))

    def stop(self) -> None:
        self._over.set()
        self.join(60)
        if self.error is not None:
            raise self.error


__all__ = ["ENDS", "SHOP", "Desk", "Killer", "Story", "decision", "stories"]
