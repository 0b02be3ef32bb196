"""The lines of a session that is streamed to CloudWatch Logs, and the events that hold them. No I/O.

Lines are plain text: tabs are a space, carriage returns and control sequences are removed.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from ferryman.core.ports.recordings.recorder import BlockPosition
from ferryman.model.identifiers import Millis
from ferryman.model.values.timestamps import from_millis

MOST_LINE_BYTES = 33_000
"""Bytes of lines in one event, as AWS's agent has it; a longer line is divided."""
_LINE_OVERHEAD = 3
"""What a line adds to an event's JSON beside its text: quotes and a comma. Empty lines are not free."""
_CONTROL = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]?"  # CSI
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)"  # strings: OSC, DCS, SOS, PM, APC
    r"|\x1b[ -/]*[0-~]?"
    r"|[\x00-\x08\x0a-\x1f\x7f-\x9f]",
    re.DOTALL,
)


class Streamed(msgspec.Struct, frozen=True):
    """How much of a recording was streamed: all output up to byte `skip` of the block behind `number`.

    `number` and `readable_from` are those of a `BlockPosition`; -1 means the beginning of the recording.
    """

    number: int = -1
    readable_from: int = 0
    skip: int = 0

    @property
    def after(self) -> BlockPosition | None:
        """Return the block to continue behind."""
        return None if self.number < 0 else BlockPosition(self.number, self.readable_from)


FROM_THE_BEGINNING = Streamed()


class LineStream:
    """Divides output into lines, and knows where the first incomplete line begins.

    `streamed` is where an earlier process ended.
    """

    def __init__(self, streamed: Streamed = FROM_THE_BEGINNING) -> None:
        self.streamed = streamed
        """How far lines were returned."""
        self._skip = streamed.skip
        self._before = (streamed.number, streamed.readable_from)
        self._rest = b""

    def add(self, position: BlockPosition, data: bytes) -> list[str]:
        """Return the lines that are complete with the output of the next block, at `position`."""
        skipped, self._skip = min(self._skip, len(data)), 0
        text = self._rest + data[skipped:]
        begin = skipped - len(self._rest)
        """Where `text` begins in `data`, before it if negative."""
        ended = text.rfind(b"\n") + 1
        lines = text[:ended].split(b"\n")[:-1] if ended else []
        while len(text) - ended >= MOST_LINE_BYTES:
            # Never inside what was there before: a position is only in the block that was added last.
            end = max(_character_end(text, ended + MOST_LINE_BYTES), -begin)
            lines.append(text[ended:end])
            ended = end
        if ended:
            self.streamed = Streamed(*self._before, begin + ended)
        elif not self._rest:
            self.streamed = Streamed(*self._before, skipped)
        self._rest = text[ended:]
        self._before = (position.number, position.readable_from)
        if not self._rest:
            self.streamed = Streamed(*self._before)
        return [plain(line) for line in lines]

    def end(self) -> list[str]:
        """Return the last line, although nothing ends it; call it when the session has ended."""
        rest, self._rest = self._rest, b""
        self.streamed = Streamed(*self._before)
        return [plain(rest)] if rest else []


def plain(line: bytes) -> str:
    """Return a line as text without control sequences and control characters; a tab is a space."""
    return _CONTROL.sub("", line.decode(errors="replace").replace("\t", " "))


def packed(lines: Sequence[str]) -> Iterator[list[str]]:
    """Yield the lines in groups of at most MOST_LINE_BYTES of UTF-8; divides a line that is longer by itself."""
    group: list[str] = []
    size = 0
    for line in lines:
        for piece in _pieces(line):
            length = len(piece.encode()) + _LINE_OVERHEAD
            if group and size + length > MOST_LINE_BYTES:
                yield group
                group, size = [], 0
            group.append(piece)
            size += length
    if group:
        yield group


@dataclass(frozen=True, slots=True)
class StreamIdentity:
    """Whose session it is: `region` is this server's, `owner` the ARN of who started it."""

    session_id: str
    target: str
    owner: str
    run_as_user: str
    region: str


def stream_event(identity: StreamIdentity, at: Millis, lines: Sequence[str]) -> str:
    """Return the JSON of one event; the order of its members is AWS's (`protocol/agent.md` §6)."""
    members = {
        "eventVersion": "1.0",
        "eventTime": f"{from_millis(at):%Y-%m-%dT%H:%M:%SZ}",
        "awsRegion": identity.region,
        "target": {"id": identity.target},
        "userIdentity": {"arn": identity.owner},
        "runAsUser": identity.run_as_user,
        "sessionId": identity.session_id,
        "sessionData": lines,
    }
    return msgspec.json.encode(members).decode()


def _pieces(line: str) -> Iterator[str]:
    encoded = line.encode()
    while len(encoded) > MOST_LINE_BYTES:
        end = _character_end(encoded, MOST_LINE_BYTES)
        yield encoded[:end].decode()
        encoded = encoded[end:]
    yield encoded.decode()


def _character_end(data: bytes, end: int) -> int:
    """Return the end of the last whole character of UTF-8 before `end`; `end` itself in what is not UTF-8."""
    if end >= len(data):
        return len(data)
    start = end
    while start > end - 4 and data[start] & 0xC0 == 0x80:
        start -= 1
    return start if data[start] & 0xC0 != 0x80 else end
