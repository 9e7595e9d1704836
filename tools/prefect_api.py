"""The few calls to a Prefect server that start flow runs and count who calls whom.

Plain HTTP: who only triggers needs no Prefect installed.
"""

from collections.abc import Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Literal

import httpx

from onboarding.errors import BadInput, ServiceRefused, ServiceUnavailable
from onboarding.model import Value

Phase = Literal["scheduled", "running", "ended"]
SECONDS: Final = 10.0
"""Longest call. Nobody waits for one: triggers are sent in the background."""
AT_ONCE: Final = 100
SHORTEST_LEASE: Final = 60.0
"""Seconds; the server gives none that is shorter."""
LOCKED: Final = 423
_PHASES: Final[dict[str, Phase]] = {
    "SCHEDULED": "scheduled",
    "PENDING": "running",
    "RUNNING": "running",
    "PAUSED": "running",
    "CANCELLING": "running",
}


class Run(Value):
    """A flow run: ``key`` is its idempotency key; ``seconds`` it has been in its state, by the server's clock alone."""

    id: str
    key: str
    phase: Phase
    seconds: float


class PrefectApi:
    """A pooled client of the server at ``url`` (``http://host:4200/api``); ``auth`` is its ``user:password``."""

    def __init__(self, url: str, auth: str | None = None) -> None:
        base = httpx.URL(url.rstrip("/"))
        if base.scheme not in ("http", "https") or not base.host:
            raise BadInput("The URL of Prefect's API must be http:// or https:// with a host.")
        user, _, password = (auth or "").partition(":")
        self._http = httpx.AsyncClient(
            base_url=base,
            auth=(user, password) if auth else None,
            timeout=SECONDS,
            trust_env=False,
            limits=httpx.Limits(max_connections=8, keepalive_expiry=3.0),
        )
        self._deployments: dict[str, str] = {}

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def trigger(
        self, deployment: str, *, key: str, name: str, parameters: dict[str, Any], tags: Sequence[str]
    ) -> Run:
        """Start a run of ``deployment`` (``flow/name``) under ``key``: the same key again is the same run as it is.

        Raises ServiceUnavailable, and ServiceRefused where the server knows no such deployment.
        """
        body = {
            "idempotency_key": key,
            "name": name,
            "parameters": parameters,
            "enforce_parameter_schema": False,  # ours are right; those of Prefect's pages are checked
            "tags": list(tags),
        }
        try:
            path = f"/deployments/{await self._id(deployment)}/create_flow_run"
            return _run(*await self._call("POST", path, body))
        except ServiceRefused:
            self._deployments.pop(deployment, None)  # the server may have been set up anew
            raise

    async def runs(self, keys: Sequence[str]) -> dict[str, Run]:
        """The runs under these idempotency keys, by key. Raises like :meth:`trigger`."""
        found: dict[str, Run] = {}
        for start in range(0, len(keys), AT_ONCE):
            some = list(keys[start : start + AT_ONCE])
            body = {"flow_runs": {"idempotency_key": {"any_": some}}, "limit": AT_ONCE}
            rows, now = await self._call("POST", "/flow_runs/filter", body)
            found |= {row["idempotency_key"]: _run(row, now) for row in rows}
        return found

    async def take(self, limit: str, seconds: float) -> str | None:
        """A place of the limit of that name for ``seconds``: its lease, None while all are taken.

        Raises ServiceUnavailable, and ServiceRefused where nobody deployed the limit.
        """
        body = {"names": [limit], "slots": 1, "mode": "concurrency", "lease_duration": max(SHORTEST_LEASE, seconds)}
        try:
            lease, _ = await self._call("POST", "/v2/concurrency_limits/increment-with-lease", body)
        except ServiceRefused as refused:
            if refused.extra["status"] == LOCKED:
                return None
            raise
        if not lease["limits"]:
            raise ServiceRefused(f"Prefect's server knows no limit {limit}: run `python -m flows.deploy`.")
        return str(lease["lease_id"])

    async def give(self, lease: str) -> None:
        """Give a place back; one that is free already stays so. Raises like :meth:`take`."""
        await self._call("POST", "/v2/concurrency_limits/decrement-with-lease", {"lease_id": lease})

    async def _id(self, deployment: str) -> str:
        if deployment not in self._deployments:
            row, _ = await self._call("GET", f"/deployments/name/{deployment}")
            self._deployments[deployment] = row["id"]
        return self._deployments[deployment]

    async def _call(self, method: str, path: str, body: Any = None) -> tuple[Any, datetime]:
        """The answer, and the time it was given at."""
        try:
            answer = await self._http.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise ServiceUnavailable(f"Prefect's server cannot be reached: {type(error).__name__}.") from error
        if answer.status_code in (408, 429) or answer.status_code >= 500:
            raise ServiceUnavailable(f"Prefect's server answered {answer.status_code}.")
        if answer.status_code >= 400:
            told = f"Prefect's server refused {method} {path} with {answer.status_code}."
            raise ServiceRefused(told, status=answer.status_code)
        try:
            return answer.json() if answer.content else None, parsedate_to_datetime(answer.headers["Date"])
        except (ValueError, KeyError) as error:
            raise ServiceUnavailable("Prefect's server answered with something else than JSON.") from error


def _run(row: Any, now: datetime) -> Run:
    state = row.get("state") or {}
    since = datetime.fromisoformat(state.get("timestamp") or row["created"])
    phase = _PHASES.get(row.get("state_type") or "SCHEDULED", "ended")
    return Run(id=row["id"], key=row.get("idempotency_key") or "", phase=phase, seconds=(now - since).total_seconds())
