"""The rules in processes of their own: what a merchant sends can neither hold up the service nor bring it down.

A child that stands still, dies or fails is replaced. Its call is tried once more where that may help (a machine may
have stood still, an operator have killed it), and not when it ran out of CPU; then RulesGaveUp, and a person sees the
case. On a machine with several cores the rules of one case also run beside everything else.
"""

import asyncio
import logging
import os
import pickle
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from typing import Final, Self

from onboarding.assessment import Prior, Validation
from onboarding.policy import Policy
from onboarding.reading.result import Reading
from onboarding.rules import HERE, RulesGaveUp
from onboarding.screening import Noting, Watchlist
from onboarding.submission import Submission
from tools import apart_child
from tools.apart_child import CHECK, DONE, HEAD, READ, START, CheckCall, Checked, ReadCall

_TRIES: Final = 2
_PATIENCE: Final = 10
"""Wall-clock seconds per second of CPU that a call may take: a loaded machine is no reason to give up."""
_START: Final = 120
"""Seconds a child may take until it can answer."""
_FIRST_WAIT: Final = 0.5
_LONGEST_WAIT: Final = 10.0
_GONE: Final = (TimeoutError, OSError, RuntimeError, asyncio.IncompleteReadError)
"""What a dead child makes of a call: uvloop says RuntimeError of a pipe that is closed."""
_PASSED_ON: Final = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "TESSDATA_PREFIX")
_log = logging.getLogger("onboard.rules")


class Apart:
    """Rules in ``processes`` children, each call within ``seconds`` of CPU. Use as an async context manager."""

    def __init__(self, policy: Policy, watchlist: Watchlist, *, processes: int, seconds: float) -> None:
        self._policy, self._watchlist, self._seconds = policy, watchlist, seconds
        self._processes = processes
        self._free = asyncio.Semaphore(processes)
        self._idle: list[Process] = []
        self._all: set[Process] = set()
        self._given: bytes | None = None
        self._warming: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        """Starts the children without waiting for them (:meth:`warm` does): what they import takes seconds."""
        self._warming = [asyncio.create_task(self._warm_one()) for _ in range(self._processes)]
        return self

    async def warm(self) -> None:
        """Return once every child has been started and can answer."""
        await asyncio.gather(*self._warming)

    async def __aexit__(self, *_: object) -> None:
        for task in self._warming:
            task.cancel()
        await asyncio.gather(*self._warming, return_exceptions=True)
        for child in [*self._all]:
            await self._end(child)

    async def read(self, submission: Submission, *, as_of: date) -> Reading:
        """See :class:`onboarding.rules.Rules`."""
        call = ReadCall(submission=submission, as_of=as_of)
        return Reading.model_validate_json(await self._called(READ, call.model_dump_json().encode()))

    async def check(
        self,
        reading: Reading,
        submission: Submission,
        *,
        priors: Sequence[Prior],
        watchlist: Watchlist,
        policy: Policy,
        as_of: date,
    ) -> Validation:
        """See :class:`onboarding.rules.Rules`. With another list or policy than the children have: in this process."""
        asked = watchlist.of if isinstance(watchlist, Noting) else watchlist
        listed = asked is self._watchlist
        if policy is not self._policy or not (listed or asked.version == Watchlist.empty().version):
            return await HERE.check(reading, submission, priors=priors, watchlist=watchlist, policy=policy, as_of=as_of)
        call = CheckCall(reading=reading, submission=submission, priors=list(priors), listed=listed, as_of=as_of)
        found = Checked.model_validate_json(await self._called(CHECK, call.model_dump_json().encode()))
        if isinstance(watchlist, Noting):
            watchlist.answers += found.answers
        return found.validation

    async def _called(self, kind: bytes, call: bytes) -> bytes:
        """The answer of a child. Raises RulesGaveUp."""
        for _ in range(_TRIES):
            async with self._free:
                child = await self._next()
                try:
                    async with asyncio.timeout(self._seconds * _PATIENCE):
                        told, answer = await _asked(child, kind, call)
                except _GONE:
                    await self._end(child)
                    _log.warning("a process of the rules ended in the middle of a call: exit code %s", child.returncode)
                    if child.returncode == -signal.SIGPROF:
                        break  # it would take as long again
                    continue
                except BaseException:  # nobody waits for this answer any more: it must not be the next call's
                    await self._end(child)
                    raise
                if told == DONE:
                    self._idle.append(child)
                    return answer
                await self._end(child)
                _log.error("the rules failed: %s", answer.decode())
                raise RulesGaveUp(f"The rules failed: {answer.decode()}.")
        raise RulesGaveUp(f"The rules took more than {self._seconds:g} seconds of computing, or too much memory.")

    async def _next(self) -> Process:
        """A child that lives. While none can be had (no memory, no process left) this waits: it is no case's fault."""
        wait = _FIRST_WAIT
        while True:
            while self._idle:
                if (child := self._idle.pop()).returncode is None:
                    return child
                self._all.discard(child)
            try:
                return await self._begin()
            except _GONE as error:
                _log.error("no process for the rules can be had, trying again: %s", type(error).__name__)
                await asyncio.sleep(wait)
                wait = min(2 * wait, _LONGEST_WAIT)

    async def _warm_one(self) -> None:
        async with self._free:
            self._idle.append(await self._next())

    async def _begin(self) -> Process:
        """A new child that was given the policy and the list."""
        if self._given is None:
            self._given = await asyncio.to_thread(pickle.dumps, (self._policy, self._watchlist, self._seconds))
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", apart_child.__name__, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=_environment()
        )
        self._all.add(child)
        try:
            async with asyncio.timeout(_START):
                await _asked(child, START, self._given)
        except BaseException:
            await self._end(child)
            raise
        return child

    async def _end(self, child: Process) -> None:
        self._all.discard(child)
        with suppress(ProcessLookupError):
            child.kill()
        await asyncio.shield(child.wait())


async def _asked(child: Process, kind: bytes, call: bytes) -> tuple[bytes, bytes]:
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(HEAD.pack(kind, len(call)) + call)
    await child.stdin.drain()
    told, size = HEAD.unpack(await child.stdout.readexactly(HEAD.size))
    return told, await child.stdout.readexactly(size)


def _environment() -> dict[str, str]:
    """Where to find the code, and no secret."""
    passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return passed | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
