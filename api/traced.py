"""Each request as a span, by its route and never by its path, which may hold a token."""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from onboarding import tracing

TRUSTED: Final = "/v1/"
"""Whoever calls there has a token: its trace is continued. A link in a letter or a browser begins one of its own."""
UNSEEN: Final = ("/healthz", "/readyz", "/metrics", "/static", "/sandbox")


class Traced:
    """ASGI middleware around everything."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not tracing.on() or scope["path"].startswith(UNSEEN):
            await self.app(scope, receive, send)
            return
        method = scope["method"]
        with tracing.span(method, kind="server", received=_received(scope), http__request__method=method) as span:

            async def noted(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.note(http__response__status_code=message["status"])
                await send(message)

            try:
                await self.app(scope, receive, noted)
            finally:
                if route := getattr(scope.get("route"), "path", None):
                    span.rename(f"{method} {route}")
                    span.note(http__route=route)


def _received(scope: Scope) -> dict[str, str]:
    """The headers that name the caller's trace."""
    if not scope["path"].startswith(TRUSTED):
        return {}
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    return {name: headers[name] for name in ("traceparent", "tracestate") if name in headers}
