"""The wire to a service: every framing of an answer, kept connections, and never an answer to another question."""

import asyncio
import ssl
from contextlib import asynccontextmanager

import pytest

from tools.wire import Broken, NotSent, Reply, TooLarge, Wire

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@asynccontextmanager
async def played(*answers: bytes, path: str = "", closing: bool = False, read: float = 2.0):
    """A server that gives these answers in turn, whatever is asked; yields the wire, what was heard, connections."""
    heard: list[bytes] = []
    connections: list[int] = []
    turns = iter(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(1)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next((int(x[15:]) for x in head.split(b"\r\n") if x.lower().startswith(b"content-length:")), 0)
                heard.append(head + await reader.readexactly(length))
                writer.write(next(turns))
                await writer.drain()
                if closing:
                    break
        except (asyncio.IncompleteReadError, ConnectionError, StopIteration):
            pass
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    wire = Wire(f"http://127.0.0.1:{port}{path}", connect=1, read=read, most=1000, tls=ssl.create_default_context())
    try:
        yield wire, heard, connections
    finally:
        await wire.aclose()
        server.close()


async def ask(wire: Wire) -> Reply:
    return await wire.request("POST", "/x", {"Idempotency-Key": "k"}, b"{}")


@pytest.mark.parametrize(
    ("answer", "closing", "body"),
    [
        (OK, False, b"{}"),
        (b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{"\r\n3\r\na"}\r\n0\r\n\r\n', False, b'{"a"}'),
        (b"HTTP/1.1 200 OK\r\n\r\nto the end", True, b"to the end"),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n1", False, b"1"),
        (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK, False, b"{}"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", False, b""),
    ],
)
async def test_every_framing_of_an_answer_is_read(answer, closing, body):
    async with played(answer, closing=closing) as (wire, _, _):
        assert bytes((await ask(wire)).body) == body


async def test_the_request_names_host_length_and_path_below_the_base():
    async with played(OK, OK, path="/deep/") as (wire, heard, connections):
        await ask(wire)
        await wire.request("GET", "/by-key/k", {})
    first, second = (message.split(b"\r\n") for message in heard)
    assert first[0] == b"POST /deep/x HTTP/1.1"
    assert {b"Content-Length: 2", b"Idempotency-Key: k", b"Accept-Encoding: identity"} <= set(first)
    assert second[0] == b"GET /deep/by-key/k HTTP/1.1"
    assert not any(line.startswith(b"Content-Length") for line in second)
    assert len(connections) == 1, "the connection was kept"


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged",
        OK + b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}",
    ],
)
async def test_a_connection_that_says_more_than_asked_is_not_used_again(answer):
    async with played(answer, OK) as (wire, _, connections):
        assert bytes((await ask(wire)).body) == b"{}"
        assert bytes((await ask(wire)).body) == b"{}"
        assert len(connections) == 2


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", Broken),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", Broken),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", Broken),
        (b"SSH-2.0-OpenSSH\r\n", Broken),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", Broken),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5000, TooLarge),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000 + b"\r\n", TooLarge),
    ],
)
async def test_what_is_cut_broken_or_endless_is_no_answer(answer, error):
    async with played(answer, closing=True) as (wire, _, _):
        with pytest.raises(error):
            await ask(wire)


async def test_a_silent_service_and_a_caller_who_gives_up_leave_no_connection_behind():
    async with played(b"HTTP/1.1 200 OK\r\n", read=0.05) as (wire, _, _):
        with pytest.raises(Broken, match="ReadTimeout"):
            await ask(wire)
    async with played(b"HTTP/1.1 200 OK\r\n", OK) as (wire, _, connections):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await ask(wire)
        assert bytes((await ask(wire)).body) == b"{}"
        assert len(connections) == 2


async def test_nobody_there_is_not_sent_and_a_header_has_one_line():
    wire = Wire("http://127.0.0.1:1", connect=1, read=1, most=10, tls=ssl.create_default_context())
    with pytest.raises(NotSent, match="ConnectError"):
        await ask(wire)
    with pytest.raises(ValueError, match="one line"):
        await wire.request("GET", "/x", {"A": "b\r\nEvil: 1"})
