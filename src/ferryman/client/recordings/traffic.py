"""Connections and copied files in recordings, and as sentences: formats for terminals have nothing else for them."""

from typing import TypeVar

import msgspec

from ferryman.client.recordings.events import RecordedEvent
from ferryman.model.values.text import one_line

CONNECTION, FILE = "c", "f"


class ConnectionEvent(msgspec.Struct, frozen=True):
    """A change of a connection: `state` is forwarding, opened, closed, unlisted or total.

    `sent` are bytes from the client, `received` from the node, of one connection or of all.
    """

    state: str
    host: str = ""
    port: str = ""
    connection: int = 0
    by: str = ""
    reason: str = ""
    sent: int = 0
    received: int = 0
    listed: int = 0
    connections: int = 0
    refused: int = 0
    complete: bool = True


class FileEvent(msgspec.Struct, frozen=True):
    """The file that a session copies, as its client says."""

    direction: str
    name: str
    destination: str = ""
    bytes: int | None = None


def connection_event(event: RecordedEvent) -> ConnectionEvent | None:
    """Return the change of a connection in an event; None if the event cannot be read."""
    return _read(event, CONNECTION, ConnectionEvent)


def traffic_sentence(event: RecordedEvent) -> str | None:
    """Return one line about the connection or file in an event; None for any other event."""
    if (connection := connection_event(event)) is not None:
        return one_line(_connection_sentence(connection))
    file = _read(event, FILE, FileEvent)
    return None if file is None else one_line(_file_sentence(file))


Said = TypeVar("Said", bound=msgspec.Struct)


def _read(event: RecordedEvent, kind: str, what: type[Said]) -> Said | None:
    if event.kind != kind:
        return None
    try:
        return msgspec.json.decode(event.data, type=what)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _connection_sentence(said: ConnectionEvent) -> str:
    sizes = f"{said.sent} bytes to the node, {said.received} from it"
    match said.state:
        case "forwarding":
            return f"Forwarding to {said.host or 'the node'}, port {said.port}."
        case "opened":
            return f"Connection {said.connection} opened."
        case "closed":
            reason = f" ({said.reason})" if said.reason else ""
            return f"Connection {said.connection} closed by {said.by}{reason}: {sizes}."
        case "unlisted":
            return f"Connections after the first {said.listed} are not listed."
        case _:
            missing = "" if said.complete else " The list is incomplete."
            return f"{said.connections} connections: {sizes}.{missing}"


def _file_sentence(said: FileEvent) -> str:
    to = f" to {said.destination}" if said.destination else ""
    size = "" if said.bytes is None else f", {said.bytes} bytes"
    return f"The client says: {said.direction} of {said.name}{to}{size}."
