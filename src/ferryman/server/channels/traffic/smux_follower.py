"""Follows one direction of a smux session by the headers of its frames (`protocol/client.md` §10.4)."""

from collections.abc import Callable

from ferryman.server.channels.traffic.connection_list import LONGEST_REASON
from ferryman.wire.smux import (
    HEADER_SIZE,
    VERSION,
    WINDOWED_VERSION,
    Command,
    MalformedSmux,
    unpack_header,
)

_LAST_COMMAND = {VERSION: Command.NOP, WINDOWED_VERSION: Command.RST}
OnFrame = Callable[[Command, int, int, bytes], None]
"""Gets a frame's command, its stream's id, the length of its data, and for RST the beginning of the reason."""


class SmuxFollower:
    """Finds the frames in a byte stream that messages cut anywhere; what they carry is skipped, not copied."""

    __slots__ = ("_begun", "_left", "_on_frame", "version")

    def __init__(self, on_frame: OnFrame) -> None:
        self.version = 0
        """That of the first frame, 0 before."""
        self._on_frame = on_frame
        self._left = 0
        """Bytes of the current frame's data that have not come yet."""
        self._begun = b""
        """The beginning of a header whose end has not come yet."""

    def feed(self, message: bytes, start: int) -> None:
        """Read the stream's next bytes: `message` from `start` on. Raises MalformedSmux; it is unusable afterwards."""
        size = len(message)
        at = start + self._left
        if at >= size:
            self._left = at - size
            return
        if self._begun:
            rest = HEADER_SIZE - len(self._begun)
            header = self._begun + message[at : at + rest]
            if len(header) < HEADER_SIZE:
                self._begun = header
                return
            self._begun = b""
            at += rest
            at += self._frame(header, 0, message, at)
        while (data := at + HEADER_SIZE) <= size:
            at = data + self._frame(message, at, message, data)
        self._left = max(0, at - size)
        if at < size:
            self._begun = message[at:]

    def _frame(self, header: bytes, at: int, message: bytes, data: int) -> int:
        """Report the frame whose header begins at `at`, and its data at `data`; return how much data it has."""
        version, command, length, stream_id = unpack_header(header, at)
        if version != self.version:
            if self.version or version not in _LAST_COMMAND:
                raise MalformedSmux(f"smux version {version} after {self.version}")
            self.version = version
        if command > _LAST_COMMAND[version]:
            raise MalformedSmux(f"unknown smux command {command}")
        reason = message[data : data + min(length, LONGEST_REASON)] if command == Command.RST else b""
        self._on_frame(command, stream_id, length, reason)
        return int(length)
