"""Work pool, queues, deployments, schedules, limits and automations, as code."""

import inspect
from datetime import timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolCreate
from prefect.client.schemas.schedules import IntervalSchedule
from prefect.exceptions import ObjectAlreadyExists
from prefect.flows import Flow
from prefect.utilities.callables import parameter_schema

from flows import housekeeping
from flows.automations import automate
from flows.environment import POOL
from flows.in_process import InProcessWorker
from flows.limits import limit
from flows.onboarding import onboarding
from flows.pre_onboarding import pre_onboarding
from onboarding.settings import Settings


class Deployment(NamedTuple):
    """One flow: its queue, and how often the clock starts it."""

    flow: Flow[Any, Any]
    queue: str
    every: timedelta | None = None


QUEUES: Final = {"onboarding": 1, "housekeeping": 2, "pre-onboarding": 3}
"""Queues by priority: what a person decided goes before what just came in."""
DEPLOYMENTS: Final = (
    Deployment(pre_onboarding, "pre-onboarding"),
    Deployment(onboarding, "onboarding"),
    Deployment(housekeeping.sweep, "housekeeping", timedelta(seconds=20)),
    Deployment(housekeeping.expire, "housekeeping", timedelta(seconds=60)),
    Deployment(housekeeping.chase, "housekeeping", timedelta(minutes=5)),
    Deployment(housekeeping.rescreen, "housekeeping", timedelta(minutes=10)),
    Deployment(housekeeping.relay, "housekeeping", timedelta(seconds=60)),
    Deployment(housekeeping.seal, "housekeeping", timedelta(seconds=60)),
    Deployment(housekeeping.prune, "housekeeping", timedelta(hours=1)),
)


async def deploy(settings: Settings) -> list[str]:
    """Make or update everything; returns a line for each thing."""
    told: list[str] = []
    async with get_client() as client:
        await _pool(client, settings.limit_cases)
        told.append(f"work pool {POOL} ({InProcessWorker.type}), queues {', '.join(QUEUES)}")
        ids = {}
        for deployment in DEPLOYMENTS:
            ids[deployment.flow.name] = await _deployment(client, deployment)
            clock = f" every {deployment.every}" if deployment.every else ""
            told.append(f"deployment {deployment.flow.name}/{deployment.flow.name}{clock}")
        told += await limit(client, settings)
        told += [f"automation {name}" for name in await automate(client, settings, ids)]
    return told


async def _pool(client: PrefectClient, limit: int | None) -> None:
    pool = WorkPoolCreate(
        name=POOL,
        type=InProcessWorker.type,
        base_job_template=InProcessWorker.get_default_base_job_template(),
        description="Segments of cases, and what the clock starts.",
        concurrency_limit=limit,
    )
    await client.create_work_pool(pool, overwrite=True)
    for name, priority in QUEUES.items():
        try:
            await client.create_work_queue(name=name, work_pool_name=POOL, priority=priority)
        except ObjectAlreadyExists:
            continue


async def _deployment(client: PrefectClient, deployment: Deployment) -> UUID:
    flow = deployment.flow
    clock = IntervalSchedule(interval=deployment.every) if deployment.every else None
    schedules = [DeploymentScheduleCreate(schedule=clock, slug="clock", max_scheduled_runs=2)] if clock else []
    return await client.create_deployment(
        flow_id=await client.create_flow(flow),
        name=flow.name,
        schedules=schedules,
        description=inspect.getdoc(flow.fn),
        work_queue_name=deployment.queue,
        work_pool_name=POOL,
        tags=["onboard"],
        path=".",
        entrypoint=f"{flow.fn.__module__}:{flow.fn.__name__}",
        parameter_openapi_schema=parameter_schema(flow.fn).model_dump_for_openapi(),
        enforce_parameter_schema=True,
    )
