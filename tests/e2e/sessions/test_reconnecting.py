"""A hundred agents lose their server at once and come back: a real server process, killed and started again.

The agents share this process; each is the control loop that a node runs, with a state directory, a connection pool and
credentials of its own.
"""

import asyncio
import json
import os
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from ferryman.agent.control_channel import RECONNECT, ControlChannel
from ferryman.agent.identity import registration
from ferryman.agent.identity.credentials import CredentialSource
from ferryman.agent.identity.state import StateDirectory
from ferryman.agent.outbox import Outbox
from ferryman.agent.records import SessionRecords
from ferryman.agent.sessions import Sessions
from ferryman.agent.ssh_keys.keys import SshKeys
from ferryman.agent.workers.pool import WorkerPool
from ferryman.transport.http import HttpClient
from tests.e2e.processes.forked_processes import ForkedServer
from tests.e2e.processes.programs import FERRYMAN
from tests.e2e.processes.warm_programs import warm_programs
from tests.ports import free_port
from tests.waiting import AT_ONCE, PATIENCE, program_start

AGENTS = 100
LONGEST_PAUSE = 45.0
"""Seconds that an agent may pause before it dials again."""


class Server:
    """A server on a port and a database that outlive its process."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.directory = directory
        self.log = (directory / "server.log").open("w")
        self.process: ForkedServer | None = None
        self._run("init", "--directory", str(directory), "--listen", f"127.0.0.1:{self.port}", "--region", "us-east-1")

    def _run(self, *arguments: str) -> str:
        environment = {
            "PATH": os.environ["PATH"],
            "XDG_CONFIG_HOME": os.environ["XDG_CONFIG_HOME"],  # `init` creates a context
            "AWS_CONFIG_FILE": str(self.directory / "aws" / "config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.directory / "aws" / "credentials"),
        }
        done = warm_programs.run(FERRYMAN, *arguments, environment=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    async def start(self) -> None:
        """Start a process and wait until it answers."""
        self.process = await asyncio.to_thread(ForkedServer, self.directory / "ferryman.toml", self.log)
        async with asyncio.timeout(PATIENCE):
            while not (await self.health()):
                await asyncio.sleep(0.02)

    async def health(self) -> dict[str, Any]:
        """What /healthz says; empty while nothing answers."""
        try:
            async with aiohttp.ClientSession() as http, http.get(f"{self.url}/healthz") as answer:
                return dict(await answer.json())
        except aiohttp.ClientConnectionError:
            return {}

    async def activation(self) -> dict[str, str]:
        made = await asyncio.to_thread(self._run, "activation", "create", "--limit", str(AGENTS), "--json")
        return dict(json.loads(made))

    def kill(self) -> None:
        """End it without a word to anybody, as kill -9 does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def close(self) -> None:
        self.kill()
        self.log.close()


class Fleet:
    """The agents, and when each was last connected."""

    def __init__(self, server: Server, directory: Path) -> None:
        self.server = server
        self.directory = directory
        self.connected: dict[int, float] = {}
        self._changed = asyncio.Event()

    async def register(self) -> None:
        made = await self.server.activation()
        for number in range(AGENTS):
            await registration.register(
                self.server.url, "us-east-1", made["ActivationId"], made["ActivationCode"], self._state(number)
            )

    def _state(self, number: int) -> Path:
        return self.directory / f"node-{number}"

    async def run(self, number: int) -> None:
        """One agent's control loop, until cancelled."""

        def connected() -> None:
            self.connected[number] = time.monotonic()
            self._changed.set()

        state = StateDirectory(self._state(number))
        async with HttpClient(self.server.url, user_agent="t") as client:
            source = CredentialSource(state, client)
            pool, outbox = WorkerPool(state.path), Outbox()
            node_id = source.registration.node_id
            sessions = Sessions(node_id, SessionRecords(state.sessions), pool, outbox.add)
            try:
                await ControlChannel(client, source, outbox, SshKeys(state.path), connected).run(sessions)
            finally:
                sessions.close()
                await pool.close()

    async def all_connected(self) -> None:
        async with asyncio.timeout(2 * PATIENCE):  # each of a hundred needs its time
            while len(self.connected) < AGENTS:
                self._changed.clear()
                await self._changed.wait()


async def test_all_are_back_within_a_minute_of_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = rsa.generate_private_key(65537, 2048)
    monkeypatch.setattr(registration, "new_key", lambda: key)  # a hundred would take a quarter of a minute to make
    server = await asyncio.to_thread(Server, tmp_path)
    async with AsyncExitStack() as stack:
        stack.callback(server.close)
        await server.start()
        fleet = Fleet(server, tmp_path)
        await fleet.register()
        agents = [asyncio.create_task(fleet.run(number)) for number in range(AGENTS)]
        try:
            began = time.monotonic()
            await fleet.all_connected()
            first = time.monotonic() - began
            await asyncio.to_thread(server.kill)
            fleet.connected.clear()
            await server.start()
            listening = time.monotonic()
            await fleet.all_connected()
            assert not [agent for agent in agents if agent.done()]
            times = sorted(fleet.connected.values())
            assert times[-1] - listening < LONGEST_PAUSE + 3 * first + AT_ONCE * program_start()
            assert times[-1] - times[0] > 0.5  # they do not all dial in the same moment
            async with asyncio.timeout(PATIENCE):  # an agent may know before the server has counted it
                while (await server.health())["channels"] != AGENTS:
                    await asyncio.sleep(0.02)
        finally:
            for agent in agents:
                agent.cancel()
            await asyncio.gather(*agents, return_exceptions=True)


def test_whatever_the_outage_nobody_waits_for_a_minute() -> None:
    assert max(RECONNECT.delay(attempt, lambda size: bytes(size)) for attempt in range(1000)) <= LONGEST_PAUSE


def test_waits_are_spread_over_their_whole_length() -> None:
    """A thousand agents in tenths of the first wait: a hundred in each, give or take."""
    tenths = [0] * 10
    for _ in range(1000):
        tenths[int(RECONNECT.delay(0, os.urandom) / RECONNECT.initial * 9.999)] += 1
    assert min(tenths) > 40, tenths
