"""The interface of a session type's handler, which knows its program or ports, and nothing about the channel."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from ferryman.agent.records import SUCCESS, SessionResult
from ferryman.channel.events import ClientReady, InputReceived
from ferryman.channel.key_agreement import Encryption
from ferryman.wire.agent_message import PayloadType


class Client(Protocol):
    """The session's client, as a handler sees it."""

    def capacity(self) -> int:
        """Return how many bytes of output may be sent now; 0 also while no client is connected."""

    def send(self, payload_type: PayloadType, payload: bytes) -> None:
        """Send output. Keep to `capacity`; exit codes and flags may go beyond it."""

    def consumed(self, number: int) -> None:
        """Acknowledge the input with this number and all before it."""

    def end(self, status: str = SUCCESS, output: str = "") -> None:
        """End the session immediately, with this result."""


class SessionHandler(Protocol):
    """One session's program or ports. All calls come from the event loop."""

    def on_client_ready(self, event: ClientReady) -> None:
        """Serve a client that has completed the handshake: the first, or another that takes over the session."""

    def on_client_replaced(self) -> None:
        """Prepare for another client, which will complete the handshake; input not yet consumed is lost."""

    def on_input(self, event: InputReceived) -> None:
        """Process input, in order; call `Client.consumed` for each."""

    def resume(self) -> None:
        """Continue if `Client.capacity` has grown. Called often: must be cheap when nothing has changed."""

    async def ended(self) -> SessionResult:
        """Wait until the session has ended by itself and all its output is with the client; return its result."""

    async def close(self) -> None:
        """Clean up everything, in bounded time."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A session that can be run: the facts that the client gets, and the function that creates its handler in a running
    loop.

    `properties` are those of a Port document, all text; None for other types. `idles`: the session ends when it is
    idle, even if the document sets no idle timeout. `encryption`: how it is encrypted end to end, None if it is not.
    """

    session_type: str
    properties: Mapping[str, str] | None
    make: Callable[[Client], SessionHandler]
    idles: bool = True
    encryption: Encryption | None = None
