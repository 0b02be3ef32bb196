"""Reads recordings: their events from any block on, and whether every block is what was written."""

from bisect import bisect_left
from collections.abc import Iterator

from ferryman.core.ports.recordings import Damaged, RecordedEvent
from ferryman.recording.blocks import BlockFlag, BlockOpener, DamagedBlock, first_link
from ferryman.recording.events import Position, decode_content
from ferryman.recording.storage import BlockStorage, StoredBlock


class RecordingReader:
    """One recording in a storage; `key` are the 32 bytes of its data key. Every method may block."""

    def __init__(self, storage: BlockStorage, recording_id: str, key: bytes) -> None:
        self._storage = storage
        self._recording_id = recording_id
        self._key = key

    def events(self, from_block: int = 0, start_at: int = 0) -> Iterator[RecordedEvent]:
        """Yield the events from a block on, but not of blocks that end before `start_at`; raises `Damaged`, OSError."""
        for number, content in self._contents(from_block, start_at):
            events, _ = decode_content(content)
            yield from (RecordedEvent(event.at, event.kind, event.data, number) for event in events)

    def resume(self) -> tuple[int, bytes, Position, int]:
        """Return the next block's number, the last one's hash, the position behind it, and its last event's time.

        Removes what a server that died left of a block at the end. Raises `Damaged`, OSError.
        """
        try:
            index = self._storage.repair(self._recording_id)
        except DamagedBlock as error:
            raise Damaged(str(error)) from error
        if not index:
            return 0, first_link(self._recording_id), Position(), 0
        opener = BlockOpener(self._key)
        position = Position()
        for block in index[_independent(index, len(index) - 1) :]:
            position = decode_content(self._open(opener, block))[1]
        assert opener.number is not None and opener.head is not None  # noqa: S101, PT018 a block was opened
        return opener.number, opener.head, position, index[-1].header.last_at

    def verify(self, blocks: int | None, head: bytes | None) -> str | None:
        """Return what is wrong, None if nothing is. A finished recording has `blocks` blocks and ends with `head`."""
        opener = BlockOpener(self._key, number=0, head=first_link(self._recording_id))
        try:
            for block in self._storage.index(self._recording_id):
                decode_content(self._open(opener, block))
        except (DamagedBlock, Damaged) as error:
            return str(error)
        if blocks is not None and opener.number != blocks:
            return f"the recording has {opener.number} blocks and was finished with {blocks}"
        if head is not None and opener.head != head:
            return "the last block is not the one that the recording was finished with"
        return None

    def extent(self) -> tuple[int, int, int]:
        """Return how many blocks there are, their bytes, and the last event's time. Raises `Damaged`, OSError."""
        blocks = size = last_at = 0
        try:
            for block in self._storage.index(self._recording_id):
                blocks, size, last_at = blocks + 1, size + block.header.size, block.header.last_at
        except DamagedBlock as error:
            raise Damaged(str(error)) from error
        return blocks, size, last_at

    def _contents(self, from_block: int, start_at: int) -> Iterator[tuple[int, bytes]]:
        try:
            index = list(self._storage.index(self._recording_id))
        except DamagedBlock as error:
            raise Damaged(str(error)) from error
        first = max(from_block, bisect_left(index, start_at, key=lambda block: block.header.last_at))
        if first >= len(index):
            return
        opener = BlockOpener(self._key)
        for number in range(_independent(index, first), len(index)):
            content = self._open(opener, index[number])
            if number >= first:
                yield number, content

    def _open(self, opener: BlockOpener, block: StoredBlock) -> bytes:
        try:
            return opener.open(self._storage.read(self._recording_id, block))
        except DamagedBlock as error:
            raise Damaged(str(error)) from error


def _independent(index: list[StoredBlock], number: int) -> int:
    """Return the number of the block at which reading must begin to open block `number`."""
    while number and index[number].header.flags & BlockFlag.DEPENDENT:
        number -= 1
    return number
