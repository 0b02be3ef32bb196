"""The frames of smux version 1, which multiplex port forwarding (`protocol/client.md` §10.4).

A byte stream of frames, cut anywhere by the messages that carry it. Stream logic is not here.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum

VERSION = 1
MAX_SENT = 32768
"""Largest frame that the reference sends; a receiver takes 65535."""

_HEADER = struct.Struct("<BBHI")


class Command(IntEnum):
    """What a frame does to its stream."""

    SYN = 0
    FIN = 1
    PSH = 2
    NOP = 3


@dataclass(frozen=True, slots=True)
class SmuxFrame:
    """One frame: `stream_id` is unsigned 32-bit, odd when the client opened it; `data` has at most 65535 bytes."""

    command: Command
    stream_id: int
    data: bytes = b""


class MalformedSmux(ValueError):
    """A byte stream that is no smux version 1."""


def encode(frame: SmuxFrame) -> bytes:
    """Return the bytes of `frame`; raises struct.error when a number does not fit."""
    return _HEADER.pack(VERSION, frame.command, len(frame.data), frame.stream_id) + frame.data


class SmuxReader:
    """Cuts a byte stream into frames; holds at most one unfinished frame (65543 bytes)."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[SmuxFrame]:
        """Return the frames that `data` completes. Raises MalformedSmux; the stream is unusable afterwards."""
        self._rest += data
        frames = []
        start = 0
        while len(self._rest) - start >= _HEADER.size:
            version, command, length, stream_id = _HEADER.unpack_from(self._rest, start)
            if version != VERSION:
                raise MalformedSmux(f"smux version {version} is not {VERSION}")
            if command > Command.NOP:
                raise MalformedSmux(f"unknown smux command {command}")
            end = start + _HEADER.size + length
            if end > len(self._rest):
                break
            frames.append(SmuxFrame(Command(command), stream_id, self._rest[start + _HEADER.size : end]))
            start = end
        self._rest = self._rest[start:]
        return frames
