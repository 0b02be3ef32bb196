"""The output that was recorded last, to compare it with what a node says is the same.

A resent message must be what it was. If it were dropped unseen, a node could first send what no client accepts, such as
a message with a wrong checksum, and then show something else under the same number.
"""

from collections import deque

RECENT_BYTES = 1024 * 1024
RECENT_MESSAGES = 2048
"""Limits of what is remembered of one session; Ferryman's agent waits for acknowledgements after less, usually."""
_PAYLOAD_TYPE = 112


class RecentOutput:
    """Messages by number, and the end of the output. Keeps the frames: copying them would cost the relay time."""

    __slots__ = ("_frames", "_frames_size", "_tail", "_tail_size")

    def __init__(self) -> None:
        self._frames: dict[int, bytes] = {}
        self._frames_size = 0
        self._tail: deque[tuple[bytes, int]] = deque()
        self._tail_size = 0

    def add_message(self, number: int, frame: bytes) -> None:
        """Remember a message."""
        self._frames_size += len(frame) - len(self._frames.pop(number, b""))
        self._frames[number] = frame
        while self._frames_size > RECENT_BYTES or len(self._frames) > RECENT_MESSAGES:
            self._frames_size -= len(self._frames.pop(next(iter(self._frames))))

    def add_output(self, frame: bytes, start: int) -> None:
        """Remember the output in a message from `start` on."""
        self._tail.append((frame, start))
        self._tail_size += len(frame)
        while self._tail_size > RECENT_BYTES or len(self._tail) > RECENT_MESSAGES:
            self._tail_size -= len(self._tail.popleft()[0])

    def contradicts(self, number: int, frame: bytes) -> bool:
        """Whether another message of this number is remembered."""
        known = self._frames.get(number)
        return known is not None and known[_PAYLOAD_TYPE:] != frame[_PAYLOAD_TYPE:]

    def last(self, size: int) -> bytes | None:
        """Return the last `size` bytes of output, None if they are no longer known."""
        pieces: list[bytes] = []
        for frame, start in reversed(self._tail):
            if size <= 0:
                break
            pieces.append(frame[start:][-size:])
            size -= len(pieces[-1])
        return b"".join(reversed(pieces)) if size <= 0 else None

    def renumber(self) -> None:
        """Forget the numbers: the sender starts counting again. The output remains known."""
        self._frames.clear()
        self._frames_size = 0
