"""The output that was recorded last, to compare it with what a node says is the same.

A resent message must be what it was. If it were dropped unseen, a node could first send what no client accepts, such as
a message with a wrong checksum, and then show something else under the same number.
"""

from collections import deque
from typing import Protocol, TypeAlias

RECENT_BYTES = 1024 * 1024
RECENT_MESSAGES = 2048
"""Limits of what is remembered of one session; Ferryman's agent waits for acknowledgements after less, usually."""
_PAYLOAD_TYPE = slice(112, 116)
_PAYLOAD = 120


class Holder(Protocol):
    """What holds a message's payload, at the same place for as long as it exists."""

    data: bytearray


_Message: TypeAlias = tuple[int, bytes, Holder, int, int, int]
"""A message by number and payload type; its payload is `holder.data[start:end]`, of which the part from the last field
on was recorded as output."""


class _Frame:
    """The holder of a message that is not recorded as it is."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = bytearray(data)


class RecentOutput:
    """Messages by number, and the output in them. Refers to the contents of blocks instead of copying them."""

    __slots__ = ("_by_number", "_messages", "_size")

    def __init__(self) -> None:
        self._messages: deque[_Message] = deque()
        self._by_number: dict[int, _Message] = {}
        self._size = 0

    def add_frame(self, number: int, frame: bytes, output_from: int) -> None:
        """Remember a message, and what follows `output_from` in it as output."""
        self.add(number, frame[_PAYLOAD_TYPE], _Frame(frame), _PAYLOAD, len(frame), output_from)

    def add(self, number: int, payload_type: bytes, holder: Holder, start: int, end: int, output_from: int) -> None:
        """Remember a message whose payload is `holder.data[start:end]`; it is output from `output_from` on."""
        self._messages.append(message := (number, payload_type, holder, start, end, output_from))
        self._by_number[number] = message
        self._size += end - start
        if self._size > RECENT_BYTES or len(self._messages) > RECENT_MESSAGES:
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
            and holder.data.startswith(frame[_PAYLOAD:], start)
        )

    def last(self, size: int) -> bytes | None:
        """Return the last `size` bytes of output, None if they are no longer known."""
        pieces: list[bytes] = []
        for _, _, holder, _, end, output_from in reversed(self._messages):
            if size <= 0:
                break
            pieces.append(bytes(holder.data[max(output_from, end - size) : end]))
            size -= len(pieces[-1])
        return b"".join(reversed(pieces)) if size <= 0 else None

    def renumber(self) -> None:
        """Forget the numbers: the sender starts counting again. The output remains known."""
        self._by_number.clear()
