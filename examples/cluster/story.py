"""What happens to the cases: submitted, decided as planned, and compared with what became of them."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import httpx

from benchmarks.applications import application

Plan = Literal["approve", "reject", "ask"]
ENDS: Final[dict[Plan, str]] = {"approve": "active", "ask": "active", "reject": "rejected"}
PLANS: Final[Sequence[Plan]] = ("approve", "approve", "reject", "approve", "ask")
AT_ONCE: Final = 8
AGAIN_SECONDS: Final = 0.3


@dataclass
class Case:
    """One merchant: what is planned, and what was seen. ``tries`` counts requests that had to be repeated."""

    number: int
    plan: Plan
    id: str = ""
    status: str = ""
    seconds: float = 0.0
    tries: int = 0


@dataclass
class Client:
    """A backend and a reviewer who repeat what was not answered: the same key, the same decision."""

    http: httpx.AsyncClient
    repeated: int = 0
    going: Counter[str] = field(default_factory=Counter)

    async def ask(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        """The answer, however often the connection breaks or a replica is not ready."""
        while True:
            try:
                answer = await self.http.request(method, path, **request)
                if answer.status_code < 500:
                    return {"code": answer.status_code, **answer.json()}
            except httpx.TransportError:
                pass
            self.repeated += 1
            await asyncio.sleep(AGAIN_SECONDS)

    async def come(self, case: Case, *statuses: str) -> dict[str, Any]:
        """The case once it has come to one of these."""
        while True:
            found = await self.ask("GET", f"/v1/cases/{case.id}", params={"wait": 5})
            case.status = str(found.get("status"))
            if case.status in statuses:
                return found
            await asyncio.sleep(0.1)


@asynccontextmanager
async def client(url: str, token: str) -> AsyncIterator[Client]:
    """Connections are not kept: each request may meet another replica."""
    headers = {"Authorization": f"Bearer {token}"}
    limits = httpx.Limits(max_keepalive_connections=0)
    async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=15, limits=limits) as http:
        yield Client(http)


async def live(api: Client, case: Case) -> None:
    """One case from its submission to its end."""
    started = asyncio.get_running_loop().time()
    key = {"Idempotency-Key": f"cluster-{case.number}"}
    made = await api.ask("POST", "/v1/cases", json=application(case.number), headers=key)
    case.id = str(made["id"])
    waiting = await api.come(case, "in_review")
    if case.plan == "ask":
        asked = [{"path": "business_description", "text": "What is sold?"}]
        await _decide(api, case, waiting, "request_information", request=asked)
        await api.come(case, "awaiting_information")
        answer = {"answers": {"business_description": "Bread, cakes and coffee, sold over the counter."}}
        await api.ask("POST", f"/v1/cases/{case.id}/information", json=answer, headers={"Idempotency-Key": case.id})
        waiting = await api.come(case, "in_review")
    await _decide(api, case, waiting, "reject" if case.plan == "reject" else "approve")
    await api.come(case, ENDS[case.plan], "activation_failed", "quarantined")
    case.seconds = asyncio.get_running_loop().time() - started


async def _decide(api: Client, case: Case, waiting: dict[str, Any], action: str, **more: Any) -> None:
    body = {"action": action, "review_id": waiting["review"]["id"]} | more
    await api.ask("POST", f"/v1/cases/{case.id}/decision", json=body)


async def live_all(api: Client, cases: Sequence[Case], trouble: Callable[[int], Awaitable[None]]) -> None:
    """All of them, some at once; ``trouble`` is told after each how many ended."""
    limit, ended = asyncio.Semaphore(AT_ONCE), 0

    async def one(case: Case) -> None:
        nonlocal ended
        async with limit:
            await live(api, case)
        ended += 1
        await trouble(ended)

    await asyncio.gather(*map(one, cases))


def broken(cases: Sequence[Case], effects: Sequence[dict[str, Any]]) -> list[str]:
    """Every promise that was not kept, as a sentence. ``effects`` is what stands at the sandbox."""
    found = [
        f"case {case.id or case.number} was to be {ENDS[case.plan]} and is {case.status or 'lost'}"
        for case in cases
        if case.status != ENDS[case.plan]
    ]
    standing = Counter((row["case_id"], row["service"]) for row in effects if row["status"] == "active")
    keys = Counter(row["key"] for row in effects)
    for case in cases:
        wanted = 1 if ENDS[case.plan] == "active" else 0
        for service in ("svc1", "svc2"):
            if standing[case.id, service] != wanted:
                found.append(f"{service} has {standing[case.id, service]} activations of {case.id}, not {wanted}")
    found += [f"{count} effects under the key {key}" for key, count in keys.items() if count > 1]
    found += [f"{id_} stands at {svc} and was never submitted" for id_, svc in standing if id_ not in _ids(cases)]
    return found


def _ids(cases: Sequence[Case]) -> set[str]:
    return {case.id for case in cases}
