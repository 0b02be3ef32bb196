"""The frames of smux, which multiplex port forwarding (`protocol/client.md` §10.4).

A byte stream of frames, cut anywhere by the messages that carry it. Version 1 is what AWS's ends speak; version 2 adds
UPD, a window for each stream, and between Ferryman's ends RST. Stream logic is not here.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum

VERSION = 1
WINDOWED_VERSION = 2
MAX_SENT = 32768
"""The largest frame that the reference implementation sends; receivers accept 65535."""
MAX_DATA = 65535
HEADER_SIZE = 8

_HEADER = struct.Struct("<BBHI")
_UPDATE = struct.Struct("<II")
unpack_header = _HEADER.unpack_from
"""Return the version, the command's number, the length of the data and the stream id of the frame at an offset."""


class Command(IntEnum):
    """The command of a frame, which acts on its stream."""

    SYN = 0
    FIN = 1
    PSH = 2
    NOP = 3
    UPD = 4
    """Version 2: how much the receiver has consumed, and how much more it accepts."""
    RST = 5
    """Version 2, Ferryman's addition: the stream is over in both directions; the data is a reason in UTF-8."""


_COMMANDS: dict[int, dict[int, Command]] = {
    VERSION: {command.value: command for command in Command if command <= Command.NOP},
    WINDOWED_VERSION: {command.value: command for command in Command},
}


@dataclass(frozen=True, slots=True)
class SmuxFrame:
    """One frame: `stream_id` is unsigned 32-bit, odd when the client opened it; `data` has at most 65535 bytes."""

    command: Command
    stream_id: int
    data: bytes = b""


class MalformedSmux(ValueError):
    """The byte stream is not smux of the agreed version."""


def encode(frame: SmuxFrame, version: int = VERSION) -> bytes:
    """Return the bytes of `frame`; raises struct.error when a number does not fit."""
    return header(frame.command, frame.stream_id, len(frame.data), version) + frame.data


def header(command: Command, stream_id: int, length: int, version: int) -> bytes:
    """Return the eight bytes before a frame's data; raises struct.error when a number does not fit."""
    return _HEADER.pack(version, command, length, stream_id)


def encode_update(consumed: int, window: int) -> bytes:
    """Return the data of an UPD frame: bytes of the stream consumed so far, modulo 2^32, and the window in bytes."""
    return _UPDATE.pack(consumed & 0xFFFFFFFF, window)


def decode_update(data: bytes) -> tuple[int, int]:
    """Return the arguments of `encode_update`; raises MalformedSmux."""
    if len(data) != _UPDATE.size:
        raise MalformedSmux(f"a window update has {_UPDATE.size} bytes, this one has {len(data)}")
    consumed, window = _UPDATE.unpack(data)
    return consumed, window


class SmuxReader:
    """Cuts a byte stream into frames of one version; holds at most one unfinished frame (65543 bytes)."""

    def __init__(self, version: int = VERSION) -> None:
        self._version = version
        self._commands = _COMMANDS[version]
        self._rest = bytearray()
        self._missing = 0

    def feed(self, data: bytes) -> list[SmuxFrame]:
        """Return the frames that `data` completes. Raises MalformedSmux; the stream is unusable afterwards."""
        if not self._rest:
            frames, used = self._cut(data)
            self._rest += memoryview(data)[used:]
            return frames
        self._rest += data
        self._missing -= len(data)
        if self._missing > 0:
            return []
        frames, used = self._cut(self._rest)
        del self._rest[:used]
        return frames

    def _cut(self, data: bytes | bytearray) -> tuple[list[SmuxFrame], int]:
        """Return the whole frames at the beginning of `data`, and how many bytes they have."""
        frames: list[SmuxFrame] = []
        start = 0
        size = len(data)
        while (begin := start + HEADER_SIZE) <= size:
            version, number, length, stream_id = _HEADER.unpack_from(data, start)
            command = self._commands.get(number)
            if version != self._version:
                raise MalformedSmux(f"smux version {version} is not {self._version}")
            if command is None:
                raise MalformedSmux(f"unknown smux command {number}")
            end = begin + length
            if end > size:
                self._missing = end - size
                return frames, start
            frames.append(SmuxFrame(command, stream_id, bytes(data[begin:end])))
            start = end
        self._missing = begin - size
        return frames, start
