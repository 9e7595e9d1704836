"""One address before several replicas: each connection goes to the next replica that takes it.

What a load balancer does on real hosts, as far as a show on one machine needs it: a replica that is dead is passed
over; a connection that breaks in the middle is the client's to repeat, under the same idempotency key.
"""

import asyncio
import itertools
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

CONNECT_SECONDS: Final = 2.0
CHUNK: Final = 65_536
Address = tuple[str, int]


class Front:
    """Forwards TCP connections to ``replicas`` in turn. ``served`` counts them by replica."""

    def __init__(self, replicas: Sequence[Address]) -> None:
        self.served = dict.fromkeys(replicas, 0)
        self._turns = itertools.cycle(range(len(replicas)))
        self._replicas = list(replicas)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client's connection, to its end."""
        try:
            with suppress(asyncio.CancelledError):  # the show is over; asyncio's own callback would log it
                found = await self._connect()
                if found is not None:
                    await asyncio.gather(_pump(reader, found[1]), _pump(found[0], writer))
        finally:
            writer.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """The next replica that lives; None when none does."""
        first = next(self._turns)
        for turn in range(len(self._replicas)):
            address = self._replicas[(first + turn) % len(self._replicas)]
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(CONNECT_SECONDS):
                    streams = await asyncio.open_connection(*address)
                self.served[address] += 1
                return streams
        return None


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Copy until one side ends, and tell the other."""
    with suppress(OSError):
        while chunk := await source.read(CHUNK):
            sink.write(chunk)
            await sink.drain()
    with suppress(OSError):
        sink.close()


@contextmanager
def running(replicas: Sequence[Address], port: int = 0) -> Iterator[tuple[str, Front]]:
    """The front in a thread of its own; yields its URL."""
    front, loop = Front(replicas), asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(front.serve, "127.0.0.1", port))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", front
    finally:
        asyncio.run_coroutine_threadsafe(_close(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


async def _close(server: asyncio.Server) -> None:
    server.close()
    going = asyncio.all_tasks() - {asyncio.current_task()}
    for task in going:
        task.cancel()
    await asyncio.gather(*going, return_exceptions=True)
