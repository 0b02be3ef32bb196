"""The events of a recording, and their encoding inside a block.

The kinds are those of asciicast v3 (https://docs.asciinema.org/manual/asciicast/v3/), plus one for standard error,
which asciicast does not tell apart, and two for connections and files, which it does not have. Output and input are
bytes, exactly as the node or the client sent them: a character may be cut in two by the end of an event.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

import msgspec


class EventKind(StrEnum):
    """The kinds of events, by asciicast's letters."""

    OUTPUT = "o"
    STANDARD_ERROR = "e"
    INPUT = "i"
    RESIZE = "r"
    """The data are COLUMNSxROWS, such as 80x24."""
    MARKER = "m"
    """The data are a sentence in UTF-8."""
    EXIT = "x"
    """The data are the exit status in decimal digits."""
    CONNECTION = "c"
    """The data are JSON: what happened to a connection of a forwarded port."""
    FILE = "f"
    """The data are JSON: the file that the session copies, as its client says."""


class Event(NamedTuple):
    """One event. `at` is in milliseconds since the recording began, and never decreases."""

    at: int
    kind: EventKind
    data: bytes


class TranscriptPosition(msgspec.Struct, frozen=True, array_like=True):
    """How far a recording has followed its session, so that another process can continue it.

    `output` is the number of the output message expected next from the node; Ferryman's agent starts from 0 for each
    client, the last of which is `output_client`. `output_bytes` are the bytes of output and standard error recorded,
    and `repeated` those of them that the node is about to send again. `input` is the number of the input message
    expected next from `input_client`. `exited`: the exit status is recorded. `skipped` are gaps between output messages
    that were given up: the first number of each, and the one behind its last.
    """

    output: int = 0
    output_client: str = ""
    output_bytes: int = 0
    repeated: int = 0
    input: int = 0
    input_client: str = ""
    exited: bool = False
    skipped: tuple[tuple[int, int], ...] = ()


class Content(msgspec.Struct, frozen=True, array_like=True):
    """The content of a block: events in order, and the position behind the last of them."""

    events: list[Event]
    position: TranscriptPosition


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Content)


def encode_content(events: Sequence[Event], position: TranscriptPosition) -> bytes:
    """Return MessagePack: an array of the events and the position, each an array of its fields."""
    return _encoder.encode(Content(list(events), position))


def encode_position(position: TranscriptPosition) -> bytes:
    """Return MessagePack: an array of the fields, the second part of a content."""
    return _encoder.encode(position)


def decode_content(data: bytes) -> tuple[list[Event], TranscriptPosition]:
    """Return what was passed to `encode_content`; raises ValueError."""
    content = _decoder.decode(data)
    return content.events, content.position
