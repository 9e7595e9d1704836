"""Runs the sandbox on a port of its own: alone (``python -m tools.sandbox``), or in a thread beside a test or demo."""

import argparse
import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from tools.listening import bind, run
from tools.sandbox import sandbox


def server(app: FastAPI) -> uvicorn.Server:
    """A quiet uvicorn that does not wait for hanging requests when it is told to stop."""
    return uvicorn.Server(
        uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=1)
    )


def listen(host: str = "127.0.0.1", port: int = 0) -> tuple[socket.socket, str]:
    """A bound socket and its URL; port 0 takes a free one."""
    sock = bind(host, port)
    return sock, f"http://{host}:{sock.getsockname()[1]}"


@contextmanager
def running(app: FastAPI) -> Iterator[str]:
    """Serve ``app`` in a thread; yields its URL. Requests sent before the loop runs wait in the socket's backlog."""
    sock, url = listen()
    serving = server(app)
    thread = threading.Thread(target=lambda: asyncio.run(serving.serve([sock])), daemon=True)
    thread.start()
    try:
        yield url
    finally:
        serving.should_exit = True
        serving.force_exit = True
        thread.join(5)
        sock.close()


def main() -> None:
    """Prints the URL and both services', and serves until it is stopped; ``--help`` names the options."""
    parser = argparse.ArgumentParser(prog="python -m tools.sandbox", description="Plays SVC1 and SVC2.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--db", type=Path, default=None, help="SQLite file; in memory when left out")
    asked = parser.parse_args()
    sock, url = listen(asked.host, asked.port)
    print(url, flush=True)
    print(f"ONBOARD_SVC1_URL={url}/svc1 ONBOARD_SVC2_URL={url}/svc2", flush=True)
    run(server(sandbox(asked.db)).serve([sock]))
