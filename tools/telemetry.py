"""Spans as OpenTelemetry has them, sent to a collector over OTLP/HTTP. Imported only where tracing is switched on.

The provider is our own and never the process's global one: what other libraries would put into a span is theirs.
A collector that is away costs nothing but the spans.
"""

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from onboarding import tracing
from onboarding.tracing import Attribute, Kind

EXPORT_SECONDS: Final = 5.0
"""Longest try to reach the collector; at the end of a process too."""
_KINDS: Final = {
    "internal": trace.SpanKind.INTERNAL,
    "server": trace.SpanKind.SERVER,
    "client": trace.SpanKind.CLIENT,
}
_WIRE: Final = TraceContextTextMapPropagator()


class _Span:
    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def note(self, **attributes: Attribute) -> None:
        """Add attributes."""
        self._span.set_attributes(tracing.named(attributes))

    def rename(self, name: str) -> None:
        """Rename it."""
        self._span.update_name(name)


class Telemetry:
    """A tracer over one OpenTelemetry provider."""

    def __init__(self, processor: SpanProcessor, share: float = 1.0) -> None:
        about = {"service.name": "onboard", "service.instance.id": f"{socket.gethostname()}:{os.getpid()}"}
        self._provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(share)), resource=Resource.create(about), shutdown_on_exit=False
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("onboard")

    def close(self) -> None:
        """Send what is left. Blocks, for some seconds at most."""
        self._provider.shutdown()

    @contextmanager
    def span(
        self,
        name: str,
        kind: Kind,
        attributes: Mapping[str, Attribute],
        parent: str | None,
        link: str | None,
        received: Mapping[str, str] | None,
    ) -> Iterator[_Span]:
        """As :func:`onboarding.tracing.span` says."""
        under = _context({"traceparent": parent}) if parent else _context(received) if received is not None else None
        with self._tracer.start_as_current_span(
            name,
            context=under,
            kind=_KINDS[kind],
            attributes=attributes,
            links=_links(link) if link and link != parent else (),
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield _Span(span)
            except BaseException as error:
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(trace.StatusCode.ERROR)
                raise

    def carried(self) -> str | None:
        """The current span's ``traceparent``. Its ``tracestate`` is left out: it is free text of others."""
        return self.headers().get("traceparent")

    def headers(self) -> dict[str, str]:
        """The current span as the headers of a request."""
        carrier: dict[str, str] = {}
        _WIRE.inject(carrier)
        return carrier


def _context(carrier: Mapping[str, str]) -> Context:
    """The context that the headers name; the root when they name none that is valid."""
    return _WIRE.extract(carrier, context=Context())


def _links(traceparent: str) -> list[trace.Link]:
    context = trace.get_current_span(_context({"traceparent": traceparent})).get_span_context()
    return [trace.Link(context)] if context.is_valid else []


@asynccontextmanager
async def sending(endpoint: str, share: float) -> AsyncIterator[None]:
    """While this is open, spans go to the collector at ``endpoint`` (its base URL); the rest is sent at the end."""
    for name in ("opentelemetry.exporter", "opentelemetry.sdk"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # once a batch, with a traceback: the collector is away
    exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=EXPORT_SECONDS)
    telemetry = Telemetry(BatchSpanProcessor(exporter), share)
    tracing.use(telemetry)
    try:
        yield
    finally:
        tracing.use(None)
        await asyncio.to_thread(telemetry.close)
