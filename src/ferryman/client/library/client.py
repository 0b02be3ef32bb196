"""The parts that all sessions of a program share: the API, the dialler of data channels, and the limit of an outage."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from ferryman.channel.backoff import Backoff
from ferryman.client.calls.api import Api, Connection
from ferryman.client.calls.api import connect as connect_api
from ferryman.client.calls.endpoints import Absent
from ferryman.client.calls.launch import Launch
from ferryman.client.calls.resume_session import ServiceClient
from ferryman.client.calls.start_session import start_session
from ferryman.client.calls.targets import Target, find_nodes
from ferryman.client.library.background_session import BackgroundHandler, BackgroundSession
from ferryman.client.session.driver import HEARTBEAT_SECONDS
from ferryman.model.values.versions import CLIENT_VERSION
from ferryman.transport.dialler import Dialler

START_AGAIN = Backoff(initial=0.2, ratio=2.0, cap=5.0)
USER_AGENT = f"ferryman/{CLIENT_VERSION}"

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Client:
    """Starts sessions. `reconnect_seconds` is the longest outage that a session survives.

    `on_notice` gets lines for people, such as that a node does not answer; `on_greeting` those with which agents begin
    sessions, such as that they are encrypted. `reached` are the nodes with which a session
    was started before.
    """

    api: Api
    dialler: Dialler
    service: ServiceClient
    reconnect_seconds: float
    on_notice: Callable[[str], None] = lambda _: None
    on_greeting: Callable[[str], None] = lambda _: None
    reached: set[str] = field(default_factory=set)

    async def call(self, function: Callable[..., _Result], *arguments: object) -> _Result:
        """Run `function`, which calls the API, in a thread."""
        return await asyncio.to_thread(function, self.api, *arguments)

    async def find(self, targets: Sequence[str]) -> list[Target]:
        """Return the nodes that `targets` match. Raises `Failure`."""
        return await self.call(find_nodes, targets)

    async def start(
        self,
        node_id: str,
        document: str,
        parameters: Mapping[str, str],
        handler: BackgroundHandler,
        reason: str = "",
    ) -> BackgroundSession:
        """Start a session and wait until it is open. Raises `Failure`.

        If the node is offline but had a session before, this waits for it: a copy, which takes several sessions, must
        survive the outages that a single session survives.
        """
        launch = await self._launch(node_id, document, parameters, reason)
        session = BackgroundSession(
            launch, self.dialler, self.service, self.reconnect_seconds, handler, self.on_notice, self.on_greeting
        )
        try:
            await session.started()
        except BaseException:
            await session.close()
            raise
        self.reached.add(node_id)
        return session

    async def _launch(self, node_id: str, document: str, parameters: Mapping[str, str], reason: str) -> Launch:
        until = time.monotonic() + (self.reconnect_seconds if node_id in self.reached else 0.0)
        attempt = 0
        while True:
            try:
                return await self.call(start_session, node_id, document, parameters, reason)
            except Absent:
                wait = START_AGAIN.delay(attempt, os.urandom)
                if time.monotonic() + wait >= until:
                    raise
            await asyncio.sleep(wait)
            attempt += 1


@asynccontextmanager
async def open_client(
    connection: Connection,
    reconnect_seconds: float,
    on_notice: Callable[[str], None] = lambda _: None,
    on_greeting: Callable[[str], None] = lambda _: None,
) -> AsyncIterator[Client]:
    """Yield a client. Raises `Failure` for a configuration without server or credentials."""
    api = await asyncio.to_thread(connect_api, connection)
    async with Dialler(user_agent=USER_AGENT, heartbeat=HEARTBEAT_SECONDS, ca_file=_ca_file(api)) as dialler:
        service = ServiceClient(api.region, api.profile, api.endpoint_url)
        yield Client(api, dialler, service, reconnect_seconds, on_notice, on_greeting)


def _ca_file(api: Api) -> Path | None:
    return Path(api.ca_file).expanduser() if api.ca_file else None
