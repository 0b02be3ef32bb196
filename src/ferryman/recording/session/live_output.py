"""Live output of a session for its watchers: the last output in order, and everything that follows. No I/O.

While nobody watches, a frame costs one append: only the newest frames are kept, as the relay has them. They are put in
order when somebody begins to watch.
"""

import asyncio
import codecs
from collections import deque
from collections.abc import Callable
from itertools import pairwise

from ferryman.recording.events import Event, EventKind, TranscriptPosition, decode_content
from ferryman.recording.session.screen_text import screen_text
from ferryman.recording.session.transcript import Transcript
from ferryman.wire.agent_message import HEADER_SIZE, PayloadType

KEPT_BYTES = 512 * 1024
"""Memory for the newest frames of a session; a screen is drawn from them."""
SCREEN_CHARACTERS = 256 * 1024
"""The longest text that draws a screen."""
DEFAULT_SIZE = (80, 24)
_FRAME_BYTES = 64
"""Memory that a kept frame takes in addition to its bytes."""
_TURN = 200
"""How many frames are put in order before others get a turn."""
_STRAY = 16
"""How many missing numbers may still arrive; a message further back is an old one that was sent again."""
_SEQUENCE = slice(48, 56)
_PAYLOAD_TYPE = slice(112, 116)
_COUNTED = frozenset(each.to_bytes(4, "big") for each in (PayloadType.OUTPUT, PayloadType.STD_ERR))
LiveEvent = tuple[int, str, str]
"""Milliseconds since the session began, kind (o, r, m, x), text."""


class LiveOutput:
    """The output of one session on this server.

    `elapsed` returns milliseconds since the session began. `underway`: it began before this server had it.
    `plain`: it has no terminal, so its line feeds mean a new line.
    """

    def __init__(self, elapsed: Callable[[], int], *, underway: bool, plain: bool = False) -> None:
        self._elapsed = elapsed
        self._plain = plain
        self._frames: deque[bytes] = deque()
        self._kept = self._dropped = 0
        self._incomplete = self._numbered_late = underway
        self._client = ""
        self._transcript: Transcript | None = None
        self._arrived: list[bytes | tuple[str, int | None]] | None = None
        """Frames and publications that came while the kept frames are put in order."""
        self._screen = _Screen(plain=self._plain)
        self.size = DEFAULT_SIZE

    def output(self, frame: bytes) -> bool:
        """Keep an output message of the node; True if events may wait for `new_events`."""
        self._frames.append(frame)
        self._kept += len(frame) + _FRAME_BYTES
        while self._kept > KEPT_BYTES:
            first = self._frames.popleft()
            self._kept -= len(first) + _FRAME_BYTES
            self._incomplete = True
            if first[_PAYLOAD_TYPE] in _COUNTED:
                self._dropped += len(first) - HEADER_SIZE
        if self._arrived is not None:
            self._arrived.append(frame)
        elif self._transcript is not None:
            self._transcript.output(_number(frame), frame)
            return True
        return False

    def resized(self, columns: int, rows: int) -> LiveEvent | None:
        """Note the size of the person's terminal; returns the event, None if it is the same."""
        if (columns, rows) == self.size:
            return None
        self.size = (columns, rows)
        return self._elapsed(), "r", f"{columns}x{rows}"

    def publication(self, client_id: str, delivered: int | None) -> None:
        """What follows is for this client, behind `delivered` bytes of output, as `Transcript` has it.

        A client that takes a session over is shown only what follows, so the screen begins there.
        """
        if client_id != self._client:
            if self._client:
                self._frames.clear()
                self._kept = 0
                self._incomplete = self._numbered_late = False
            self._client, self._dropped = client_id, delivered or 0
        if self._arrived is not None:
            self._arrived.append((client_id, delivered))
        elif self._transcript is not None:
            self._transcript.publication(client_id, delivered)

    def tick(self) -> None:
        """Give up on messages that have been missing for too long; call it about once a second."""
        if self._transcript is not None:
            self._transcript.check_gap()

    def new_events(self) -> list[LiveEvent]:
        """Return the events since the last call; none before `follow`. Bytes that are not UTF-8 become U+FFFD."""
        if self._transcript is None or self._arrived is not None:
            return []
        return self._screen.taken(self._transcript)

    async def follow(self) -> None:
        """Put the kept frames in order: `screen` shows them, `new_events` returns later events. Idempotent."""
        if self._transcript is not None:
            return
        frames = list(self._frames)
        first = _first(frames) if self._incomplete else 0
        position = TranscriptPosition(first, output_client=self._client, output_bytes=self._dropped)
        self._transcript = transcript = Transcript(self._elapsed, position)
        if self._numbered_late and not frames:
            transcript.resynchronise()
        self._screen = _Screen(plain=self._plain)
        self._arrived = []
        try:
            for place in range(0, len(frames), _TURN):
                for frame in frames[place : place + _TURN]:
                    transcript.output(_number(frame), frame)
                self._screen.taken(transcript)
                await asyncio.sleep(0)
            for arrived in self._arrived:
                if isinstance(arrived, bytes):
                    transcript.output(_number(arrived), arrived)
                else:
                    transcript.publication(*arrived)
            self._screen.taken(transcript)
        finally:
            self._arrived = None

    def unfollow(self) -> None:
        """Stop putting output in order: nobody watches any longer."""
        self._transcript = None
        self._screen = _Screen(plain=self._plain)

    def screen(self) -> tuple[str, bool]:
        """Return the text that draws the screen as of the last `new_events`, and whether that is certainly complete."""
        return self._screen.drawn(is_whole=not self._incomplete)


class _Screen:
    """The end of what was shown, as text."""

    def __init__(self, *, plain: bool) -> None:
        self._plain = plain
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._pieces: deque[str] = deque()
        self._size = 0
        self._is_whole = True

    def taken(self, transcript: Transcript) -> list[LiveEvent]:
        """Return the events that wait in the transcript, and add their output to the screen."""
        events: list[LiveEvent] = []
        while (content := transcript.next_block()) is not None:
            for event in decode_content(bytes(content.content()))[0]:
                events += self._shown(event)
        return events

    def _shown(self, event: Event) -> list[LiveEvent]:
        match event.kind:
            case EventKind.OUTPUT | EventKind.STANDARD_ERROR:
                text = self._decoder.decode(event.data)
                text = text.replace("\n", "\r\n") if self._plain else text
                self._add(text)
                return [(event.at, "o", text)] if text else []
            case EventKind.EXIT | EventKind.MARKER:
                return [(event.at, event.kind.value, event.data.decode("utf-8", "replace"))]
            case _:
                return []  # sizes come by `resized`; what is typed is nobody's to watch

    def drawn(self, *, is_whole: bool) -> tuple[str, bool]:
        """As `LiveOutput.screen`; `is_whole`: nothing was shown before what was added here."""
        return screen_text("".join(self._pieces), is_whole=self._is_whole and is_whole)

    def _add(self, text: str) -> None:
        self._pieces.append(text)
        self._size += len(text)
        while self._size > SCREEN_CHARACTERS and len(self._pieces) > 1:
            self._size -= len(self._pieces.popleft())
            self._is_whole = False


def _number(frame: bytes) -> int:
    return int.from_bytes(frame[_SEQUENCE], "big", signed=True)


def _first(frames: list[bytes]) -> int:
    """Return the number of the first of the newest messages that follow each other; 0 if there are none."""
    numbers = sorted({_number(frame) for frame in frames}, reverse=True)
    for later, earlier in pairwise(numbers):
        if later - earlier > _STRAY:
            return later
    return numbers[-1] if numbers else 0
