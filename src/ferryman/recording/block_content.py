"""The content of a block while a session fills it.

Large buffers are used again: the kernel takes longer to map and clear new memory than to copy a frame into it, and a
buffer that was filled just now is still in the processor's cache.
"""

import struct
from collections.abc import Sequence

from ferryman.recording.events import EventKind, TranscriptPosition, encode_position

BLOCK_BYTES = 512 * 1024
"""A block is closed when it has this much; its last event may be a larger message."""
_SIZES = (1024, 16 * 1024, BLOCK_BYTES + 288 * 1024)
"""Of buffers, smallest first; the largest has room for what one turn of the event loop reads from a peer."""
_MOST_SPARE = 6
"""How many large buffers are kept for other blocks."""
_spare: list[bytearray] = []

_BEGIN = b"\x92\xdd\0\0\0\0"
"""MessagePack: an array of two, the first an array of so many events; their number is filled in at the end."""
_COUNT_AT = 2
_SHORT = struct.Struct(">BBIBBBB").pack
_MEDIUM = struct.Struct(">BBIBBBH").pack
_LONG = struct.Struct(">BBQBBBI").pack
_LONG_INTO = struct.Struct(">BBQBBBI").pack_into
_LONG_HEADER = struct.calcsize(">BBQBBBI")
_ARRAY_OF_3, _UINT_32, _UINT_64, _STRING_OF_1, _BYTES_8, _BYTES_16, _BYTES_32 = 0x93, 0xCE, 0xCF, 0xA1, 0xC4, 0xC5, 0xC6


class BlockContent:
    """The events of one block; its first `size` bytes of `data` are what `events.decode_content` reads once closed.

    `first_at` and `last_at` are the times of the first and the last event; `shown` counts the bytes of their data.
    """

    __slots__ = ("_last", "_room", "_view", "count", "data", "first_at", "last_at", "shown", "size")

    def __init__(self) -> None:
        self.data = bytearray(_SIZES[0])
        self.data[: len(_BEGIN)] = _BEGIN
        self._view = memoryview(self.data)
        self._room = _SIZES[0]
        self.size = len(_BEGIN)
        self.count = 0
        self.first_at = self.last_at = 0
        self.shown = 0
        self._last: tuple[EventKind, int, int] | None = None
        """The kind of the last event, where it begins, and the bytes of its data."""

    def __del__(self) -> None:
        """Leave a large buffer to another block, since nobody refers to this one."""
        if len(self.data) == _SIZES[-1] and len(_spare) < _MOST_SPARE:
            _spare.append(self.data)

    def add(self, at: int, kind: EventKind, data: bytes, start: int = 0) -> int:
        """Add an event whose data are `data` from `start` on; return where they begin in `self.data`."""
        size = len(data) - start
        header_at = self.size
        if at >> 32 or size >> 16:
            header = _LONG(_ARRAY_OF_3, _UINT_64, at, _STRING_OF_1, ord(kind), _BYTES_32, size)
        elif size >> 8:
            header = _MEDIUM(_ARRAY_OF_3, _UINT_32, at, _STRING_OF_1, ord(kind), _BYTES_16, size)
        else:
            header = _SHORT(_ARRAY_OF_3, _UINT_32, at, _STRING_OF_1, ord(kind), _BYTES_8, size)
        begin = header_at + len(header)
        end = begin + size
        if end > self._room:
            self._grow(end)
        view = self._view
        view[header_at:begin] = header
        view[begin:end] = memoryview(data)[start:]
        if not self.count:
            self.first_at = at
        self._last = kind, header_at, size
        self.size = end
        self.count += 1
        self.last_at = at
        self.shown += size
        return begin

    def add_run(self, at: int, kind: EventKind, messages: Sequence[bytes], start: int) -> None:
        """Add an event for each of one or more messages, whose data are what follows `start`; as `add` for each."""
        sizes = [len(message) - start for message in messages]
        position = self.size
        end = position + sum(sizes) + _LONG_HEADER * len(sizes)
        if end > self._room:
            self._grow(end)
        data, view, code = self.data, self._view, ord(kind)
        header_at = position
        for message, size in zip(messages, sizes, strict=True):
            header_at = position
            _LONG_INTO(data, header_at, _ARRAY_OF_3, _UINT_64, at, _STRING_OF_1, code, _BYTES_32, size)
            position = header_at + _LONG_HEADER
            end = position + size
            view[position:end] = memoryview(message)[start:]
            position = end
        if not self.count:
            self.first_at = at
        self._last = kind, header_at, sizes[-1]
        self.size = position
        self.count += len(sizes)
        self.last_at = at
        self.shown += sum(sizes)

    def drop_last(self, kind: EventKind) -> None:
        """Remove the last event if it is of this kind."""
        if self._last is not None and self._last[0] is kind:
            _, self.size, size = self._last
            self._last = None
            self.count -= 1
            self.shown -= size

    def close(self, position: TranscriptPosition) -> None:
        """Add the position behind the last event; nothing may be added after that."""
        struct.pack_into(">I", self.data, _COUNT_AT, self.count)
        encoded = encode_position(position)
        end = self.size + len(encoded)
        if end > self._room:
            self._grow(end)
        self._view[self.size : end] = encoded
        self.size = end

    def content(self) -> memoryview:
        """Return what was added, encoded; valid as long as this object is."""
        return self._view[: self.size]

    def _grow(self, size: int) -> None:
        larger = next((each for each in _SIZES if each >= size), size)
        data = _spare.pop() if larger == _SIZES[-1] and _spare else bytearray(larger)
        view = memoryview(data)
        view[: self.size] = self._view[: self.size]
        self.data, self._view, self._room = data, view, larger
