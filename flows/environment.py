"""What Prefect reads from the environment, set from our settings before Prefect is imported anywhere."""

import gc
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
    "PREFECT_SERVER_DATABASE_SQLALCHEMY_POOL_SIZE": "15",
    "PREFECT_SERVER_DATABASE_SQLALCHEMY_MAX_OVERFLOW": "5",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_ENABLED": "false",
    "PREFECT_SERVER_EVENTS_STREAM_OUT_ENABLED": "false",
    "PREFECT_SERVER_LOGS_STREAM_OUT_ENABLED": "false",
}
"""Nothing is reported to anybody, nothing is pickled, no result is kept, no log line leaves the process.

Places of limits are kept in a file: in the server's memory they would be taken for ever once it is restarted.

A run is never cancelled from Prefect's side: cases end by decisions, and Prefect's users are no reviewers. None is ever
paused. So the server looks for neither, and for what is late or silent less often than it would.

Of 15 connections to PostgreSQL it would close ten after each use, and their prepared statements with them.

Steps are shown within a second, all of that second in one transaction, and not each in one of its own. Events make task
runs and move automations, and are not kept besides: that would be most rows, for what the runs' pages and our own
trail say. Nobody listens to them live.
"""


def prepare(settings: Settings) -> None:
    """What is in the environment already stays as it is. Also for all that import Prefect: garbage is sought seldom.

    Cycles are few, and looking for them among all that Prefect loads took a tenth of its server's time.
    """
    gc.set_threshold(20_000, 50, 100)
    ours = dict(DEFAULTS, PREFECT_HOME=str(settings.data_dir / "prefect"), PREFECT_API_URL=settings.prefect_api_url)
    if settings.prefect_auth:
        ours["PREFECT_API_AUTH_STRING"] = ours["PREFECT_SERVER_API_AUTH_STRING"] = settings.prefect_auth
    for name, value in ours.items():
        os.environ.setdefault(name, value)
