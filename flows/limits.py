"""The limits on calls to the outside world, as global concurrency limits of Prefect's server."""

from prefect.client.orchestration import PrefectClient
from prefect.exceptions import ObjectNotFound

from graph.turns import LIMITED, limit_name
from onboarding.settings import Settings


async def limit(client: PrefectClient, settings: Settings) -> list[str]:
    """Make, change or take away each limit as ``settings`` say; returns a line for each that there is now."""
    told = [] if settings.limit_cases is None else [f"limit of the work pool: {settings.limit_cases} cases at once"]
    for what in LIMITED:
        most, name = getattr(settings, f"limit_{what}"), limit_name(what)
        if most is not None:
            await client.upsert_global_concurrency_limit_by_name(name, most)
            told.append(f"limit {name}: {most} calls at once")
            continue
        try:
            await client.delete_global_concurrency_limit_by_name(name)
        except ObjectNotFound:
            continue
    return told
