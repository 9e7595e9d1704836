"""What Prefect reads from the environment, set from our settings before Prefect is imported anywhere."""

import os
from typing import Final

from onboarding.settings import Settings

POOL: Final = "onboard"
DEFAULTS: Final = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
    "PREFECT_WORKER_QUERY_SECONDS": "0.2",
    "PREFECT_WORKER_ENABLE_CANCELLATION": "false",
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    "PREFECT_SERVER_EVENTS_PROACTIVE_GRANULARITY": "PT10S",
    "PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_LATE_RUNS_LOOP_SECONDS": "15",
    "PREFECT_SERVER_SERVICES_SCHEDULER_RECENT_DEPLOYMENTS_LOOP_SECONDS": "30",
}
"""Nothing is reported to anybody, nothing is pickled, no result is kept, no log line leaves the process.

Places of limits are kept in a file: in the server's memory they would be taken for ever once it is restarted.

A run is never cancelled from Prefect's side: cases end by decisions, and Prefect's users are no reviewers. None is ever
paused. So the server looks for neither, and for what is late or silent less often than it would.
"""


def prepare(settings: Settings) -> None:
    """What is in the environment already stays as it is."""
    ours = dict(DEFAULTS, PREFECT_HOME=str(settings.data_dir / "prefect"), PREFECT_API_URL=settings.prefect_api_url)
    if settings.prefect_auth:
        ours["PREFECT_API_AUTH_STRING"] = ours["PREFECT_SERVER_API_AUTH_STRING"] = settings.prefect_auth
    for name, value in ours.items():
        os.environ.setdefault(name, value)
