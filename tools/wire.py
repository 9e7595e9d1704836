"""HTTP/1.1 to one service: a pool of kept connections, llhttp's parser, nothing between.

A general client spends more on one small request than the service does. Here there is one host, no redirect, no cookie,
no proxy and no encoding; what matters is to know whether a request may have reached the other side.
"""

import asyncio
import ssl
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Final, cast

import httptools
import httpx

KEPT: Final = 32
AT_ONCE: Final = 64
IDLE_SECONDS: Final = 3.0
"""We let idle connections go before a common server (5 s) does: less reuse of a half-closed one."""
MOST_HEADERS: Final = 64 * 1024


class NotSent(Exception):
    """No connection: the request cannot have reached the service."""


class Broken(Exception):
    """The exchange broke off: the request may have been carried out."""


class TooLarge(Broken):
    """The answer is longer than anybody wants to read."""


@dataclass
class Reply:
    """Header names are in lower case; of several with one name the last counts."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)


class Wire:
    """Requests to the service at ``base_url``; ``connect`` and ``read`` (between two pieces) in seconds."""

    def __init__(self, base_url: str, *, connect: float, read: float, most: int, tls: ssl.SSLContext) -> None:
        url = httpx.URL(base_url)
        self._host, self._port = url.raw_host.decode("ascii"), url.port or (443 if url.scheme == "https" else 80)
        self._tls = tls if url.scheme == "https" else None
        self._prefix = url.raw_path.decode("ascii").rstrip("/")
        self._connect, self._read, self._most = connect, read, most
        fixed = {"Host": url.netloc.decode("ascii"), "User-Agent": "onboard", "Accept": "application/json"}
        fixed["Accept-Encoding"] = "identity"
        if url.userinfo:
            fixed["Authorization"] = "Basic " + b64encode(f"{url.username}:{url.password}".encode()).decode("ascii")
        self._fixed = fixed
        self._idle: list[_Connection] = []
        self._open: set[_Connection] = set()
        self._places = asyncio.Semaphore(AT_ONCE)

    async def request(self, method: str, path: str, headers: Mapping[str, str], content: bytes = b"") -> Reply:
        """One exchange. Raises NotSent, Broken (also when no piece of the answer comes in time), TooLarge."""
        message = self._message(method, path, headers, content)
        async with self._places:
            connection = self._kept() or await self._connected()
            try:
                return await connection.exchange(message, self._read)
            finally:
                self._keep(connection)

    async def aclose(self) -> None:
        """Close all connections."""
        for connection in tuple(self._open):
            connection.abort()
        await asyncio.sleep(0)

    def _message(self, method: str, path: str, headers: Mapping[str, str], content: bytes) -> bytes:
        told = {**self._fixed, **headers}
        if content or method != "GET":
            told["Content-Length"] = str(len(content))
        lines = [f"{method} {self._prefix}{path} HTTP/1.1", *(f"{name}: {value}" for name, value in told.items())]
        if any("\r" in line or "\n" in line for line in lines):
            raise ValueError("a header has one line")
        return "\r\n".join([*lines, "", ""]).encode("ascii") + content

    def _kept(self) -> "_Connection | None":
        """The connection used last, if it is still good; the others age and go."""
        oldest = monotonic() - IDLE_SECONDS
        while self._idle:
            connection = self._idle.pop()
            if connection.reusable and connection.since > oldest:
                return connection
            connection.abort()
        return None

    def _keep(self, connection: "_Connection") -> None:
        if len(self._idle) >= KEPT:
            self._idle = [idle for idle in self._idle if idle.reusable]
        if connection.reusable and len(self._idle) < KEPT:
            self._idle.append(connection)
        else:
            connection.abort()

    async def _connected(self) -> "_Connection":
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._connect):
                _, made = await loop.create_connection(
                    lambda: _Connection(self._open, self._most), self._host, self._port, ssl=self._tls
                )
        except TimeoutError:
            raise NotSent("ConnectTimeout") from None
        except OSError:
            raise NotSent("ConnectError") from None
        return made


class _Connection(asyncio.Protocol):
    """One connection; it carries one exchange at a time. The parser calls the ``on_`` methods."""

    def __init__(self, among: "set[_Connection]", most: int) -> None:
        self._among, self._most = among, most
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._answered: asyncio.Future[Reply] | None = None
        self._silence: asyncio.TimerHandle | None = None
        self._fresh()
        self.reusable = False
        self.since = 0.0

    def _fresh(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._reply, self._headed, self._ended, self._seen = Reply(), False, False, 0

    async def exchange(self, message: bytes, patience: float) -> Reply:
        """Send and read. Raises Broken, TooLarge."""
        assert self._transport is not None
        self._fresh()
        self.reusable, self.since = False, monotonic()
        self._answered = self._loop.create_future()
        self._silence = self._loop.call_later(patience, self._silent, patience)
        self._transport.write(message)
        try:
            return await self._answered
        finally:
            self._silence.cancel()
            self._answered = None

    def _silent(self, patience: float) -> None:
        left = self.since + patience - monotonic()
        if left > 0:
            self._silence = self._loop.call_later(left, self._silent, patience)
        else:
            self._fail(Broken("ReadTimeout"))

    def abort(self) -> None:
        self.reusable = False
        if self._transport is not None:
            self._transport.abort()

    def _fail(self, error: Exception) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(error)
        self.abort()

    def _finish(self) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_result(self._reply)

    # the transport's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._among.add(self)

    def data_received(self, data: bytes) -> None:
        if self._answered is None or self._answered.done():
            self.abort()  # nobody asked for anything
            return
        self.since = monotonic()
        self._seen += len(data)
        if self._seen > self._most + MOST_HEADERS:
            self._fail(TooLarge())
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(Broken(type(error).__name__))

    def connection_lost(self, exc: Exception | None) -> None:
        self._among.discard(self)
        self.reusable = False
        named = self._reply.headers
        if exc is None and self._headed and not named.keys() & {"content-length", "transfer-encoding"}:
            self._finish()  # the end of the connection is the end of the body
        else:
            self._fail(Broken(type(exc).__name__ if exc else "EOF"))

    # the parser's side

    def on_message_begin(self) -> None:
        if self._ended:  # more than was asked for: what comes next on this connection could be taken for an answer
            self._reply = Reply()  # the one that was given is not to change any more
            self.abort()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._reply.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._reply.status = self._parser.get_status_code()
        self._headed = self._reply.status >= 200

    def on_body(self, body: bytes) -> None:
        self._reply.body += body
        if len(self._reply.body) > self._most:
            self._fail(TooLarge())

    def on_message_complete(self) -> None:
        if not self._headed:  # 1xx: the answer is still to come
            self._reply = Reply()
            return
        if not self._ended:
            self._ended, self.reusable = True, self._parser.should_keep_alive()
            self._finish()
