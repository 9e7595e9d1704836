"""Several products over one PostgreSQL in one process, none of which moves anything unless it is told to advance."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from graph.service import Actor
from graph.wiring import Product, open_product
from harness.merchants import merchant
from onboarding.decision import Decision
from onboarding.door import make_part
from onboarding.settings import Settings

ANN, SHOP = Actor("ann@desk.example.com", "reviewer"), Actor("shop", "backend")
Open = Callable[..., Any]


@asynccontextmanager
async def replicas(folder: Path, url: str, services: str) -> AsyncIterator[Open]:
    """``await open(name, **settings)`` opens one more; ``clock`` is its host's."""
    async with AsyncExitStack() as stack:

        async def one_more(name: str, **more: Any) -> Product:
            clock = {"clock": more.pop("clock")} if "clock" in more else {}
            given = {
                "data_dir": folder / name,
                "database_url": url,
                "secret_key": "one and the same",
                "rule_processes": 0,
                "svc1_url": f"{services}/svc1",
                "svc2_url": f"{services}/svc2",
                "reviewers": "ann@desk.example.com",
                "lease_seconds": 2,
            }
            settings = Settings.model_validate(given | more)
            return await stack.enter_async_context(open_product(settings, self_url=services, **clock))

        yield one_more


async def submitted(product: Product, name: str) -> str:
    found, _ = await product.service.submit(SHOP, [[make_part(merchant(name), "json")]], key=None)
    return found[0].id


async def approved(product: Product, name: str) -> str:
    """A case that waits to be activated."""
    case_id = await submitted(product, name)
    await product.runner.advance(case_id)
    await product.service.decide(ANN, case_id, Decision(action="approve"), review_id=None, channel="api")
    return case_id


def misbehave(services: str, **fault: Any) -> None:
    httpx.post(f"{services}/faults", json=fault, timeout=10).raise_for_status()


def seen_of(services: str, case_id: str, what: str = "effects") -> list[str]:
    """The services that remember an effect (or a call) of this case, once for each."""
    log = httpx.get(f"{services}/log", timeout=10).json()
    return sorted(row["service"] for row in log[what] if row["case_id"] == case_id)
