"""Fixtures that tests of every kind share: system programs, a PostgreSQL and a NATS for this test run, a database to
copy.

Where a system program is missing the test is skipped, except in CI, which must have them all.
"""

import gc
import os
import re
import secrets
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NoReturn

import psycopg
import pytest
import structlog
from hypothesis import HealthCheck, settings

from ferryman.store.database import upgrade_store
from ferryman.store.tables import metadata
from tests.e2e.processes.warm_programs import warm_programs
from tests.examples import examples
from tests.nats import NatsServer, running_nats
from tests.postgresql import Postgresql, running_postgresql
from tests.waiting import PROCESSES_TIMEOUT

PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin:/sbin"
SETTING = re.compile(r"AWS_|FERRYMAN_(?!TEST_)|(COLUMNS|LINES|NO_COLOR|FORCE_COLOR)$")
"""Variables that would change what programs do or print."""
TESTS = Path(__file__).parent
END_TO_END, INTEROP = TESTS / "e2e", TESTS / "interop"
LONGEST = (
    *(
        "e2e/sessions/test_cuts.py",
        "e2e/sessions/test_reconnecting.py",
        "e2e/commands/test_commands.py",
        "e2e/servers/test_store_faults.py",
    ),
    *(
        "e2e/commands/test_demo.py",
        "e2e/sessions/test_aws_cli.py",
        "e2e/servers/test_faults.py",
        "e2e/commands/test_people.py",
        "e2e/servers/test_limits.py",
    ),
    *(
        "fuzz/test_parsers.py",
        "fuzz/test_targets.py",
        "unit/agent/test_agent_process.py",
        "unit/client/test_session_piped.py",
    ),
)
"""The slowest files. One process runs a whole file, and the first ones mostly wait, so the processors are free for
others."""


settings.register_profile(
    "busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=examples(40)
)
settings.load_profile("busy machine")


def pytest_configure() -> None:
    """Remove the user's settings of AWS, Ferryman and the terminal; log plainly.

    Tracebacks are Python's own: drawing a coloured one takes a second.
    """
    gc.disable()  # until `pytest_collection_finish`
    for name in list(os.environ):
        if SETTING.match(name):
            del os.environ[name]
    plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    assert all((TESTS / name).is_file() for name in LONGEST), LONGEST
    structlog.configure([structlog.contextvars.merge_contextvars, structlog.processors.add_log_level, plain])


def pytest_collection_finish() -> None:
    """Exclude collected tests from garbage collection, which took a quarter of the tests' time."""
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give tests of real processes a longer limit, and run the slowest files first, so that none of them ends last."""
    for item in items:
        if _runs_processes(item.path):
            item.add_marker(pytest.mark.timeout(PROCESSES_TIMEOUT))
    items.sort(key=lambda item: _turn(item.path))


@cache
def _runs_processes(path: Path) -> bool:
    return path.is_relative_to(END_TO_END) or path.is_relative_to(INTEROP)


@cache
def _turn(path: Path) -> int:
    name = path.relative_to(TESTS).as_posix()
    if name in LONGEST:
        return LONGEST.index(name)
    return len(LONGEST) + (not path.is_relative_to(END_TO_END))


@pytest.fixture(autouse=True)
def unchanged_environment() -> Iterator[None]:
    """Restore the environment after each test: commands that run in the test's process set a profile there.

    Fixtures of a module or session may not change it, because other tests would see that.
    """
    before = dict(os.environ)
    assert not [name for name in before if SETTING.match(name)]
    yield
    if dict(os.environ) != before:
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(autouse=True)
def unchanged_logging() -> Iterator[None]:
    """Restore structlog's configuration after each test: by default it draws tracebacks, which blocks an event loop."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture(scope="session", autouse=True)
def signals_reach_programs() -> None:
    """Let programs that tests start receive signals, even if the suite runs under `nohup` or in the background.

    A process that ignores a signal passes that on to its children, which respect it; one that handles it does not.
    """
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


@pytest.fixture(scope="session", autouse=True)
def warm() -> Iterator[None]:
    """End the process that programs are forked from, after all tests."""
    yield
    warm_programs.close()


@pytest.fixture(scope="session")
def unavailable() -> Callable[[str], NoReturn]:
    """Skip a test for `reason`; in CI (`CI=true`), fail it."""

    def give_up(reason: str) -> NoReturn:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{reason}; in CI no test is skipped for that: see .ci/programs", pytrace=False)
        pytest.skip(reason)

    return give_up


@pytest.fixture(scope="session")
def program(unavailable: Callable[[str], NoReturn]) -> Callable[[str], str]:
    """Find a system program's path by its name."""

    def find(name: str) -> str:
        return shutil.which(name, path=PATH) or unavailable(f"{name} is not installed")

    return find


@pytest.fixture(autouse=True, scope="session")
def no_contexts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Hide the contexts of the person who runs the tests, which would change what commands do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("configuration")))
        patch.delenv("FERRYMAN_CONTEXT", raising=False)
        yield


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Postgresql]:
    """A PostgreSQL server that accepts 100 connections and more; as root it runs as `nobody`, because it refuses
    root."""
    account = "nobody" if os.geteuid() == 0 else None
    with (
        tempfile.TemporaryDirectory(prefix="postgresql-") as directory,
        running_postgresql(Path(directory), account) as running,
    ):
        yield running


@pytest.fixture(scope="session")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """A nats-server without logins. Tests that share it have subjects of their own, by a prefix."""
    with running_nats(tmp_path_factory.mktemp("nats")) as running:
        yield running


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database without rows to start from: migrations take longer than most tests."""
    path = tmp_path_factory.mktemp("database") / "ferryman.db"
    upgrade_store(f"sqlite:///{path}")
    return path


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path, empty_database: Path) -> str:
    """The URL of a migrated database for one test: SQLite, or PostgreSQL with FERRYMAN_TEST_STORE=postgresql."""
    if os.environ.get("FERRYMAN_TEST_STORE") == "postgresql":
        return str(request.getfixturevalue("postgresql_url"))
    return f"sqlite:///{shutil.copy(empty_database, tmp_path / 'ferryman.db')}"


@pytest.fixture(scope="session")
def migrated_postgresql(postgresql: Postgresql) -> str:
    """The URL of a migrated PostgreSQL database, emptied for each test: a new one takes half a second."""
    postgresql.execute("CREATE DATABASE ferryman")
    url = postgresql.url("ferryman")
    upgrade_store(url)
    return url


@pytest.fixture
def new_database(postgresql: Postgresql) -> Iterator[str]:
    """The URL of a database without tables."""
    name = f"test_{secrets.token_hex(8)}"
    postgresql.execute(f"CREATE DATABASE {name}")
    yield postgresql.url(name)
    postgresql.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def postgresql_url(migrated_postgresql: str) -> Iterator[str]:
    """The URL of a migrated PostgreSQL database without rows."""
    yield migrated_postgresql
    with psycopg.connect(migrated_postgresql, autocommit=True) as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(f'DELETE FROM "{table.name}"'.encode())  # noqa: S608 our own names
