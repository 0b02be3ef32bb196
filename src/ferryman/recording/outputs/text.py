"""The text of a session's log, as AWS's agent writes it: what the terminal showed, between two lines of `script`.

The text is a function of the recording: making it again, after a failure or on another server, gives the same bytes.
"""

from codecs import getincrementaldecoder
from collections.abc import Iterable, Iterator

from ferryman.core.ports.recordings.recorder import BlockPosition, RecordedEvent
from ferryman.core.ports.recordings.store import Recording
from ferryman.model.identifiers import Millis
from ferryman.model.values.timestamps import from_millis
from ferryman.recording.events import EventKind

_SHOWN = frozenset({EventKind.OUTPUT, EventKind.STANDARD_ERROR})
_LOSS = b" missing"
"""The text of markers that say that output was lost."""


def shown(events: Iterable[RecordedEvent]) -> bytes:
    """Return the text that the events show: output, standard error, and a line in brackets where output is missing."""
    return b"".join(
        event.data if event.kind in _SHOWN else b"\r\n[%b]\r\n" % event.data
        for event in events
        if event.kind in _SHOWN or (event.kind == EventKind.MARKER and _LOSS in event.data)
    )


def script_log(recording: Recording, blocks: Iterable[tuple[BlockPosition, list[RecordedEvent]]]) -> Iterator[bytes]:
    """Yield the pieces of the log of a finished recording, from its `Script started on` to its `Script done on` line.

    The times are those of the recording, in UTC. The exit status is that of the command, if it has one.
    """
    yield b"Script started on %b\n" % _moment(recording.started_at)
    status = b""
    for _, events in blocks:
        yield shown(events)
        status = next((event.data for event in events if event.kind == EventKind.EXIT), status)
    done = _moment(Millis(recording.started_at + (recording.duration or 0)))
    yield b"\nScript done on %b%b\n" % (done, b' [COMMAND_EXIT_CODE="%b"]' % status if status else b"")


def event_messages(pieces: Iterable[bytes], most: int) -> Iterator[str]:
    """Yield the text of a log in messages of at most `most` bytes in UTF-8, whole lines where they fit, ended by LF."""
    decoder = getincrementaldecoder("utf-8")("replace")
    waiting = held = ""
    for piece in pieces:
        text = held + decoder.decode(piece)
        held = "\r" if text.endswith("\r") else ""  # an LF may follow
        waiting += text.removesuffix(held).replace("\r\n", "\n")
        while len(waiting.encode()) > most:
            message = _longest(waiting, most)
            yield message
            waiting = waiting[len(message) :]
    waiting += held + decoder.decode(b"", final=True)
    while waiting:
        message = _longest(waiting, most)
        yield message
        waiting = waiting[len(message) :]


def _longest(text: str, most: int) -> str:
    """Return the longest beginning of at most `most` bytes, up to the end of a line if it has one."""
    cut = text.encode()[:most].decode(errors="ignore")
    line_end = cut.rfind("\n")
    return cut if line_end < 0 else cut[: line_end + 1]


def _moment(millis: Millis) -> bytes:
    return f"{from_millis(millis):%Y-%m-%d %H:%M:%S}+00:00".encode()
