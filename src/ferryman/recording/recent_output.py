"""The output that was recorded last, to compare it with what a node says is the same.

A resent message must be what it was. If it were dropped unseen, a node could first send what no client accepts, such as
a message with a wrong checksum, and then show something else under the same number.
"""

from collections import deque
from collections.abc import Sequence
from itertools import repeat
from typing import Protocol, TypeAlias

RECENT_BYTES = 1024 * 1024
RECENT_MESSAGES = 2048
"""Limits of what is remembered of one session; Ferryman's agent waits for acknowledgements after less, usually."""
_PAYLOAD_TYPE = slice(112, 116)
_PAYLOAD = 120


class Holder(Protocol):
    """What holds a message's payload, at the same place for as long as it exists."""

    data: bytearray


_Message: TypeAlias = tuple[int, bytes, Holder | bytes, int, int, int]
"""A message by number and payload type; its payload is from `start` to `end` in what holds it, of which the part from
the last field on was recorded as output."""


class RecentOutput:
    """Messages by number, and the output in them. Refers to messages, or to the contents of blocks: copies nothing.

    The buffer of a block is not filled again while it is referred to, and one that was filled just now is still in the
    processor's cache: large messages are kept as they came.
    """

    __slots__ = ("_by_number", "_messages", "_size")

    def __init__(self) -> None:
        self._messages: deque[_Message] = deque()
        self._by_number: dict[int, _Message] = {}
        self._size = 0

    def add_frame(self, number: int, frame: bytes, output_from: int) -> None:
        """Remember a message, and what follows `output_from` in it as output."""
        self.add(number, frame[_PAYLOAD_TYPE], frame, _PAYLOAD, len(frame), output_from)

    def add(
        self, number: int, payload_type: bytes, holder: Holder | bytes, start: int, end: int, output_from: int
    ) -> None:
        """Remember a message whose payload `holder` has from `start` to `end`; it is output from `output_from` on."""
        self._messages.append(message := (number, payload_type, holder, start, end, output_from))
        self._by_number[number] = message
        self._size += end - start
        if self._size > RECENT_BYTES or len(self._messages) > RECENT_MESSAGES:
            self._forget()

    def add_run(self, number: int, payload_type: bytes, frames: Sequence[bytes]) -> None:
        """Remember messages of one type, the first of which has this number, and all of their payloads as output."""
        numbers = range(number, number + len(frames))
        sizes = list(map(len, frames))
        run = list(zip(numbers, repeat(payload_type), frames, repeat(_PAYLOAD), sizes, repeat(_PAYLOAD)))
        self._messages += run
        self._by_number.update(zip(numbers, run, strict=True))
        self._size += sum(sizes) - _PAYLOAD * len(frames)
        self._forget()

    def _forget(self) -> None:
        while self._size > RECENT_BYTES or len(self._messages) > RECENT_MESSAGES:
            oldest = self._messages.popleft()
            number, _, _, start, end, _ = oldest
            self._size -= end - start
            if self._by_number.get(number) is oldest:
                del self._by_number[number]

    def contradicts(self, number: int, frame: bytes) -> bool:
        """Whether another message of this number is remembered."""
        known = self._by_number.get(number)
        if known is None:
            return False
        _, payload_type, holder, start, end, _ = known
        return not (
            payload_type == frame[_PAYLOAD_TYPE]
            and end - start == len(frame) - _PAYLOAD
            and _data(holder).startswith(frame[_PAYLOAD:], start)
        )

    def last(self, size: int) -> bytes | None:
        """Return the last `size` bytes of output, None if they are no longer known."""
        pieces: list[bytes] = []
        for _, _, holder, _, end, output_from in reversed(self._messages):
            if size <= 0:
                break
            pieces.append(bytes(_data(holder)[max(output_from, end - size) : end]))
            size -= len(pieces[-1])
        return b"".join(reversed(pieces)) if size <= 0 else None

    def renumber(self) -> None:
        """Forget the numbers: the sender starts counting again. The output remains known."""
        self._by_number.clear()


def _data(holder: Holder | bytes) -> bytes | bytearray:
    return holder if isinstance(holder, bytes) else holder.data
