"""I1 to I7 and their like, looked for in the ledger and in what the services and the mail server remember themselves.

Nothing here asks the product: it opens the files. Each check yields a sentence for every breach it finds.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from checkpoints import audit, retention
from checkpoints.documents import digest
from harness.fleet import Fleet
from harness.story import Story
from harness.world import World
from onboarding.case import CLOSED
from tools.sandbox_store import digest as digest_of_services

NO_EFFECT = frozenset({"rejected", "withdrawn", "expired"})


@dataclass
class Books:
    """Everything that is written down, read once."""

    cases: dict[str, dict[str, Any]]
    reviews: dict[str, dict[str, Any]]
    decisions: list[dict[str, Any]]
    effects: dict[str, dict[str, Any]]
    letters: dict[str, dict[str, Any]]
    calls: list[dict[str, Any]]
    done: list[dict[str, Any]]
    mail: list[dict[str, Any]]
    broken: list[str]
    intended: dict[str, str]
    deaths: dict[str, int]
    all_deaths: int


def read(world: World | Fleet, told: Sequence[Story] = ()) -> Books:
    """The books of ``world``; ``told`` says how many deaths each case lived through (others: all there were)."""
    with world.ledger() as tx:

        def rows(sql: str) -> list[dict[str, Any]]:
            return [dict(row._mapping) for row in tx.conn.exec_driver_sql(sql)]

        reviews = {row["id"]: row for row in rows("SELECT * FROM reviews")}
        for row in reviews.values():
            row["shown"] = tx.codec.load(row["shown"], f"review:{row['id']}")
        letters = {row["message_id"]: row for row in rows("SELECT * FROM letters")}
        for row in letters.values():
            row["body"] = tx.codec.load(row["body"], f"letter:{row['message_id']}")
        trail = rows("SELECT * FROM audit WHERE type = 'activation.intended' ORDER BY seq")
        services, cases = world.services_log(), {row["id"]: row for row in rows("SELECT * FROM cases")}
        for row in cases.values():
            row["document"] = tx.codec.load(row["document"], f"case:{row['id']}") if row["document"] else None
        return Books(
            cases=cases,
            reviews=reviews,
            decisions=rows("SELECT * FROM decisions ORDER BY at"),
            effects={row["key"]: row for row in rows("SELECT * FROM effects")},
            letters=letters,
            calls=services["calls"],
            done=services["effects"],
            mail=world.mail_log(),
            intended={
                tx.codec.load(row["data"], f"audit:{row['case_id']}:{row['case_seq']}")["key"]: row["at"]
                for row in trail
            },
            broken=[*audit.broken_links(tx), *retention.rewritten(tx)],
            all_deaths=world.deaths,
            deaths=dict.fromkeys(cases, world.deaths) | {story.id: story.deaths(world) for story in told if story.id},
        )


def check(world: World | Fleet, told: Sequence[Story] = (), *, clock: bool = True) -> Books:
    """Raise AssertionError naming every breach. ``clock`` False where times cannot be compared (it jumped)."""
    books = read(world, told)
    found = breaches(books, told, clock=clock)
    assert not found, "\n".join(found)
    return books


def breaches(books: Books, told: Sequence[Story] = (), *, clock: bool = True) -> list[str]:
    """Every breach as a sentence that begins with the name of what is broken."""
    return [
        *one_effect(books),
        *gate(books, clock=clock),
        *at_rest(books),
        *(f"I4: {sentence}" for sentence in books.broken),
        *approved_is_activated(books),
        *calls_are_bounded(books),
        *cases_apart(books, told),
        *letters_once(books),
        *decisions_stand(books, told),
    ]


def one_effect(books: Books) -> Iterator[str]:
    """I1: in each service one activation of an active case stands, and none of a case that ended otherwise."""
    standing = Counter((row["case_id"], row["service"]) for row in books.done if row["status"] == "active")
    for (case_id, service), count in standing.items():
        if count > 1:
            yield f"I1: {count} activations of {case_id} stand in {service}"
        status = books.cases[case_id]["status"] if case_id in books.cases else "unknown"
        if status in NO_EFFECT | {"unknown"}:
            yield f"I1: {case_id} is {status}, but an activation stands in {service}"
    for case_id, row in books.cases.items():
        for service in ("svc1", "svc2"):
            if row["status"] == "active" and standing[case_id, service] != 1:
                yield f"I1: {case_id} is active, but {service} has {standing[case_id, service]} activations of it"
    for row in books.done:
        if row["cancels"] > 1:
            yield f"I1: {row['key']} was cancelled {row['cancels']} times"


def gate(books: Books, *, clock: bool = True) -> Iterator[str]:
    """I2: every activation request follows a committed intent, which follows sufficient committed decisions."""
    for call in books.calls:
        if call["operation"] != "activate":
            continue
        effect = books.effects.get(call["key"])
        if effect is None or effect["case_id"] != call["case_id"]:
            yield f"I2: {call['service']} was asked under {call['key']}, which the ledger never intended"
            continue
        enough = _approvals(books, effect["case_id"], effect["version"])
        if enough is None:
            yield f"I2: {call['service']} was asked for {effect['case_id']} without the decisions it takes"
        elif clock and not enough[-1]["at"] <= call["at"]:
            yield f"I2: {call['service']} was asked for {effect['case_id']} before the decision"
        elif clock and not books.intended[call["key"]] <= call["at"]:
            yield f"I2: {call['key']} was asked for before it was intended"


def _approvals(books: Books, case_id: str, version: int) -> list[dict[str, Any]] | None:
    """The approvals that let this version pass, None when they do not suffice."""
    made = [
        row
        for row in books.decisions
        if (row["case_id"], row["version"], row["action"]) == (case_id, version, "approve")
        and row["shown_hash"] == digest(books.reviews[row["review_id"]]["shown"])
    ]
    first = [row for row in made if row["stage"] == "review"]
    if not first:
        return None
    if not books.reviews[first[-1]["review_id"]]["second_required"]:
        return first
    second = [row for row in made if row["stage"] == "second_review" and row["actor"] != first[-1]["actor"]]
    return [*first, *second] if second else None


def at_rest(books: Books) -> Iterator[str]:
    """I3: each accepted case is closed, set aside with its reason, or waits for somebody: nothing is left due."""
    waiting = Counter(row["case_id"] for row in books.reviews.values() if row["status"] == "waiting")
    for case_id, row in books.cases.items():
        status, open_waits = row["status"], waiting[case_id]
        if status == "quarantined":
            if not row["problem"]:
                yield f"I3: {case_id} is quarantined without a reason"
        elif row["work_asked"] != row["work_done"]:
            yield f"I3: {case_id} is {status} and has work due"
        elif status in CLOSED and open_waits:
            yield f"I3: {case_id} is {status}, but still waits for somebody"
        elif status not in CLOSED and open_waits != 1:
            yield f"I3: {case_id} is {status} and waits for nobody"


def approved_is_activated(books: Books) -> Iterator[str]:
    """I5: what each service received is, byte for byte as JSON, what the approved review had shown."""
    for call in books.calls:
        effect = books.effects.get(call["key"] or "")
        if call["operation"] != "activate" or effect is None:
            continue
        approvals = _approvals(books, effect["case_id"], effect["version"])
        if approvals is None:
            continue
        shown = books.reviews[approvals[0]["review_id"]]["shown"]["application"]
        merchant = {name: value for name, value in shown.items() if name != "extra"}
        body = {"case_id": effect["case_id"], "application_version": effect["version"], "merchant": merchant}
        if digest_of_services(body) != call["body_sha256"]:
            yield f"I5: {call['service']} received other data of {effect['case_id']} than was approved"
        if digest(body) != effect["request_hash"]:
            yield f"I5: the intent {effect['key']} names other data than was approved"


def calls_are_bounded(books: Books) -> Iterator[str]:
    """I6: a request under one key is repeated only for a fault that the service showed, or for a kill."""
    made: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for call in books.calls:
        if call["operation"] == "activate":
            made[call["key"]].append(call)
    for key, calls in made.items():
        faults = sum(call["fault"] is not None for call in calls)
        allowed = 1 + faults + books.deaths.get(calls[0]["case_id"], 0)
        if len(calls) > allowed:
            yield f"I6: {key} was asked for {len(calls)} times; {allowed} were allowed"


def cases_apart(books: Books, told: Sequence[Story]) -> Iterator[str]:
    """I7: no case carries, sends or activates anything of another."""
    names = {story.id: story.application["legal_name"] for story in told if story.id}
    for case_id, name in names.items():
        row = books.cases.get(case_id)
        if row is None:
            yield f"I3: {case_id} was accepted and is gone"
        elif row["document"] and row["document"]["application"]["legal_name"] != name:
            yield f"I7: {case_id} carries the name of another"
    for row in books.decisions:
        if books.reviews[row["review_id"]]["case_id"] != row["case_id"]:
            yield f"I7: the decision on {row['review_id']} stands in another case"
    for key, row in books.effects.items():
        if not key.startswith(f"{row['case_id']}:{row['service']}:"):
            yield f"I7: {key} stands in case {row['case_id']}"
    for sent in books.mail:
        letter = books.letters.get(sent["message_id"])
        if letter is None:
            yield f"I7: a letter {sent['message_id']} left that the ledger does not know"
            continue
        inside = letter["kind"].startswith("approval_request")  # a reviewer may read of which case this is a duplicate
        others = [id_ for id_ in books.cases if id_ != letter["case_id"] and id_ in sent["body"] and not inside]
        if others or letter["case_id"] not in sent["body"] or sent["recipient"] != letter["body"]["recipient"]:
            yield f"I7: the letter {sent['message_id']} of {letter['case_id']} is mixed up"


def letters_once(books: Books) -> Iterator[str]:
    """A letter leaves again only for a cut connection or a kill, and then as the very same letter.

    One kill more than the case lived through: its last letter may be on its way when it has ended.
    """
    arrived: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for sent in books.mail:
        arrived[sent["message_id"]].append(sent)
    for message_id, copies in arrived.items():
        cuts = sum(copy["manner"] == "cut" for copy in copies)
        case_id = books.letters[message_id]["case_id"] if message_id in books.letters else ""
        if len(copies) > 1 + cuts + min(books.deaths.get(case_id, 0) + 1, books.all_deaths):
            yield f"letters: {message_id} arrived {len(copies)} times"
        if len({copy["sha256"] for copy in copies}) > 1:
            yield f"letters: {message_id} arrived in different words"
    for message_id, row in books.letters.items():
        if row["status"] == "sent" and message_id not in arrived:
            yield f"letters: {message_id} is marked as sent and never arrived"
    keys = Counter((row["case_id"], row["kind"], row["round"], row["recipient_hash"]) for row in books.letters.values())
    for key, count in keys.items():
        if count > 1:
            yield f"letters: {count} letters for {key}"


def decisions_stand(books: Books, told: Sequence[Story]) -> Iterator[str]:
    """Every decision that was answered with yes stands as it was given, one a review, and the case went on from it."""
    standing = {row["review_id"]: row for row in books.decisions}
    for story in told:
        for review_id, (action, actor) in story.taken.items():
            row = standing.get(review_id)
            if row is None:
                yield f"decisions: {action} by {actor} on {review_id} ({story.key}) is lost"
            elif (row["action"], row["actor"]) != (action, actor):
                yield f"decisions: on {review_id} stands {row['action']} by {row['actor']}, not {action} by {actor}"
    for row in books.decisions:
        if books.reviews[row["review_id"]]["status"] != "decided":
            yield f"decisions: {row['review_id']} has a decision and still waits"


def fingerprint(world: World, case_id: str) -> dict[str, str]:
    """A hash of every row of the case, by table; letters aside, whose sending is their own affair."""
    queries = {
        "cases": "SELECT * FROM cases WHERE id = ?",
        "submissions": "SELECT * FROM submissions WHERE case_id = ? ORDER BY version",
        "reviews": "SELECT * FROM reviews WHERE case_id = ? ORDER BY id",
        "decisions": "SELECT * FROM decisions WHERE case_id = ? ORDER BY review_id",
        "effects": "SELECT * FROM effects WHERE case_id = ? ORDER BY key",
        "match_keys": "SELECT * FROM match_keys WHERE case_id = ? ORDER BY key_hash",
        "audit": "SELECT * FROM audit WHERE case_id = ? AND type NOT LIKE 'letter.%' ORDER BY case_seq",
    }
    with world.ledger() as tx:
        found = {name: tx.conn.exec_driver_sql(sql, (case_id,)).all() for name, sql in queries.items()}
    return {name: hashlib.sha256(repr(rows).encode()).hexdigest() for name, rows in found.items()}
