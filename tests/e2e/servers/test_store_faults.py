"""Stores that are full, locked, damaged, too new or in use, and few open files: a server's answers and refusals."""

import contextlib
import os
import resource
import shutil
import socket
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import IO, Any, NoReturn

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.e2e.agents import agent_of_its_own
from tests.e2e.lone_server import LoneServer, lone_server
from tests.waiting import PATIENCE, wait_until

ONE_TRY = Config(retries={"total_max_attempts": 1})


@pytest.fixture
def server(tmp_path: Path) -> LoneServer:
    return lone_server(tmp_path / "server")


@pytest.fixture
def log(tmp_path: Path) -> Iterator[IO[str]]:
    with (tmp_path / "server.log").open("w") as file:
        yield file


@pytest.fixture(scope="module")
def running_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoneServer]:
    """One for the tests that leave its store as it was."""
    directory = tmp_path_factory.mktemp("running")
    server = lone_server(directory / "server")
    with (directory / "server.log").open("w") as log, server.running(log):
        yield server


@pytest.fixture
def small_disk(tmp_path: Path, unavailable: Callable[[str], NoReturn]) -> Iterator[Path]:
    """A file system of 8 MiB of the test's own."""
    mounted = tmp_path / "disk"
    mounted.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(mounted)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a file system cannot be mounted here")
    yield mounted
    subprocess.run(["umount", "-l", str(mounted)], check=True)


def test_a_full_store_is_reported_and_answers_with_a_retryable_error(
    server: LoneServer, log: IO[str], small_disk: Path, tmp_path: Path
) -> None:
    text = server.configuration.read_text()
    shutil.move(server.store, small_disk / "ferryman.db")
    server.configuration.write_text(text.replace("sqlite:///ferryman.db", f"sqlite:///{small_disk}/ferryman.db"))
    with (
        server.running(log),
        agent_of_its_own(server, tmp_path / "agent", server.facts["endpoint_url"]) as node_id,
    ):
        ssm = server.client("ssm", config=ONE_TRY)
        wait_until(lambda: server.is_connected(node_id))
        session_id = ssm.start_session(Target=node_id)["SessionId"]
        wait_until(lambda: server.health()[0] == 200)
        ballast = small_disk / "ballast"
        fill_disk(ballast)
        wait_until(lambda: answers(server, 503, "full"))

        def refused() -> Any:
            try:
                ssm.terminate_session(SessionId=session_id)
            except ClientError as error:
                return error.response
            return None

        # What the database's own files still have room for is written.
        answer = wait_until(lambda: refused() or (fill(ssm) and None))
        assert answer["Error"]["Code"] == "ServiceUnavailable"
        assert "full" in answer["Error"]["Message"]
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 503
        ballast.unlink()
        wait_until(lambda: server.health()[0] == 200)
        ssm.terminate_session(SessionId=session_id)


def answers(server: LoneServer, expected: int, store: str) -> bool:
    """Whether that is what `/healthz` answers; it is `timed out` first while the machine is busy."""
    status, health = server.health()
    return (status, health["store"]) == (expected, store)


def fill_disk(ballast: Path) -> None:
    """Write until there is no space."""
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)


def fill(ssm: Any) -> bool:
    """Write until the store refuses."""
    for number in range(200):
        try:
            ssm.create_activation(IamRole="FerrymanTests", Description=str(number))
        except ClientError:
            return True
    return False


def test_a_locked_store_is_reported_in_bounded_time(running_server: LoneServer) -> None:
    server = running_server
    with closing(sqlite3.connect(server.store, isolation_level=None)) as other:
        wait_until(lambda: server.health()[0] == 200)
        other.execute("BEGIN IMMEDIATE")
        # An answer holds for a second; the next comes while the store is locked still.
        status, health = wait_until(lambda: (h := server.health())[0] == 503 and h)
        assert (status, health["store"]) == (503, "timed out")
        other.execute("ROLLBACK")
        wait_until(lambda: server.health()[0] == 200)


def test_a_corrupted_store_is_reported(server: LoneServer, log: IO[str]) -> None:
    with server.running(log):
        with closing(sqlite3.connect(server.store)) as reading:
            (page,) = reading.execute(
                "SELECT rootpage FROM sqlite_master WHERE name = 'session_documents'"
            ).fetchone() or (reading.execute("SELECT max(rootpage) FROM sqlite_master WHERE type = 'table'").fetchone())
            # What the log still has is read from there; it can be emptied while nobody reads or writes.
            wait_until(lambda: reading.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0))
        with server.store.open("r+b") as file:
            file.seek(4096 * (page - 1))
            file.write(b"\xff" * 4096)
        wait_until(lambda: answers(server, 503, "corrupted"))


def test_a_second_server_on_one_store_refuses_to_start(running_server: LoneServer, tmp_path: Path) -> None:
    other = lone_server(tmp_path / "other")
    text = other.configuration.read_text()
    other.configuration.write_text(text.replace("sqlite:///ferryman.db", f"sqlite:///{running_server.store}"))
    assert "another server uses it" in other.refusal()
    wait_until(lambda: running_server.health()[0] == 200)


def test_stores_that_cannot_be_used_are_refused_in_a_line(server: LoneServer) -> None:
    content = server.store.read_bytes()
    server.store.write_bytes(b"")
    assert "the file is empty" in server.refusal()
    server.store.write_bytes(b"this is not a database" * 1000)
    line = server.refusal()
    assert "not a database" in line
    assert "backup" in line
    server.store.write_bytes(content)
    with closing(sqlite3.connect(server.store, isolation_level=None)) as newer:
        newer.execute("UPDATE alembic_version SET version_num = '9999'")
        newer.execute("PRAGMA user_version = 12003004")
    assert "Run Ferryman 12.3.4 or newer" in server.refusal()


def test_a_server_with_64_open_files_keeps_serving(server: LoneServer, tmp_path: Path) -> None:
    def few_files() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))

    path = tmp_path / "server.log"
    port = int(server.facts["endpoint_url"].rpartition(":")[2])
    with path.open("w") as log, server.running(log, few_files), ExitStack() as crowd:
        wait_until(lambda: '"open file limit is low"' in path.read_text())
        for _ in range(100):
            crowd.enter_context(socket.create_connection(("127.0.0.1", port)))
        ssm = server.client("ssm")
        for _ in range(10):
            ssm.create_activation(IamRole="FerrymanTests")
        wait_until(lambda: server.health()[0] == 200)
        assert "Too many open files" not in path.read_text()


def test_a_server_with_too_few_open_files_names_the_number_it_needs(server: LoneServer) -> None:
    def too_few() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))

    with server.started(subprocess.PIPE, too_few) as process:
        _, complaints = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    last = complaints.splitlines()[-1]
    assert "it may open 32 files and needs at least" in last
