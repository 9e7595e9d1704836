"""A limit over all processes is kept by Prefect, or refused: never taken and not kept."""

from contextlib import AsyncExitStack

import pytest

from graph.turns import prefect, turn
from onboarding.settings import BadSettings, Settings
from tools.limit import free


@pytest.mark.parametrize("engine", ["local", "procrastinate"])
@pytest.mark.parametrize("what", ["cases", "svc1", "svc2", "model"])
async def test_a_limit_that_nobody_would_keep_is_refused_by_its_name(engine, what):
    settings = Settings(engine=engine, **{f"limit_{what}": 2})
    async with AsyncExitStack() as stack:
        with pytest.raises(BadSettings, match=f"ONBOARD_LIMIT_{what.upper()} takes ONBOARD_ENGINE=prefect"):
            prefect(settings, stack)


@pytest.mark.parametrize("engine", ["local", "procrastinate", "prefect"])
async def test_without_a_limit_nobody_waits_for_a_turn(engine):
    settings = Settings(engine=engine)
    async with AsyncExitStack() as stack:
        api = prefect(settings, stack)
        assert (api is not None) == (engine == "prefect")
        assert turn(settings, "svc1", api, stack) is free
