"""A small OpenID Connect provider, and everything that can be wrong with one."""

import asyncio
import base64
import hashlib
import secrets
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any, Literal
from urllib.parse import parse_qs, urlencode

import uvicorn
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from api.serve import bind

CLIENT, SECRET = "desk", "a-secret-of-the-desk-and-the-provider-alone"


class FakeProvider:
    """Signs everybody in as ``email``. ``claims`` overrides the token's; ``key`` signs; ``called`` is its name.

    ``broken``: what its token endpoint does instead of answering.
    """

    def __init__(self, url: str) -> None:
        self.url, self.called = url, url
        self.keys = KeySet([RSAKey.generate_key(2048, auto_kid=True)])
        self.key: Any = self.keys.keys[0]
        self.algorithm = "RS256"
        self.email = "ann@reviewers.example"
        self.claims: dict[str, Any] = {}
        self.broken: Literal["", "fails", "drips"] = ""
        self.codes: dict[str, dict[str, str]] = {}
        routes = [
            Route("/.well-known/openid-configuration", self.describe),
            Route("/keys", self.public),
            Route("/authorize", self.authorize),
            Route("/token", self.token, methods=["POST"]),
        ]
        self.app = Starlette(routes=routes)

    async def describe(self, _: Request) -> Response:
        ends = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        return JSONResponse({"issuer": self.called} | {name: f"{self.url}/{path}" for name, path in ends.items()})

    async def public(self, _: Request) -> Response:
        return JSONResponse(self.keys.as_dict(private=False))

    async def authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        assert asked["client_id"] == CLIENT
        assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}", 303)

    async def token(self, request: Request) -> Response:
        if self.broken == "fails":
            return Response(status_code=503)
        if self.broken == "drips":
            return StreamingResponse(_drops(), media_type="application/json")
        sent = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        client = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        asked = self.codes.pop(sent.get("code", ""), None)
        proof = base64.urlsafe_b64encode(hashlib.sha256(sent.get("code_verifier", "").encode()).digest()).rstrip(b"=")
        if (
            request.headers.get("authorization") != f"Basic {client}"
            or asked is None
            or asked["redirect_uri"] != sent.get("redirect_uri")
            or asked["code_challenge"] != proof.decode()
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(time.time())
        claims = {"iss": self.url, "sub": "u1", "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"]}
        claims |= {"email": self.email, "email_verified": True} | self.claims
        header = {"alg": self.algorithm, "kid": self.keys.keys[0].kid}
        signed = jwt.encode(header, claims, self.key, algorithms=[self.algorithm])
        return JSONResponse({"access_token": "at", "token_type": "Bearer", "id_token": signed})


async def _drops() -> AsyncIterator[bytes]:
    while True:
        yield b" "
        await asyncio.sleep(0.05)


@contextmanager
def provider() -> Iterator[FakeProvider]:
    """Running on a free port."""
    listener = bind("127.0.0.1", 0)
    found = FakeProvider(f"http://127.0.0.1:{listener.getsockname()[1]}")
    server = uvicorn.Server(uvicorn.Config(found.app, log_config=None, lifespan="off"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()
