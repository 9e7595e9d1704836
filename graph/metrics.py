"""What an operator watches: cases by status, step durations and failures, how old the outbox and the reviews are."""

from datetime import datetime
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest

from checkpoints import cases, outbox, rescreens, reviews
from checkpoints.database import Tx
from graph.wiring import Product
from onboarding.case import CLOSED
from onboarding.model_call import ModelCall

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
STATUSES: Final = (
    "received",
    "processing",
    "in_review",
    "awaiting_information",
    "activating",
    "quarantined",
    *sorted(CLOSED),
)


class Metrics:
    """One registry per process; the observer of every step."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._seconds = Histogram(
            "onboard_step_seconds", "Duration of a graph step.", ["step"], buckets=BUCKETS, registry=self.registry
        )
        self._failures = Counter(
            "onboard_step_failures_total", "Steps that raised.", ["step", "error"], registry=self.registry
        )
        self._cases = Gauge("onboard_cases", "Cases by status.", ["status"], registry=self.registry)
        self._due = Gauge("onboard_cases_due", "Cases with work due now.", registry=self.registry)
        self._retries = Gauge(
            "onboard_cases_retrying", "Cases whose step is being tried again.", registry=self.registry
        )
        self._outbox = Gauge(
            "onboard_outbox_oldest_seconds", "Age of the oldest letter not yet sent.", registry=self.registry
        )
        self._review = Gauge(
            "onboard_review_oldest_seconds", "Age of the oldest review not yet decided.", registry=self.registry
        )

        self._marked = Gauge(
            "onboard_rescreened_marked", "Active merchants that came up on a newer list.", registry=self.registry
        )
        self._calls = Counter(
            "onboard_model_calls_total", "Calls to the model.", ["step", "outcome"], registry=self.registry
        )
        self._tokens = Counter(
            "onboard_model_tokens_total",
            "Tokens sent to and got from the model.",
            ["direction"],
            registry=self.registry,
        )
        self._cost = Counter(
            "onboard_model_cost_total", "Money the model cost, in the price table's currency.", registry=self.registry
        )
        self._latency = Histogram(
            "onboard_model_call_seconds", "Duration of a call to the model.", buckets=BUCKETS, registry=self.registry
        )

    def model_called(self, call: ModelCall) -> None:
        """Told of every call to the model once it is kept."""
        self._calls.labels(call.step, call.outcome).inc()
        if call.outcome == "gave_up":
            return
        self._tokens.labels("input").inc(call.input_tokens)
        self._tokens.labels("output").inc(call.output_tokens)
        self._cost.inc(float(call.cost))
        self._latency.observe(call.latency_ms / 1000)

    def step(self, name: str, seconds: float, outcome: str) -> None:
        """Told by every step as it ends."""
        self._seconds.labels(name).observe(seconds)
        if outcome != "ok":
            self._failures.labels(name, outcome).inc()

    async def page(self, product: Product) -> bytes:
        """The exposition text, with the ledger's gauges as of now."""
        await product.context.db.scan(self._look)
        return generate_latest(self.registry)

    def _look(self, tx: Tx) -> None:
        counted = cases.counts(tx)
        for status in STATUSES:
            self._cases.labels(status).set(counted.get(status, 0))
        due = cases.due(tx)
        self._due.set(len(due))
        self._retries.set(sum(attempts > 1 for _, attempts in due))
        self._outbox.set(_age(tx, outbox.oldest_queued(tx)))
        self._review.set(_age(tx, reviews.oldest_waiting(tx)))
        self._marked.set(rescreens.marked(tx))


def _age(tx: Tx, since: str | None) -> float:
    return (datetime.fromisoformat(tx.now) - datetime.fromisoformat(since)).total_seconds() if since else 0.0
