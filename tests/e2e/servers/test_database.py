"""psql and a real PostgreSQL through every kind of forward: many at once, much at once, connections that are cut."""

import contextlib
import hashlib
import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.demo import Ferryman
from tests.e2e.processes.programs import AWS, FERRYMAN
from tests.postgresql import Postgresql
from tests.waiting import PATIENCE, wait_until

WAYS = ("AWS-StartPortForwardingSession", "AWS-StartPortForwardingSessionToRemoteHost", "ferryman forward")
# Everyone waits here until all have come, so that all connections are open at once.
MEET = """\
DO $$ BEGIN
  WHILE (SELECT count(*) FROM guests) < 100 LOOP PERFORM pg_sleep(0.1); END LOOP;
END $$"""
ENTER = (f"SET statement_timeout = '{PATIENCE:.0f}s'", "INSERT INTO guests VALUES (pg_backend_pid())", MEET)
DIGEST = """\
SELECT encode(sha256(convert_to(
  string_agg(n || E'\\t' || words || E'\\n', '' ORDER BY n), 'UTF8')), 'hex') FROM copied"""
SLEEP = "SELECT pg_sleep(600)"
SLEEPING = "FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(600)' AND state = 'active'"


def forwarded(ferryman: Ferryman, way: str, port: int) -> Any:
    """A running client that forwards, and its local port."""
    if way.startswith("ferryman"):
        command = [FERRYMAN, "forward", ferryman.node_id, f"0:{port}", "--json"]
        return ferryman.running(command, r'"listen": "127\.0\.0\.1:(\d+)"')
    host = "host=127.0.0.1," if way.endswith("ToRemoteHost") else ""
    command = [AWS, "ssm", "start-session", "--target", ferryman.node_id]
    command += ["--document-name", way, "--parameters", f"{host}portNumber={port},localPortNumber=0"]
    return ferryman.running(command, r"Port (\d+) opened for sessionId \S+\.")


@pytest.fixture(scope="module", params=WAYS)
def port(request: pytest.FixtureRequest, ferryman: Ferryman, postgresql: Postgresql) -> Iterator[int]:
    """A local port that leads to the database."""
    with forwarded(ferryman, request.param, postgresql.port) as (_, local):
        yield int(local)


def statements(*each: str) -> list[str]:
    """psql's arguments for statements, each a transaction of its own."""
    return [word for statement in each for word in ("-c", statement)]


def answer(postgresql: Postgresql, port: int, *each: str, given: bytes | None = None) -> bytes:
    """What psql printed; all must have gone well."""
    done = postgresql.psql(port, *statements(*each), given=given)
    assert (done.returncode, done.stderr) == (0, b"")
    return bytes(done.stdout)


def test_a_hundred_run_concurrently(port: int, postgresql: Postgresql) -> None:
    answer(postgresql, port, "DROP TABLE IF EXISTS guests", "CREATE TABLE guests (backend int)")
    each = [statements(*ENTER, f"SELECT {number} * 7") for number in range(100)]
    with contextlib.ExitStack() as stack:
        started = [stack.enter_context(postgresql.running_psql(port, *arguments)) for arguments in each]
        done = [process.communicate(timeout=PATIENCE) for process in started]
    assert done == [(b"%d\n" % (number * 7), b"") for number in range(100)]
    assert answer(postgresql, port, "SELECT count(DISTINCT backend) FROM guests") == b"100\n"


def test_a_large_result(port: int, postgresql: Postgresql) -> None:
    result = answer(postgresql, port, "SELECT n, md5(n::text) FROM generate_series(1, 300000) n")
    rows = (f"{n}|{hashlib.md5(str(n).encode(), usedforsecurity=False).hexdigest()}\n" for n in range(1, 300_001))
    assert hashlib.sha256(result).digest() == hashlib.sha256("".join(rows).encode()).digest()


def test_copy_in_both_directions(port: int, postgresql: Postgresql) -> None:
    rows = b"".join(b"%d\t%s\n" % (n, hashlib.sha512(str(n).encode()).hexdigest().encode()) for n in range(100_000))
    answer(postgresql, port, "DROP TABLE IF EXISTS copied", "CREATE TABLE copied (n int PRIMARY KEY, words text)")
    answer(postgresql, port, "COPY copied FROM STDIN", given=rows)
    there = answer(postgresql, port, DIGEST)
    assert there.decode().strip() == hashlib.sha256(rows).hexdigest()
    assert answer(postgresql, port, "COPY (SELECT * FROM copied ORDER BY n) TO STDOUT") == rows


def test_a_connection_that_the_database_ends(port: int, postgresql: Postgresql) -> None:
    with postgresql.running_psql(port, "-c", SLEEP) as process:
        wait_until(lambda: answer(postgresql, port, f"SELECT pg_terminate_backend(pid) {SLEEPING}") == b"t\n")
        stdout, stderr = process.communicate(timeout=PATIENCE)
    assert (process.returncode, stdout) == (2, b"")
    assert b"terminating connection due to administrator command" in stderr
    assert b"server closed the connection unexpectedly" in stderr
    assert answer(postgresql, port, "SELECT 1") == b"1\n"


@pytest.mark.parametrize("way", [WAYS[0], WAYS[-1]])
def test_a_session_that_is_ended_ends_its_connections(way: str, ferryman: Ferryman, postgresql: Postgresql) -> None:
    ssm = ferryman.client("ssm")
    before = {row["SessionId"] for row in ferryman.active_sessions()}
    with forwarded(ferryman, way, postgresql.port) as (client, port):
        with postgresql.running_psql(int(port), "-c", SLEEP) as process:
            wait_until(lambda: answer(postgresql, postgresql.port, f"SELECT count(*) {SLEEPING}") == b"1\n")
            (session,) = {row["SessionId"] for row in ferryman.active_sessions()} - before
            ssm.terminate_session(SessionId=session)
            stdout, stderr = process.communicate(timeout=PATIENCE)
        assert (process.returncode, stdout) == (2, b"")
        assert re.search(rb"server closed the connection unexpectedly|Connection reset by peer", stderr)
        wait_until(lambda: answer(postgresql, postgresql.port, f"SELECT count(*) {SLEEPING}") == b"0\n")
        if way.startswith("ferryman"):
            assert answer(postgresql, int(port), "SELECT 2") == b"2\n"  # in a new session
        else:
            assert client.wait(PATIENCE) is not None


@pytest.mark.parametrize("way", [WAYS[0], WAYS[-1]])
def test_a_database_that_does_not_listen(way: str, ferryman: Ferryman, postgresql: Postgresql) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with forwarded(ferryman, way, unused.getsockname()[1]) as (client, port):
            done = postgresql.psql(int(port), "-c", "SELECT 1")
            assert done.returncode == 2
            assert re.search(rb"server closed the connection unexpectedly|Connection reset by peer", done.stderr)
            assert client.poll() is None
