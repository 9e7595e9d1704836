"""One request's megabytes hold up nobody else's."""

import asyncio
import threading
import time

import pytest

from api.aside import SMALL, aside
from onboarding.errors import BadInput


async def test_small_work_is_done_here_and_big_work_in_a_thread():
    here = threading.get_ident()
    assert await aside(SMALL, threading.get_ident) == here
    assert await aside(SMALL + 1, threading.get_ident) != here


async def test_the_loop_goes_on_while_big_work_is_done():
    turns = 0

    async def turn():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0.01)

    turning = asyncio.create_task(turn())
    await aside(SMALL + 1, time.sleep, 0.3)
    turning.cancel()
    assert turns > 5


async def test_what_the_work_says_is_said():
    def refuse():
        raise BadInput("no", field="documents")

    with pytest.raises(BadInput, match="no"):
        await aside(SMALL + 1, refuse)
