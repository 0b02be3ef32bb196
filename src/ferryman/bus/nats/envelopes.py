"""Envelopes around the port's payloads between servers, through NATS: msgspec structs, MessagePack on the wire.

Subjects carry the version: servers that speak another one do not hear each other.
"""

from typing import TypeVar

import msgspec

VERSION = 1


class Request(msgspec.Struct, frozen=True, tag=0, array_like=True):
    """Handle `body` and send a `Reply`. `trace` is what caused it (`core.ports.tracing`), if that is traced."""

    body: bytes
    trace: str | None = None


class Probe(msgspec.Struct, frozen=True, tag=1, array_like=True):
    """Send `Reply` without asking the handler: the subject has a subscriber."""


class Publication(msgspec.Struct, frozen=True, tag=2, array_like=True):
    """Handle `body`; `origin` is the bus that published it, whose own subscribers have it already."""

    origin: str
    body: bytes


class Holding(msgspec.Struct, frozen=True, tag=3, array_like=True):
    """The bus `origin` has a subscriber, since so many milliseconds after the epoch.

    With `taken`, it is the newest subscriber of all. Without, after a connection was lost, the later one is.
    """

    origin: str
    since: int
    taken: bool


class Reply(msgspec.Struct, frozen=True, tag=4, array_like=True):
    """What the handler returned."""

    body: bytes


class Absent(msgspec.Struct, frozen=True, tag=5, array_like=True):
    """The subscriber has just gone."""


class Failed(msgspec.Struct, frozen=True, tag=6, array_like=True):
    """There will be no reply; `reason` is a phrase."""

    reason: str


Asked = Request | Probe
"""To one server with a subscriber."""
Told = Publication | Holding
"""To every server with a subscriber."""
Answered = Reply | Absent | Failed

encode = msgspec.msgpack.Encoder().encode
_asked: msgspec.msgpack.Decoder[Asked] = msgspec.msgpack.Decoder(Asked)
_told: msgspec.msgpack.Decoder[Told] = msgspec.msgpack.Decoder(Told)
_answered: msgspec.msgpack.Decoder[Answered] = msgspec.msgpack.Decoder(Answered)


Envelope = TypeVar("Envelope")


def decode_asked(data: bytes) -> Asked:
    """Parse a message to one server; raises `msgspec.DecodeError`."""
    return _decode(_asked, data)


def decode_told(data: bytes) -> Told:
    """Parse a message to every server; raises `msgspec.DecodeError`."""
    return _decode(_told, data)


def decode_answered(data: bytes) -> Answered:
    """Parse an answer; raises `msgspec.DecodeError`."""
    return _decode(_answered, data)


def _decode(decoder: "msgspec.msgpack.Decoder[Envelope]", data: bytes) -> Envelope:
    try:
        return decoder.decode(data)
    except (UnicodeDecodeError, RecursionError) as error:
        raise msgspec.DecodeError(str(error)) from error
