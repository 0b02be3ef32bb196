"""What tests of port sessions share."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest_asyncio

from ferryman.agent.identity.credentials import CredentialSource
from ferryman.agent.identity.state import StateDirectory
from ferryman.transport.http import HttpClient
from tests.unit.agent.peers import Service
from tests.unit.agent.session.port_sessions import Node, Serve


@pytest_asyncio.fixture(loop_scope="function")
async def node(service: Service, state: StateDirectory) -> AsyncIterator[Node]:
    async with HttpClient(service.url, user_agent="t") as http:
        yield Node(CredentialSource(state, http), http, service)


@pytest_asyncio.fixture(loop_scope="function")
async def serve() -> AsyncIterator[Callable[[Serve], Any]]:
    """Serve a function on a free port of this machine; returns the port."""
    servers = []

    async def start(handler: Serve, host: str = "127.0.0.1") -> int:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(ConnectionError):
                await handler(reader, writer)
            writer.close()

        server = await asyncio.start_server(handle, host, 0, limit=1 << 20)
        servers.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    yield start
    for server in servers:
        server.close()
        await server.wait_closed()
