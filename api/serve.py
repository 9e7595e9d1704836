"""Running the service: bind, build, print where to look, drain on SIGTERM."""

import asyncio
import gc
import logging
import os
import signal
from collections.abc import Callable
from pathlib import Path

import structlog
import uvicorn

from api.app import create_app
from checkpoints import access
from checkpoints.database import Tx
from graph import signing
from graph.metrics import Metrics
from graph.wiring import Role, kept_secret, open_product, running
from onboarding.settings import Settings
from tools.listening import Server, bind

ADMIN_TOKEN = "admin-token"  # noqa: S105 - the name of a file


async def serve(
    settings: Settings, host: str, port: int, ready: Callable[[str, str], None], role: Role = "all"
) -> None:
    """Serve until SIGTERM or SIGINT, then drain.

    ``ready`` is called with the URL, and a one-time link for the local admin, once requests are answered.
    """
    listener = bind(host, port)
    bound = listener.getsockname()[1]
    inner = f"http://{'127.0.0.1' if host in ('0.0.0.0', '::') else host}:{bound}"  # noqa: S104 - compared, not bound
    if "public_url" not in settings.model_fields_set:
        settings = settings.model_copy(update={"public_url": inner})
    metrics = Metrics()
    async with open_product(settings, self_url=inner, role=role, observer=metrics) as product:
        link = await product.context.db.write(lambda tx: _admin(tx, settings))
        config = uvicorn.Config(
            create_app(product, metrics), log_config=None, access_log=False, timeout_graceful_shutdown=5, lifespan="off"
        )
        server = Server(config)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, _stop, server, product.runner.drain)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn tells by a flag
            await asyncio.sleep(0.01)
        async with running(product):
            spare_the_collector()
            ready(inner, link)
            await task


def spare_the_collector() -> None:
    """What was built at the start stays: the garbage collector need not look at it again, nor look after every run."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def _stop(server: Server, drain: Callable[[], None]) -> None:
    drain()
    server.should_exit = True


def _admin(tx: Tx, settings: Settings) -> str:
    """The local admin's token, kept in the data folder with mode 0600, and a link to sign in with, printed once."""
    token = kept_secret(settings.data_dir / ADMIN_TOKEN)
    access.create_token(tx, "admin", "admin", token=token)
    return signing.local_link(tx, "admin", settings.public_url)


def configure_logging() -> None:
    """JSON lines to stderr: event names and ids, never what a merchant wrote."""
    level = getattr(logging, os.environ.get("LOG_LEVEL", "INFO").upper(), logging.INFO)
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ExtraAdder(),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _only_where,
            structlog.processors.JSONRenderer(),
        ],
    )
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for noisy in ("httpx", "httpcore", "alembic", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _only_where(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Of an exception only its type and the places it passed: its text and the values may be personal."""
    info = event.pop("exc_info", None)
    if isinstance(info, tuple) and info[0] is not None:
        frames, trace = [], info[2]
        while trace is not None:
            code = trace.tb_frame.f_code
            frames.append(f"{Path(code.co_filename).name}:{trace.tb_lineno} {code.co_name}")
            trace = trace.tb_next
        event.update(error=info[0].__name__, trace=frames[-8:])
    return event
