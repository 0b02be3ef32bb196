"""The most recently recorded output, to compare it with messages that a node sends again.

A resent message must be what it was. If it were dropped unseen, a node could first send what no client accepts, such as
a message with a wrong checksum, and then show something else under the same number.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Protocol, TypeAlias

RECENT_BYTES = 1024 * 1024
RECENT_MESSAGES = 2048
"""Limits of what is remembered of one session; Ferryman's agent waits for acknowledgements after less, usually."""
_PAYLOAD_TYPE = slice(112, 116)
_PAYLOAD = 120


class PayloadHolder(Protocol):
    """Holds a message's payload, at the same place for as long as it exists."""

    data: bytearray


_Message: TypeAlias = tuple[int, bytes, PayloadHolder | bytes, int, int, int]
"""A message by number and payload type; its payload is from `start` to `end` in what holds it, of which the part from
the last field on was recorded as output."""


class _Run:
    """Messages of one type, numbered from `number` on, all of whose payloads were recorded as output."""

    __slots__ = ("frames", "is_indexed", "number", "payload_type", "size")

    def __init__(self, number: int, payload_type: bytes, frames: Sequence[bytes], size: int) -> None:
        self.number = number
        self.payload_type = payload_type
        self.frames = frames
        self.size = size
        self.is_indexed = False

    def message(self, number: int) -> _Message:
        frame = self.frames[number - self.number]
        return number, self.payload_type, frame, _PAYLOAD, len(frame), _PAYLOAD


class RecentOutput:
    """Messages by number, and the output in them. Refers to messages, or to the contents of blocks: copies nothing.

    Runs of messages are kept as they came. The buffer of a block is not filled again while it is referred to, and one
    that was filled just now is still in the processor's cache.
    """

    __slots__ = ("_by_number", "_count", "_kept", "_size", "_unindexed")

    def __init__(self) -> None:
        self._kept: deque[_Message | _Run] = deque()
        self._by_number: dict[int, _Message | _Run] = {}
        self._unindexed: list[_Run] = []
        """Runs whose numbers were not looked up yet."""
        self._size = self._count = 0

    def add_frame(self, number: int, frame: bytes, output_from: int) -> None:
        """Remember a message, and what follows `output_from` in it as output."""
        self.add(number, frame[_PAYLOAD_TYPE], frame, _PAYLOAD, len(frame), output_from)

    def add(
        self, number: int, payload_type: bytes, holder: PayloadHolder | bytes, start: int, end: int, output_from: int
    ) -> None:
        """Remember a message whose payload `holder` has from `start` to `end`; it is output from `output_from` on."""
        if self._unindexed:
            self._index_runs()
        self._kept.append(message := (number, payload_type, holder, start, end, output_from))
        self._by_number[number] = message
        self._size += end - start
        self._count += 1
        if self._size > RECENT_BYTES or self._count > RECENT_MESSAGES:
            self._forget()

    def add_run(self, number: int, payload_type: bytes, frames: Sequence[bytes], size: int) -> None:
        """Remember messages of one type and their payloads, `size` bytes, as output; the first has this number."""
        self._kept.append(run := _Run(number, payload_type, frames, size))
        self._unindexed.append(run)
        self._size += size
        self._count += len(frames)
        if self._size > RECENT_BYTES or self._count > RECENT_MESSAGES:
            self._forget()

    def _forget(self) -> None:
        """Forget the oldest messages; a run only if enough is left without it."""
        while self._size > RECENT_BYTES or self._count > RECENT_MESSAGES:
            oldest = self._kept[0]
            if isinstance(oldest, _Run):
                size, count = oldest.size, len(oldest.frames)
                if self._size - size < RECENT_BYTES and self._count - count < RECENT_MESSAGES:
                    return
                numbers = range(oldest.number, oldest.number + count if oldest.is_indexed else oldest.number)
                if not oldest.is_indexed:
                    self._unindexed.remove(oldest)
            else:
                size, count = oldest[4] - oldest[3], 1
                numbers = range(oldest[0], oldest[0] + 1)
            for number in numbers:
                if self._by_number.get(number) is oldest:
                    del self._by_number[number]
            self._kept.popleft()
            self._size -= size
            self._count -= count

    def _index_runs(self) -> None:
        for run in self._unindexed:
            run.is_indexed = True
            self._by_number.update(dict.fromkeys(range(run.number, run.number + len(run.frames)), run))
        self._unindexed.clear()

    def contradicts(self, number: int, frame: bytes) -> bool:
        """Whether another message of this number is remembered."""
        if self._unindexed:
            self._index_runs()
        known = self._by_number.get(number)
        if known is None:
            return False
        _, payload_type, holder, start, end, _ = known.message(number) if isinstance(known, _Run) else known
        return not (
            payload_type == frame[_PAYLOAD_TYPE]
            and end - start == len(frame) - _PAYLOAD
            and _data(holder).startswith(frame[_PAYLOAD:], start)
        )

    def last(self, size: int) -> bytes | None:
        """Return the last `size` bytes of output, None if they are no longer known."""
        pieces: list[bytes] = []
        for kept in reversed(self._kept):
            for _, _, holder, _, end, output_from in _messages(kept):
                if size <= 0:
                    break
                pieces.append(bytes(_data(holder)[max(output_from, end - size) : end]))
                size -= len(pieces[-1])
        return b"".join(reversed(pieces)) if size <= 0 else None

    def renumber(self) -> None:
        """Forget the numbers: the sender starts counting again. The output remains known."""
        self._index_runs()
        self._by_number.clear()


def _messages(kept: _Message | _Run) -> Iterator[_Message]:
    """Yield the messages of a run, last first, or the message itself."""
    if isinstance(kept, _Run):
        yield from map(kept.message, range(kept.number + len(kept.frames) - 1, kept.number - 1, -1))
    else:
        yield kept


def _data(holder: PayloadHolder | bytes) -> bytes | bytearray:
    return holder if isinstance(holder, bytes) else holder.data
