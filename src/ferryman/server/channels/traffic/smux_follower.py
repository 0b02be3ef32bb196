"""Follows one direction of a smux session by the headers of its frames (`protocol/client.md` §10.4)."""

from collections.abc import Callable

from ferryman.server.channels.traffic.connection_list import LONGEST_REASON
from ferryman.wire.agent_message import HEADER_SIZE as _MESSAGE_HEADER
from ferryman.wire.smux import (
    HEADER_SIZE,
    VERSION,
    WINDOWED_VERSION,
    Command,
    MalformedSmux,
    unpack_header,
)

MOST_FRAMES = 2048
"""Frames that are read at once. Ends send far fewer; hundreds of thousands of headers would hold up the server."""
_LAST_COMMAND = {VERSION: int(Command.NOP), WINDOWED_VERSION: int(Command.RST)}
_DATA, _RESET = int(Command.PSH), int(Command.RST)
OnFrame = Callable[[int, int, bytes], None]
"""Gets the command and the stream's id of a frame without data, and for RST the beginning of the reason."""


class SmuxFollower:
    """Finds the frames in a byte stream that messages cut anywhere; what they carry is skipped, not copied.

    `on_frame` gets those that are not data. Data, nearly all that comes, is counted here: `total` bytes, and in `sizes`
    those of the streams that are in it. `headers` is about how many frames were read.
    """

    __slots__ = ("_begun", "_left", "_on_frame", "headers", "sizes", "total", "version")

    def __init__(self, on_frame: OnFrame) -> None:
        self.version = 0
        """That of the first frame, 0 before."""
        self.total = self.headers = 0
        self.sizes: dict[int, int] = {}
        self._on_frame = on_frame
        self._left = 0
        """Bytes of the current frame's data that have not come yet."""
        self._begun = b""
        """The beginning of a header whose end has not come yet."""

    def feed(self, message: bytes) -> None:
        """Read the next message, header included. Raises MalformedSmux; the stream is unusable afterwards."""
        size = len(message)
        at = _MESSAGE_HEADER + self._left
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
        for count in range(MOST_FRAMES):
            if (data := at + HEADER_SIZE) > size:
                self.headers += count
                break
            at = data + self._frame(message, at, message, data)
        else:
            raise MalformedSmux("too many frames in one message")
        self._left = max(0, at - size)
        if at < size:
            self._begun = message[at:]

    def _frame(self, header: bytes, at: int, message: bytes, data: int) -> int:
        """Count or report the frame whose header begins at `at`, and its data at `data`; return how much it has."""
        version, command, length, stream_id = unpack_header(header, at)
        if command == _DATA and version == self.version:
            self.total += length
            if stream_id in self.sizes:
                self.sizes[stream_id] += length
            return int(length)
        if version != self.version:
            if self.version or version not in _LAST_COMMAND:
                raise MalformedSmux(f"smux version {version} after {self.version}")
            self.version = version
        if command > _LAST_COMMAND[version]:
            raise MalformedSmux(f"unknown smux command {command}")
        if command == _DATA:
            return self._frame(header, at, message, data)
        self._on_frame(
            command, stream_id, message[data : data + min(length, LONGEST_REASON)] if command == _RESET else b""
        )
        return int(length)
