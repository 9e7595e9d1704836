"""Running the service: bind, build, print where to look, drain on SIGTERM."""

import asyncio
import signal
from collections.abc import Callable

import uvicorn

from api.app import create_app
from api.client import ADMIN_TOKEN
from checkpoints import access
from checkpoints.database import Tx
from graph import signing
from graph.folder import kept_secret
from graph.metrics import Metrics
from graph.wiring import Role, open_product, running
from onboarding.settings import Settings
from tools.garbage import spare_the_collector
from tools.listening import Server, bind


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
            create_app(product, metrics),
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=5,
            lifespan="off",
            proxy_headers=bool(settings.proxies),
            forwarded_allow_ips=settings.proxies,
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


def _stop(server: Server, drain: Callable[[], None]) -> None:
    drain()
    server.should_exit = True


def _admin(tx: Tx, settings: Settings) -> str:
    """The local admin's token, kept in the data folder with mode 0600, and a link to sign in with, printed once."""
    token = kept_secret(settings.data_dir / ADMIN_TOKEN)
    access.create_token(tx, "admin", "admin", token=token)
    return signing.local_link(tx, "admin", settings.public_url)
