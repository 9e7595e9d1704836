"""Signing in at the company's own provider: OpenID Connect by authorization code with PKCE, through Authlib."""

import asyncio
import logging
import time
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import httpx
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import BadSignatureError, InvalidKeyIdError
from joserfc.jwk import KeySet

from onboarding.errors import ProviderUnavailable, SignInRefused

ALGORITHMS: Final = ("RS256", "PS256", "ES256", "EdDSA")
"""Signatures that are taken; never ``none``, never one by the shared secret."""
REMEMBERED: Final = 600.0
"""Seconds for which the provider's description and keys are kept."""
LEEWAY: Final = 60
DEADLINE: Final = 10.0
"""Seconds for each of: its description with its keys, and a code's token."""
_log = logging.getLogger("onboard.oidc")


class Trip(NamedTuple):
    """What one sign-in carries out and must bring back. All three are secrets of this browser and this try."""

    state: str
    nonce: str
    verifier: str


class _Described(NamedTuple):
    document: dict[str, Any]
    keys: KeySet
    at: float


def is_loopback(url: str) -> bool:
    return urlsplit(url).hostname in ("127.0.0.1", "::1", "localhost")


class Provider:
    """One provider, found by its issuer. ``back`` is where it sends the browser afterwards."""

    def __init__(self, issuer: str, client_id: str, client_secret: str, back: str) -> None:
        self.issuer, self._id, self._secret, self._back = issuer, client_id, client_secret, back
        self._described: _Described | None = None

    async def leave(self, trip: Trip) -> str:
        """The address at the provider to which the browser goes. Raises ProviderUnavailable."""
        document = (await self._describe()).document
        async with self._client() as client:
            url, _ = client.create_authorization_url(
                document["authorization_endpoint"], state=trip.state, nonce=trip.nonce, code_verifier=trip.verifier
            )
        return str(url)

    async def arrive(self, code: str, trip: Trip) -> str:
        """The verified address of whoever comes back with ``code``. Raises SignInRefused, ProviderUnavailable."""
        token = await self._token(code, trip)
        try:
            claims = await self._claims(str(token["id_token"]), str(token.get("access_token", "")), trip.nonce)
        except ProviderUnavailable:
            raise
        except Exception as error:  # a vendor's exception never leaves its module, and says nothing to the browser
            _log.warning("sign-in refused: %s", type(error).__name__)
            raise SignInRefused() from error
        if claims.get("email_verified") is not True or not isinstance(claims.get("email"), str):
            raise SignInRefused("The provider has not verified your e-mail address.")
        return str(claims["email"])

    async def _token(self, code: str, trip: Trip) -> dict[str, Any]:
        """What the provider gives for ``code``. Raises SignInRefused where it says no."""
        described = await self._describe()
        try:
            async with asyncio.timeout(DEADLINE), self._client() as client:
                token: dict[str, Any] = await client.fetch_token(
                    described.document["token_endpoint"], code=code, code_verifier=trip.verifier
                )
            return token
        except OAuthError as error:
            _log.warning("sign-in refused: %s", type(error).__name__)
            raise SignInRefused() from error
        except Exception as error:  # a vendor's exception never leaves its module
            _log.warning("the sign-in provider gave no token: %s", type(error).__name__)
            raise ProviderUnavailable() from error

    async def _claims(self, token: str, access_token: str, nonce: str) -> dict[str, Any]:
        """The claims, once signature, issuer, audience, time and nonce were looked at."""
        keys = (await self._describe()).keys
        try:
            read = jwt.decode(token, keys, algorithms=list(ALGORITHMS))
        except (InvalidKeyIdError, BadSignatureError):  # the provider may have a new one
            read = jwt.decode(token, (await self._describe(anew=True)).keys, algorithms=list(ALGORITHMS))
        wanted = {"iss": {"essential": True, "value": self.issuer}, "aud": {"essential": True, "value": self._id}}
        params = {"nonce": nonce, "client_id": self._id, "access_token": access_token}
        claims = CodeIDToken(read.claims, read.header, wanted, params)
        claims.validate(leeway=LEEWAY)
        return dict(claims)

    async def _describe(self, *, anew: bool = False) -> _Described:
        known = self._described
        if known is not None and not anew and time.monotonic() - known.at < REMEMBERED:
            return known
        try:
            async with asyncio.timeout(DEADLINE), self._plain() as http:
                document = await _json(http, f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
                if document["issuer"] != self.issuer:
                    raise ValueError("the provider calls itself otherwise")
                keys = KeySet.import_key_set(await _json(http, document["jwks_uri"]))
        except Exception as error:  # a vendor's exception never leaves its module
            _log.warning("the sign-in provider cannot be used: %s", type(error).__name__)
            raise ProviderUnavailable() from error
        self._described = _Described(document, keys, time.monotonic())
        return self._described

    def _plain(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(timeout=DEADLINE, trust_env=not is_loopback(self.issuer))

    def _client(self) -> Any:
        return AsyncOAuth2Client(
            client_id=self._id,
            client_secret=self._secret,
            scope="openid email",
            redirect_uri=self._back,
            code_challenge_method="S256",
            timeout=DEADLINE,
            trust_env=not is_loopback(self.issuer),
        )


async def _json(http: httpx.AsyncClient, url: str) -> Any:
    answer = await http.get(url)
    answer.raise_for_status()
    return answer.json()
