"""Reads a merchant's website as evidence, and nothing but the public web (server-side request forgery).

Only http and https on ports 80 and 443, no credentials, no cookies; a name is resolved once, every address must be
public, and the connection goes to the checked address, so a name that changes its mind reaches nothing. Each redirect
is checked the same way. Whatever happens is an outcome, never an exception.
"""

import asyncio
import ssl
import zlib
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

import httpx
from pydantic import Field

from onboarding.model import Value
from tools.addresses import Resolver, public_addresses, resolve
from tools.pagetext import content_type, page_text

Outcome = Literal[
    "ok",
    "not_allowed",
    "not_public",
    "unreachable",
    "http_error",
    "wrong_type",
    "too_large",
    "too_many_redirects",
    "timed_out",
]
MEDIA_TYPES: Final = frozenset({"text/html", "application/xhtml+xml", "text/plain"})
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
PORTS: Final = {"http": 80, "https": 443}
TRIED_ADDRESSES: Final = 2


@dataclass(frozen=True)
class Limits:
    """Seconds, bytes after decompression, and redirects."""

    connect: float = 5.0
    total: float = 10.0
    size: int = 1_000_000
    redirects: int = 3


class Page(Value):
    """What was found. ``hops`` are ``host -> address`` for each connection (the host in ASCII, so look-alikes show);
    ``text`` is what was read, also of a page that was ``too_large`` and cut."""

    url: str
    outcome: Outcome
    status: int | None = None
    final_url: str | None = None
    title: str | None = None
    text: str = ""
    hops: list[str] = Field(default_factory=list)


class _Stop(Exception):
    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        super().__init__(outcome)


class Website:
    """Fetches pages; ``resolver`` and ``transport`` can be handed in. Close it with :meth:`aclose`."""

    def __init__(
        self,
        *,
        resolver: Resolver = resolve,
        transport: httpx.AsyncBaseTransport | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._resolver = resolver
        self._limits = limits or Limits()
        self._transport = transport or httpx.AsyncHTTPTransport(
            verify=_tls(), trust_env=False, limits=httpx.Limits(max_keepalive_connections=0)
        )

    async def aclose(self) -> None:
        """Close what is open."""
        await self._transport.aclose()

    async def fetch(self, url: str) -> Page:
        """The words of the page at ``url`` (an http or https address; a bare host is not completed here)."""
        hops: list[str] = []
        try:
            async with asyncio.timeout(self._limits.total):
                return await self._follow(url, hops)
        except _Stop as stop:
            return Page(url=_shown(url), outcome=stop.outcome, hops=hops)
        except TimeoutError:
            return Page(url=_shown(url), outcome="timed_out", hops=hops)

    async def _follow(self, url: str, hops: list[str]) -> Page:
        target = _checked(url)
        for _ in range(self._limits.redirects + 1):
            response = await self._get(target, hops)
            try:
                location = response.headers.get("location")
                if response.status_code in REDIRECTS and location:
                    target = _checked(location, target)
                    continue
                return await self._read(url, target, response, hops)
            except httpx.HTTPError:
                raise _Stop("unreachable") from None
            finally:
                await response.aclose()
        raise _Stop("too_many_redirects")

    async def _get(self, target: httpx.URL, hops: list[str]) -> httpx.Response:
        host = target.raw_host.decode("ascii")
        port = target.port or PORTS[target.scheme]
        try:
            found = await public_addresses(host, port, self._resolver)
        except PermissionError:
            raise _Stop("not_public") from None
        except (OSError, UnicodeError):
            raise _Stop("unreachable") from None
        for address in found[:TRIED_ADDRESSES]:
            hops.append(f"{host} -> {address}")
            try:
                return await self._transport.handle_async_request(self._request(target, host, address))
            except (httpx.HTTPError, ssl.SSLError):
                continue
        raise _Stop("unreachable")

    def _request(self, target: httpx.URL, host: str, address: str) -> httpx.Request:
        """To the checked address, but with the name in Host and in TLS, which is also checked against it."""
        shown = target.netloc.decode("ascii")
        headers = {"Host": shown, "User-Agent": "onboard-website-check", "Accept": ", ".join(sorted(MEDIA_TYPES))}
        wait = {"connect": self._limits.connect, "read": self._limits.total, "write": self._limits.total}
        return httpx.Request(
            "GET",
            target.copy_with(host=address, fragment=None),
            headers=headers | {"Accept-Encoding": "gzip", "Connection": "close"},
            extensions={"sni_hostname": host, "timeout": wait | {"pool": self._limits.connect}},
        )

    async def _read(self, url: str, target: httpx.URL, response: httpx.Response, hops: list[str]) -> Page:
        found = {"url": _shown(url), "status": response.status_code, "final_url": str(target), "hops": hops}
        if response.status_code != 200:
            return Page(outcome="http_error", **found)
        media_type, charset = content_type(response.headers.get("content-type", "application/octet-stream"))
        if media_type not in MEDIA_TYPES:
            return Page(outcome="wrong_type", **found)
        content = await _content(response, self._limits.size)
        outcome: Outcome = "too_large" if len(content) > self._limits.size else "ok"
        title, text = page_text(content[: self._limits.size], media_type, charset)
        return Page(outcome=outcome, title=title, text=text, **found)


async def _content(response: httpx.Response, size: int) -> bytes:
    """The body, decompressed piece by piece and cut right after ``size`` bytes: a bomb never unfolds."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", "x-gzip"):
        raise _Stop("wrong_type")
    unzip = zlib.decompressobj(31) if encoding != "identity" else None
    content = bytearray()
    try:
        async for raw in response.aiter_raw(65536):
            content += unzip.decompress(raw, size + 1 - len(content)) if unzip else raw
            if len(content) > size:
                break
    except zlib.error:
        raise _Stop("unreachable") from None
    return bytes(content[: size + 1])


def _checked(url: str, base: httpx.URL | None = None) -> httpx.URL:
    """``url`` as an address we may ask. Raises :class:`_Stop`."""
    try:
        target = base.join(url) if base and len(url) <= 2048 else httpx.URL(url[:2049])
        host = target.raw_host.decode("ascii")
    except (httpx.InvalidURL, ValueError, UnicodeError):
        raise _Stop("not_allowed") from None
    plain = len(url) <= 2048 and url.isprintable() and target.scheme in PORTS and host and not target.userinfo
    if not plain or target.port not in (None, 80, 443):
        raise _Stop("not_allowed")
    return target


def _shown(url: str) -> str:
    return url[:2048].encode("utf-8", "replace").decode()


@cache
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)
