"""The child of ``tools/apart.py``: reads calls from its standard input and answers on its standard output.

It is given no secret, ends when a call takes too much CPU or its parent ends, is refused memory beyond a limit, and its
answers are JSON: what a hostile document makes of it cannot reach further.
"""

import ctypes
import pickle
import resource
import signal
import struct
import sys
from collections.abc import Iterator
from datetime import date
from typing import BinaryIO, Final

from onboarding.assessment import Prior, Validation
from onboarding.checks.run import check
from onboarding.model import Value
from onboarding.policy import Policy
from onboarding.reading.read import read
from onboarding.reading.result import Reading
from onboarding.screening import Answer, Noting, Watchlist
from onboarding.submission import Part, Submission

HEAD: Final = struct.Struct(">cI")
"""What goes before each message: its kind, and its length in bytes."""
START, READ, CHECK, DONE, FAILED = b"s", b"r", b"c", b"d", b"f"
_DIE_WITH_PARENT: Final = 1
"""PR_SET_PDEATHSIG of prctl(2)."""
_LETTER: Final = """Hello, we are Acme Bakery Ltd, a private company in the United Kingdom, and sell bread.
We were founded on 4 May 2019 and sit at 12 High Street, London SW1A 1AA. Director and owner is Ann Smith, born
1980-02-03, who holds 100 %. IBAN: GB29 NWBK 6016 1331 9268 19, VAT GB 999 9999 73, www.acme.example,
ann@acme.example, +44 20 7946 0000. We expect 200,000 GBP a year."""
MOST_MEMORY: Final = 2 << 30
"""Bytes of address space: a document that needs more is one nobody can read."""


class ReadCall(Value):
    """One call of ``read``."""

    submission: Submission
    as_of: date


class CheckCall(Value):
    """One call of ``check``; ``listed`` says whether against the list or against nobody."""

    reading: Reading
    submission: Submission
    priors: list[Prior]
    listed: bool
    as_of: date


class Checked(Value):
    """What ``check`` found, and what the list was asked and said meanwhile."""

    validation: Validation
    answers: list[Answer]


def main() -> None:
    """Answer calls until the parent is gone."""
    die_with_parent()
    for number in (signal.SIGINT, signal.SIGTERM):  # the parent drains, and ends this process when it is done
        signal.signal(number, signal.SIG_IGN)
    _limit_memory()
    calls, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # whatever a library prints is no answer
    policy, watchlist, seconds = Policy.default(), Watchlist.empty(), 0.0
    for kind, body in _messages(calls):
        if kind == START:
            policy, watchlist, seconds = pickle.loads(body)  # noqa: S301 - the parent's own objects
            _warm(policy)
            _tell(answers, DONE, b"")
            continue
        signal.setitimer(signal.ITIMER_PROF, seconds)
        try:
            told, answer = DONE, _answer(kind, body, policy, watchlist).model_dump_json().encode()
        except Exception as error:  # noqa: BLE001 - it is the parent's to judge; its text may quote the application
            told, answer = FAILED, type(error).__name__.encode()
        signal.setitimer(signal.ITIMER_PROF, 0)
        _tell(answers, told, answer)


def _limit_memory() -> None:
    """No more than MOST_MEMORY; where the operator allowed less, that stands."""
    _, allowed = resource.getrlimit(resource.RLIMIT_AS)
    most = MOST_MEMORY if allowed == resource.RLIM_INFINITY else min(MOST_MEMORY, allowed)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _tell(answers: BinaryIO, told: bytes, answer: bytes) -> None:
    answers.write(HEAD.pack(told, len(answer)) + answer)
    answers.flush()


def _warm(policy: Policy) -> None:
    """Load the vocabularies and tables that are loaded at the first use, so that the first call is as quick as any."""
    part = Part(source="input", kind="application", format="text", content=_LETTER)
    submission, today = Submission(version=1, parts=[part]), date(2026, 1, 1)
    reading = read(submission, as_of=today)
    check(reading, submission, priors=(), watchlist=Watchlist.empty(), policy=policy, as_of=today)


def die_with_parent() -> None:
    """However busy or stopped this process is when its parent is killed, it does not stay (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)


def _messages(stream: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    while len(head := stream.read(HEAD.size)) == HEAD.size:
        kind, size = HEAD.unpack(head)
        yield kind, stream.read(size)


def _answer(kind: bytes, body: bytes, policy: Policy, watchlist: Watchlist) -> Value:
    if kind == READ:
        asked = ReadCall.model_validate_json(body)
        return read(asked.submission, as_of=asked.as_of)
    call = CheckCall.model_validate_json(body)
    noting = Noting(watchlist if call.listed else Watchlist.empty())
    found = check(call.reading, call.submission, priors=call.priors, watchlist=noting, policy=policy, as_of=call.as_of)
    return Checked(validation=found, answers=noting.answers)


if __name__ == "__main__":
    main()
