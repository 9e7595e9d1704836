"""What Prefect's server does by itself when something happened, or did not."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState, RunDeployment, SendNotification
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.exceptions import ObjectNotFound

from flows.segment import NOT_ACTIVATED, SET_ASIDE
from onboarding.settings import BadSettings, Settings

SILENCE: Final = timedelta(seconds=90)
"""Three signs of life missed."""
NEW_LIST: Final = "onboard.watchlist.changed"
"""The event that whoever puts a new list in place may emit, so that it is used at once and not minutes later."""
SUBJECT: Final = "Onboarding: {{ flow_run.state.name }}"
BODY: Final = "Flow run {{ flow_run.name }}: {{ flow_run.state.message }}"


async def automate(client: PrefectClient, settings: Settings, ids: Mapping[str, UUID]) -> list[str]:
    """Make or update every automation; ``ids``: deployments by flow. Returns their names. Raises BadSettings.

    One that is as it should be is not touched: whoever updates it makes the server forget which runs it waits to hear
    of, and a run whose worker died just then would count as running for ever.
    """
    told = []
    for wanted in _automations(ids, await _block(client, settings.prefect_notify)):
        found = await client.read_automations_by_name(wanted.name)
        if not found:
            await client.create_automation(wanted)
        elif not _alike(found[0], wanted):
            await client.update_automation(found[0].id, wanted)
        told.append(wanted.name)
    return told


def _alike(found: AutomationCore, wanted: AutomationCore) -> bool:
    named = set(AutomationCore.model_fields)
    return found.model_dump(include=named) == wanted.model_dump(include=named)


async def _block(client: PrefectClient, notify: str | None) -> UUID | None:
    """The notification block that operators have made in Prefect. Raises BadSettings when there is none of the name."""
    if notify is None:
        return None
    type_, _, name = notify.partition("/")
    try:
        return (await client.read_block_document_by_name(name, type_, include_secrets=False)).id
    except ObjectNotFound:
        raise BadSettings(f"ONBOARD_PREFECT_NOTIFY: Prefect's server has no block {notify}.") from None


def _automations(ids: Mapping[str, UUID], block: UUID | None) -> Iterator[AutomationCore]:
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
        trigger=_when(NEW_LIST),
        actions=[RunDeployment(source="selected", deployment_id=ids["rescreen"])],
    )
    actions: list[Any] = [RunDeployment(source="selected", deployment_id=ids["relay"])]
    if block is not None:
        actions.append(SendNotification(block_document_id=block, subject=SUBJECT, body=BODY))
    yield AutomationCore(
        name="onboard: a failed activation is told at once",
        description="The letters about it leave now, and operators hear of it where ONBOARD_PREFECT_NOTIFY says.",
        trigger=_when(f"prefect.flow-run.{NOT_ACTIVATED}", f"prefect.flow-run.{SET_ASIDE}"),
        actions=actions,
    )


def _when(*events: str) -> EventTrigger:
    """As soon as one of these happens."""
    return EventTrigger(
        posture=Posture.Reactive, expect=set(events), match={}, threshold=1, within=timedelta(seconds=0)
    )
