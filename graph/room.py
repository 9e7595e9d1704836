"""A pool that does not fit the server is told at the start, with its figure and its knob, and not at the worst time."""

import logging
from typing import Final

from checkpoints import connections
from checkpoints.database import Database
from checkpoints.postgres import BESIDE_THE_POOL
from onboarding.settings import BadSettings, Settings

OF_A_QUEUE: Final = 8
"""What Procrastinate takes beside."""
_log = logging.getLogger("onboard.wiring")


def each(settings: Settings) -> int:
    """Connections that one process takes at most."""
    queue = OF_A_QUEUE if settings.engine == "procrastinate" else 0
    return settings.database_pool + BESIDE_THE_POOL + queue


async def check_room(db: Database, settings: Settings) -> None:
    """Warn when all processes that run now may together want more than there is.

    Raises BadSettings when this one alone does.
    """
    if (owner := db.owner) is None:
        return
    found, mine = await db.read(lambda tx: connections.room(tx, owner)), each(settings)
    if mine > found.most:
        raise BadSettings(
            f"ONBOARD_DATABASE_POOL: {settings.database_pool} makes {mine} connections, and the server gives "
            f"{found.most} to all. Lower it, or raise max_connections."
        )
    if (problem := crowded(found, mine)) is not None:
        _log.warning("%s", problem)


def crowded(found: connections.Room, mine: int) -> str | None:
    """What is wrong and what to do, None when everybody fits."""
    wanted = found.wanted(mine)
    if wanted <= found.most:
        return None
    return (
        f"{found.others + 1} processes of {mine} connections and {found.strangers} of others may want {wanted}; the "
        f"server gives {found.most}: lower ONBOARD_DATABASE_POOL, or raise max_connections"
    )
