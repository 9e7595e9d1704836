"""What Prefect's server does by itself when something happened, or did not."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState, RunDeployment
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture

SILENCE: Final = timedelta(seconds=90)
"""Three signs of life missed."""
NEW_LIST: Final = "onboard.watchlist.changed"
"""The event that whoever puts a new list in place may emit, so that it is used at once and not minutes later."""


async def automate(client: PrefectClient, rescreen: UUID) -> list[str]:
    """Make or update every automation; returns their names."""
    told = []
    for wanted in _automations(rescreen):
        found = await client.read_automations_by_name(wanted.name)
        if found:
            await client.update_automation(found[0].id, wanted)
        else:
            await client.create_automation(wanted)
        told.append(wanted.name)
    return told


def _automations(rescreen: UUID) -> Iterator[AutomationCore]:
    yield AutomationCore(
        name="onboard: a run without a sign of life is tried again",
        description="Its worker died or hangs. The case itself is found by the sweep, whatever becomes of this run.",
        trigger=EventTrigger(
            posture=Posture.Proactive,
            after={"prefect.flow-run.Running", "prefect.flow-run.heartbeat"},
            expect={"prefect.flow-run.*"},
            for_each={"prefect.resource.id"},
            match={"prefect.resource.id": "prefect.flow-run.*"},
            within=SILENCE,
            threshold=1,
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.SCHEDULED, name="AwaitingRetry", message="No sign of life for 90 s.", force=True
            )
        ],
    )
    yield AutomationCore(
        name="onboard: a new list is screened with at once",
        description=f"Whoever puts a new list in place emits {NEW_LIST}.",
        trigger=EventTrigger(
            posture=Posture.Reactive, expect={NEW_LIST}, match={}, threshold=1, within=timedelta(seconds=0)
        ),
        actions=[RunDeployment(source="selected", deployment_id=rescreen)],
    )
