"""Whether the server has connections for all processes: each takes a pool of its own and none may be left without."""

from typing import NamedTuple

from sqlalchemy import text

from checkpoints.database import Tx

_LOOK = text("""
SELECT least(
    current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
      - coalesce(current_setting('reserved_connections', true)::int, 0),
    (SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database()),
    (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user)
  ) AS most,
  count(DISTINCT application_name) FILTER (WHERE application_name LIKE 'onboard-%' AND application_name <> :me)
    AS others,
  count(*) FILTER (WHERE application_name NOT LIKE 'onboard-%') AS strangers
FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
""")


class Room(NamedTuple):
    """``most`` connections may be open; ``others`` are processes of ours, ``strangers`` connections of anybody else."""

    most: int
    others: int
    strangers: int

    def wanted(self, each: int) -> int:
        """What is open at most when every process of ours, this one too, takes ``each``."""
        return (self.others + 1) * each + self.strangers


def room(tx: Tx, me: str) -> Room:
    """How it stands now, seen by the process whose connections are called ``me``."""
    return Room(*tx.conn.execute(_LOOK, {"me": me}).one())
