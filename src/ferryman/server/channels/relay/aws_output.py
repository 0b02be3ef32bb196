"""Forwards the output of AWS's agent, which is resent until it is acknowledged; AWS's client acknowledges only once."""

import asyncio
from collections.abc import Awaitable, Callable

from ferryman.core.service import Service
from ferryman.server.channels import frames
from ferryman.server.channels.relay.acknowledgements import ClientAcknowledgements, completes_handshake
from ferryman.server.channels.relay.ends import RelayEnd
from ferryman.server.timeouts import Timeouts

IGNORED = 5
"""A client that has read a message this often without acknowledging it had it before: AWS's agent resends after 0.2 s
or more, by when the client's handlers are ready."""


class AwsOutput:
    """The output of one session's agent.

    `to_agent` sends the agent a frame, `catch_up` waits for a receiver that is behind.
    """

    def __init__(
        self,
        service: Service,
        timeouts: Timeouts,
        acknowledgements: ClientAcknowledgements,
        to_agent: Callable[[bytes], None],
        catch_up: Callable[[RelayEnd], Awaitable[None]],
    ) -> None:
        self._service = service
        self._timeouts = timeouts
        self._acknowledgements = acknowledgements
        self._to_agent = to_agent
        self._catch_up = catch_up
        self._ignored = -1
        self._times_ignored = 0

    async def forward(self, agent: RelayEnd, client: RelayEnd, frame: bytes, sequence: int, *, new: bool) -> None:
        """Forward an output frame, and make sure that a resent one is acknowledged."""
        if not new and sequence in self._acknowledgements:
            if agent.socket.send(frames.acknowledge(self._service, frame)):
                await self._catch_up(agent)
            return
        behind = client.socket.send(frame)
        if completes_handshake(frame):
            self._acknowledgements.handshake_completed(sequence)
            await asyncio.sleep(self._timeouts.handshake)
        if behind:
            await self._catch_up(client)
        elif not new and (self._acknowledgements.settled or self._acknowledgements.underway):
            client.socket.ask(lambda: self._acknowledge_for_client(client, frame, sequence))

    def _acknowledge_for_client(self, client: RelayEnd, frame: bytes, sequence: int) -> None:
        """Acknowledge a resent frame for a client that reads it again but does not: it did so before."""
        if client.socket.departure is not None or sequence in self._acknowledgements:
            return
        if not self._acknowledgements.settled and not self._is_ignored(sequence):
            return
        self._acknowledgements.add(sequence)
        self._to_agent(frames.acknowledge(self._service, frame))

    def _is_ignored(self, sequence: int) -> bool:
        """Count that a client read a frame of a session that another server began; whether it must have had it.

        The acknowledgement may have been lost when that server died. Without more output, there is no other sign.
        """
        self._times_ignored = self._times_ignored + 1 if sequence == self._ignored else 1
        self._ignored = sequence
        return self._times_ignored >= IGNORED
