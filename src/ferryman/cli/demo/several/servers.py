"""Starts PostgreSQL, NATS, a load balancer and several servers, and waits for them."""

import asyncio
import os
import re
import secrets
import shutil
from pathlib import Path

from ferryman.cli.demo.processes import Processes, Program
from ferryman.cli.demo.several.balancer import Balancer, haproxy_configuration
from ferryman.cli.demo.several.programs import (
    INSTALL,
    as_nobody,
    find_haproxy,
    find_nats,
    find_postgresql,
    give_to_nobody,
    let_nobody_enter,
)
from ferryman.cli.demo.starting import FERRYMAN, free_port, limit, without_aws
from ferryman.cli.operate.init import Initialised, ServerPlan, initialise
from ferryman.model.failures import Failure

DRAIN_SECONDS = 2
_DATABASE = "postgres"
_SHARED = """
[bus]
url = "nats://127.0.0.1:{nats}"
token_file = "../nats-token"

[connections]
trusted_proxies = ["127.0.0.1/32"]
"""


async def start_servers(directory: Path, count: int, processes: Processes, added: str) -> tuple[Initialised, list[int]]:
    """Start everything but agents; returns what was set up and the servers' pids. `added` goes into their settings.

    Raises Failure if a program is missing or does not start.
    """
    nats = _start_nats(directory, processes)
    database = await _start_postgresql(directory, processes)
    port, ports = free_port(), [free_port() for _ in range(count)]
    first = directory / "server1"
    made = await asyncio.to_thread(initialise, ServerPlan(first, listen=f"127.0.0.1:{port}", database=database))
    settings = made.configuration.read_text() + added.replace(
        "[recordings]", '[recordings]\ndirectory = "../recordings"'
    )
    pids = []
    for number, each in enumerate(ports, 1):
        own = directory / f"server{number}"
        if own != first:
            shutil.copytree(first, own)
        name = f'listen = "127.0.0.1:{each}"\nname = "server{number}"\ndrain_seconds = {DRAIN_SECONDS}'
        path = own / made.configuration.name
        path.write_text(re.sub('(?m)^listen = ".*"$', name, settings) + _SHARED.format(nats=nats))
        command = [*FERRYMAN, "server", "--config", str(path)]
        environment = without_aws(os.environ)
        pids.append(processes.keep(Program(own.name, command, environment, directory / f"{own.name}.log")))
    await _start_balancer(directory, port, ports, processes)
    return made, pids


def _start_nats(directory: Path, processes: Processes) -> int:
    """Return the port of a NATS that asks for a token.

    Without one, every user of this machine could send tasks to nodes, which run them as whoever started the demo.
    """
    port, token = free_port(), secrets.token_hex(16)
    _write_private(directory / "nats-token", token)
    configuration = directory / "nats.conf"
    _write_private(configuration, f'listen: "127.0.0.1:{port}"\nauthorization {{ token: "{token}" }}\n')
    processes.keep(Program("nats", [find_nats(), "-c", str(configuration)], {}, directory / "nats.log"))
    return port


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)


async def _start_postgresql(directory: Path, processes: Processes) -> str:
    """Return the URL of an empty database."""
    programs, port, password = await asyncio.to_thread(find_postgresql, directory), free_port(), secrets.token_hex(16)
    data, login = directory / "database", directory / "database-password"
    data.mkdir(mode=0o700)
    _write_private(login, password)
    let_nobody_enter(directory)
    give_to_nobody(data, login)
    options = ["-U", "postgres", "--encoding=UTF8", "--locale=C", "--no-sync", "--auth=scram-sha-256"]
    command = [str(programs / "initdb"), "-D", str(data), *options, f"--pwfile={login}"]
    log = directory / "postgresql.log"
    with log.open("wb") as output:
        status = await processes.wait(processes.spawn(as_nobody(command), {}, stdout=output))
    if status:
        raise Failure("The demo's PostgreSQL cannot be set up", f"initdb failed with status {status}, see above")
    command = [str(programs / "postgres"), "-D", str(data), "-p", str(port)]
    for setting in ("listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=100"):
        command += ["-c", setting]
    processes.keep(Program("postgresql", as_nobody(command), {}, log))
    url = f"postgresql://postgres:{password}@127.0.0.1:{port}/{_DATABASE}"
    async with limit("The demo's PostgreSQL did not start"):
        while not await asyncio.to_thread(_answers, url):  # noqa: ASYNC110 - another process's doing
            await asyncio.sleep(0.1)
    return url


def _answers(url: str) -> bool:
    try:
        import psycopg
    except ImportError as error:
        raise Failure("Several servers need psycopg", "it is not installed", INSTALL) from error
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.Error:
        return False
    return True


async def _start_balancer(directory: Path, port: int, servers: list[int], processes: Processes) -> None:
    haproxy = find_haproxy()
    if haproxy is None:
        processes.beside(Balancer(servers).run(port))
        return
    path = directory / "haproxy.cfg"
    path.write_text(haproxy_configuration(port, servers))
    processes.keep(Program("haproxy", [haproxy, "-f", str(path)], {}, directory / "haproxy.log"))
