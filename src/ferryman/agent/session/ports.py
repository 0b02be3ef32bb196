"""Port sessions: connects a client to a port in the way that the client supports (`protocol/agent.md` §5.5)."""

import asyncio
from collections.abc import Coroutine

from ferryman.agent.logs import logger
from ferryman.agent.records import FAILED, SUCCESS, SessionResult, new_result
from ferryman.agent.session.destinations import Destination, DestinationDenied, DialFailed
from ferryman.agent.session.mux_forward import MuxForward
from ferryman.agent.session.plain_forward import PlainForward
from ferryman.agent.session.session_handler import Client
from ferryman.channel.events import ClientReady, InputReceived
from ferryman.channel.negotiation import AWS
from ferryman.channel.peer_versions import client_multiplexes
from ferryman.wire.agent_message import Flag, PayloadType
from ferryman.wire.payloads import encode_flag

_TERMINATE = encode_flag(Flag.TERMINATE_SESSION)
_LOG = logger("ports")


class PortSession:
    """Forwards to a destination. `forwards`: for a client with a listener; otherwise its standard streams (SSH)."""

    def __init__(self, client: Client, destination: Destination, *, forwards: bool) -> None:
        self._client = client
        self._destination = destination
        self._forwards = forwards
        self._forward: MuxForward | PlainForward | None = None
        self._over = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def on_client_ready(self, event: ClientReady) -> None:
        """Connect the client to the destination in the way that it supports."""
        if self._forward is not None:
            self._forward.close()
        if self._forwards and (event.agreed != AWS or client_multiplexes(event.client_version)):
            self._forward = MuxForward(self._client, self._destination, event.mux, event.agreed.max_payload)
            self._run(self._refuse_denied())
        else:
            forward = PlainForward(self._client, self._destination, lasting=self._forwards)
            self._forward = forward
            self._run(self._follow(forward))

    def on_client_replaced(self) -> None:
        """Drop the connections: they belonged to the earlier client, and another cannot continue them."""
        if self._forward is not None:
            self._forward.close()
            self._forward = None

    def on_input(self, event: InputReceived) -> None:
        """Pass input to the connection; act on flags."""
        if event.payload_type == PayloadType.FLAG and event.payload == _TERMINATE:
            self._client.end()
        elif self._forward is not None:
            self._forward.on_input(event)
            return
        self._client.consumed(event.sequence_number)

    def resume(self) -> None:
        """Move waiting data in both directions."""
        if self._forward is not None:
            self._forward.resume()

    async def ended(self) -> SessionResult:
        """Wait for the end of the connection that the session is for; a session that forwards has none."""
        await self._over.wait()
        return new_result(SUCCESS)

    async def close(self) -> None:
        """Drop the connections."""
        self.on_client_replaced()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _follow(self, forward: PlainForward) -> None:
        await forward.ended.wait()
        if self._forward is forward:
            self._over.set()

    async def _refuse_denied(self) -> None:
        """End a session whose host is denied: it can never connect. Other failures may be temporary."""
        try:
            await self._destination.addresses()
        except DestinationDenied as error:
            self._client.end(FAILED, str(error))
        except DialFailed as error:
            _LOG.warning("host not resolved", reason=str(error))

    def _run(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
