"""The one bootstrap: settings in, everything real out. Only this module builds real things."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from functools import partial
from typing import Literal

from agents.model import Endpoint, Limits, Model
from agents.prices import Prices
from checkpoints import installation
from checkpoints.database import open_database
from checkpoints.lookup import Lookup
from checkpoints.migrate import migrate
from checkpoints.saver import open_saver
from graph.builder import build_graph
from graph.context import Clock, Context, Observer, ignore
from graph.dispatch import Dispatcher, Elsewhere
from graph.engine import Engine
from graph.folder import codec, made, own, secret
from graph.housekeeping import Housekeeping
from graph.pool import Pool
from graph.relay import Deliver
from graph.room import check_room
from graph.runner import Runner
from graph.service import Service
from graph.timer import Timer
from graph.triggers import Triggers
from graph.turns import prefect, turn
from onboarding import faults
from onboarding.policy import Policy
from onboarding.rules import HERE, Rules
from onboarding.screening import Watchlist
from onboarding.settings import BadSettings, Settings
from tools import mail
from tools.apart import Apart
from tools.limit import Turn, free
from tools.patience import Patience
from tools.prefect_api import PrefectApi
from tools.svc1 import svc1, svc1_tools
from tools.svc2 import svc2, svc2_tools
from tools.website import Website

_log = logging.getLogger("onboard.wiring")


@dataclass(frozen=True)
class Product:
    """Everything built: the verbs, and what moves the cases."""

    settings: Settings
    context: Context
    service: Service
    runner: Runner
    engine: Engine
    housekeeping: Housekeeping


Role = Literal["all", "api", "worker"]
"""What this process is for: everything, serving HTTP and running no case, or running cases and serving no HTTP."""


class Silent:
    """An observer that watches nothing."""

    def step(self, name: str, seconds: float, outcome: str) -> None:
        """Nothing."""


def utc_now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def open_product(
    settings: Settings,
    *,
    self_url: str,
    role: Role = "all",
    clock: Clock = utc_now,
    observer: Observer | None = None,
) -> AsyncIterator[Product]:
    """Build the product on ``settings``; ``self_url`` is where the built-in sandbox is reached.

    ``role`` other than ``all`` is for one of several processes over one PostgreSQL, which may share a data folder.
    ``clock`` is SQLite's; PostgreSQL has its own. Raises OtherInstallation when this process is not set up like the
    others on its ledger, DataDirInUse when another process owns the folder of an SQLite ledger, BadSettings for what
    cannot be used.
    """
    faults.arm(settings.fault)
    async with AsyncExitStack() as stack:
        await _trace(settings, stack)
        made(settings.data_dir)
        if settings.database.startswith("sqlite"):
            if role != "all":
                raise BadSettings(
                    "ONBOARD_DATABASE_URL: more than one process takes PostgreSQL; SQLite is for one alone."
                )
            stack.enter_context(own(settings.data_dir))
        await asyncio.to_thread(migrate, settings.database)
        db = open_database(
            settings.database,
            codec(settings.encryption_key),
            clock,
            pool=settings.database_pool,
            standstill=settings.lease_seconds,
        )
        stack.push_async_callback(db.close)
        await check_room(db, settings)
        lookup = Lookup(secret(settings))
        if db.owner is not None:
            await db.write(partial(installation.join, lookup=lookup))
        api, patience = prefect(settings, stack), _patience(settings)
        first = svc1(settings.svc1_url or f"{self_url}/sandbox/svc1", patience, turn(settings, "svc1", api, stack))
        second = svc2(settings.svc2_url or f"{self_url}/sandbox/svc2", patience, turn(settings, "svc2", api, stack))
        for client in (first, second):
            await stack.enter_async_context(client)
        policy = Policy.load(settings.policy) if settings.policy else Policy.default()
        watchlist = Watchlist.load(settings.watchlist) if settings.watchlist else Watchlist.empty()
        context = Context(
            settings=settings,
            db=db,
            lookup=lookup,
            policy=policy,
            watchlist=watchlist,
            rules=await _rules(settings, policy, watchlist, role, stack),
            services={tool.name: tool for tool in (*svc1_tools(first), *svc2_tools(second))},
            clock=db.clock,
            observer=observer or Silent(),
            model=await _model(settings, stack, turn(settings, "model", api, stack)),
            heard=getattr(observer, "model_called", ignore),
            website=await _website(settings, stack),
        )
        runner = Runner(build_graph(open_saver(db)), context)
        yield await _assembled(context, runner, role, api, stack)


async def _assembled(
    context: Context, runner: Runner, role: Role, api: PrefectApi | None, stack: AsyncExitStack
) -> Product:
    """The engine that was chosen, and the verbs that tell it of work."""
    settings = context.settings
    if api is not None:
        dispatcher: Dispatcher = Triggers(context, api)
    else:
        dispatcher = await _dispatcher(context, runner, role, stack, lambda: timer.letters())
    house = Housekeeping(context, runner.graph, dispatcher, deliver(settings))
    timer = Timer(house, settings.sweep_seconds, sweeps=role != "api" and settings.engine != "prefect")
    engine = Engine(dispatcher, timer, runner.drain)
    return Product(settings, context, Service(context, dispatcher.nudge), runner, engine, house)


async def _dispatcher(
    context: Context, runner: Runner, role: Role, stack: AsyncExitStack, ended: Callable[[], None]
) -> Dispatcher:
    """Who gets cases advanced, without Prefect. Raises BadSettings."""
    settings = context.settings
    if settings.engine == "procrastinate":
        return await _jobs(context, runner, role, stack, ended)
    if role == "api":
        return Elsewhere()
    pool = Pool(runner, settings.concurrency, ended)
    if role == "worker":
        pool.hear(context.db)
    return pool


async def _jobs(
    context: Context, runner: Runner, role: Role, stack: AsyncExitStack, ended: Callable[[], None]
) -> Dispatcher:
    settings = context.settings
    if settings.database.startswith("sqlite"):
        raise BadSettings("ONBOARD_ENGINE: procrastinate takes PostgreSQL; set ONBOARD_DATABASE_URL.")
    try:
        from graph.jobs import Jobs, JobWorker, queue  # imported here: it is an extra
    except ImportError as error:
        raise BadSettings("ONBOARD_ENGINE=procrastinate needs the extra `procrastinate` to be installed.") from error
    app = await stack.enter_async_context(queue(context, settings.database))
    return Jobs(context, app) if role == "api" else JobWorker(context, app, runner, settings.concurrency, ended)


async def _rules(settings: Settings, policy: Policy, watchlist: Watchlist, role: Role, stack: AsyncExitStack) -> Rules:
    """Processes for the rules where cases run; a replica that runs none needs none."""
    if role == "api" or not settings.rule_processes:
        return HERE
    apart = Apart(policy, watchlist, processes=settings.rule_processes, seconds=settings.rule_seconds)
    return await stack.enter_async_context(apart)


@asynccontextmanager
async def running(product: Product) -> AsyncIterator[Product]:
    """The product with its engine going; drains on the way out."""
    await product.engine.start()
    try:
        yield product
    finally:
        await product.engine.stop()


@asynccontextmanager
async def live_model(settings: Settings | None) -> AsyncIterator[Model | None]:
    """The configured model on its own, for a replay that is to ask it. Raises BadSettings when there is none."""
    async with AsyncExitStack() as stack:
        if settings is not None and not settings.model:
            raise BadSettings("Set ONBOARD_MODEL: no model is configured that could be asked.")
        yield await _model(settings, stack, free) if settings is not None else None


async def _model(settings: Settings, stack: AsyncExitStack, turn: Turn) -> Model | None:
    """The configured model, None for rules alone. Raises BadSettings without a key for the public endpoint."""
    if not settings.model:
        return None
    if not settings.openai_api_key and not settings.openai_base_url:
        raise BadSettings("ONBOARD_MODEL needs OPENAI_API_KEY, or OPENAI_BASE_URL for an endpoint of your own.")
    from tools.model import OpenAIEndpoint  # imported here: it takes two seconds, and rules alone need none of it

    endpoint = OpenAIEndpoint(
        settings.model,
        api_key=settings.openai_api_key,
        base_url=settings.openai_base_url,
        seconds=settings.model_timeout_seconds,
        schema_mode=settings.model_schema,
    )
    stack.push_async_callback(endpoint.aclose)
    return configured(settings, endpoint, turn)


def configured(settings: Settings, endpoint: Endpoint | None, turn: Turn = free) -> Model:
    """A model with the budgets of ``settings``; without an endpoint it answers from recordings only."""
    here = asyncio.Semaphore(settings.model_concurrency)

    @asynccontextmanager
    async def gate() -> AsyncIterator[None]:
        async with here, turn():
            yield

    limits = Limits(
        calls=settings.model_calls,
        tokens=settings.model_tokens,
        cost=settings.model_cost,
        seconds=settings.model_seconds,
        attempt_seconds=settings.model_timeout_seconds,
        attempts=settings.model_attempts,
        turns=settings.model_turns,
    )
    return Model(
        name=settings.model or "recorded",
        endpoint=endpoint,
        prices=Prices.load(settings.model_prices),
        limits=limits,
        gate=gate,
    )


async def _trace(settings: Settings, stack: AsyncExitStack) -> None:
    """Spans to the configured collector. Raises BadSettings when the extra ``tracing`` is not installed."""
    if not settings.otel_endpoint:
        return
    try:
        from tools.telemetry import sending  # imported here: it is an extra
    except ImportError as error:
        raise BadSettings("OTEL_EXPORTER_OTLP_ENDPOINT needs the extra `tracing` to be installed.") from error
    await stack.enter_async_context(sending(settings.otel_endpoint, settings.tracing_share))


async def _website(settings: Settings, stack: AsyncExitStack) -> Website | None:
    if not (settings.model and settings.model_website):
        return None
    website = Website()
    stack.push_async_callback(website.aclose)
    return website


def _patience(settings: Settings) -> Patience:
    deadline = settings.service_deadline_seconds
    return Patience(deadline=deadline, attempt=min(20.0, deadline), read=min(15.0, deadline))


def deliver(settings: Settings) -> Deliver:
    """Letters go to the SMTP server, or into ``DATA_DIR/outbox`` when none is set."""
    folder = settings.data_dir / "outbox"
    server = mail.Smtp.from_url(settings.smtp_url) if settings.smtp_url else None

    async def out(message: EmailMessage) -> Literal["sent", "kept"]:
        if server is None:
            await asyncio.to_thread(mail.keep, message, folder)
            return "kept"
        await mail.send(message, server)
        return "sent"

    return out
