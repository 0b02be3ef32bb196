"""What all sessions of one program share: the API, the way to data channels, how long an outage may last."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ferryman.model.failures import Failure
from ferryman.model.versions import CLIENT_VERSION
from ferryman.plugin.api_client import Api, Connection
from ferryman.plugin.api_client import connect as connect_api
from ferryman.plugin.arguments import InvalidArguments
from ferryman.plugin.carried_session import CarriedSession, Traffic
from ferryman.plugin.service_client import ServiceClient
from ferryman.plugin.starting import start_session
from ferryman.plugin.target import Target, find_nodes
from ferryman.transport.dialler import Dialler

HEARTBEAT_SECONDS = 15.0
USER_AGENT = f"ferryman/{CLIENT_VERSION}"

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Client:
    """Starts sessions. `reconnect_seconds`: for how long a lost connection is tried to be restored."""

    api: Api
    dialler: Dialler
    service: ServiceClient
    reconnect_seconds: float

    async def call(self, function: Callable[..., _Result], *arguments: object) -> _Result:
        """Call what calls the API, beside the event loop."""
        return await asyncio.to_thread(function, self.api, *arguments)

    async def find(self, targets: Sequence[str]) -> list[Target]:
        """Return the nodes that are meant. Raises `Failure`."""
        return await self.call(find_nodes, targets)

    async def start(
        self, node_id: str, document: str, parameters: Mapping[str, str], traffic: Traffic
    ) -> CarriedSession:
        """Start a session and wait until it is open. Raises `Failure`."""
        try:
            launch = await self.call(start_session, node_id, document, parameters)
        except InvalidArguments as error:
            raise Failure("The session was not started", str(error).strip().rstrip(".")) from error
        session = CarriedSession(launch, self.dialler, self.service, self.reconnect_seconds, traffic)
        try:
            await session.started()
        except BaseException:
            await session.close()
            raise
        return session


@asynccontextmanager
async def open_client(connection: Connection, reconnect_seconds: float) -> AsyncIterator[Client]:
    """Give a client while the context lasts. Raises `Failure` for a configuration without server or credentials."""
    api = await asyncio.to_thread(connect_api, connection)
    async with Dialler(user_agent=USER_AGENT, heartbeat=HEARTBEAT_SECONDS, ca_file=_ca_file(api)) as dialler:
        service = ServiceClient(api.region, api.profile, api.endpoint_url)
        yield Client(api, dialler, service, reconnect_seconds)


def _ca_file(api: Api) -> Path | None:
    return Path(api.ca_file).expanduser() if api.ca_file else None
