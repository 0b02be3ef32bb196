"""A scripted service: what an agent needs of a server, with every signature verified, and a client behind it."""

import asyncio
import itertools
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path

import pytest
import pytest_asyncio
import uvloop
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from ferryman.agent.identity import registration
from ferryman.agent.identity.node_key import new_key
from ferryman.agent.identity.registration import register
from ferryman.agent.identity.state import StateDirectory
from ferryman.agent.records import SessionRecords
from tests.unit.agent.agent_processes import PROGRAM, Agent, StartAgent, end_process
from tests.unit.agent.peers import (
    ACTIVATION_CODE,
    ACTIVATION_ID,
    REGION,
    Client,
    Service,
)


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run these tests on the agent's own loop."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session")
def node_keys() -> Iterator[RSAPrivateKey]:
    """Keys for nodes, never the same twice in a row: generating one takes a tenth of a second."""
    return itertools.cycle([new_key() for _ in range(3)])


@pytest.fixture(autouse=True)
def generated_keys(node_keys: Iterator[RSAPrivateKey], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes are registered with keys that were generated before."""
    monkeypatch.setattr(registration, "new_key", lambda: next(node_keys))


@pytest_asyncio.fixture(loop_scope="function")
async def service() -> AsyncIterator[Service]:
    scripted = Service()
    await scripted.start()
    yield scripted
    await scripted.stop()


@pytest_asyncio.fixture(loop_scope="function")
async def state(service: Service, tmp_path: Path) -> StateDirectory:
    """The state directory of a registered node."""
    await register(service.url, REGION, ACTIVATION_ID, ACTIVATION_CODE, tmp_path / "state")
    return StateDirectory(tmp_path / "state")


@pytest_asyncio.fixture(loop_scope="function")
async def client() -> AsyncIterator[Client]:
    behind = Client()
    yield behind
    await behind.leave()


@pytest_asyncio.fixture(loop_scope="function")
async def plain_client() -> AsyncIterator[Client]:
    """A client that can do what AWS's can."""
    behind = Client(plain=True)
    yield behind
    await behind.leave()


@pytest_asyncio.fixture(loop_scope="function")
async def start_agent(state: StateDirectory) -> AsyncIterator[StartAgent]:
    agents: list[Agent] = []

    async def start() -> Agent:
        environment = {**os.environ, "AWS_SECRET_ACCESS_KEY": "not for the shell", "HOME": str(state.path)}
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", PROGRAM, str(state.path), env=environment)
        agents.append(Agent(process))
        return agents[-1]

    yield start
    for agent in agents:
        if agent.process.returncode is None:
            await agent.stop()
    for record in SessionRecords(state.sessions).all():
        if record.pid:
            end_process(record.pid)
