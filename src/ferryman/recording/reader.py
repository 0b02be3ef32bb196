"""Reads recordings: their events from any block on, and whether every block is what was written."""

from collections.abc import Generator, Iterator

from ferryman.core.ports.recordings import BlockPosition, Damaged, RecordedEvent
from ferryman.recording.blocks import DEPENDENT_BLOCKS, BlockFlag, BlockOpener, DamagedBlock, first_link
from ferryman.recording.events import Position, decode_content
from ferryman.recording.storage import BlockStorage, StoredBlock


class RecordingReader:
    """One recording in a storage; `key` are the 32 bytes of its data key. Every method may block."""

    def __init__(self, storage: BlockStorage, recording_id: str, key: bytes) -> None:
        self._storage = storage
        self._recording_id = recording_id
        self._key = key

    def blocks(
        self, after: BlockPosition | None = None, start_at: int = 0
    ) -> Generator[tuple[BlockPosition, list[RecordedEvent]], None, None]:
        """Yield the events of each block behind `after`, but not of blocks that end before `start_at`.

        Raises `Damaged`, OSError.
        """
        for found in self._contents(after, start_at):
            if found is None:
                continue
            position, content = found
            events, _ = decode_content(content)
            yield position, [RecordedEvent(event.at, event.kind, event.data) for event in events]

    def follow(
        self, after: BlockPosition | None = None
    ) -> Generator[tuple[BlockPosition, list[RecordedEvent]] | None, None, None]:
        """Yield the events of each block behind `after`, and None when there is none at present; continue for more.

        Raises `Damaged`, OSError; create another one then.
        """
        for found in self._contents(after, 0, following=True):
            if found is None:
                yield None
                continue
            position, content = found
            events, _ = decode_content(content)
            yield position, [RecordedEvent(event.at, event.kind, event.data) for event in events]

    def events(self) -> Iterator[RecordedEvent]:
        """Yield all events; raises `Damaged`, OSError."""
        for _, events in self.blocks():
            yield from events

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

    def verify(self, blocks: int | None, head: bytes | None, at_least: int = 0) -> str | None:
        """Return what is wrong, None if nothing is.

        A finished recording has `blocks` blocks and ends with `head`; one that is not has `at_least` so many.
        """
        opener = BlockOpener(self._key, number=0, head=first_link(self._recording_id))
        try:
            for block in self._storage.index(self._recording_id):
                decode_content(self._open(opener, block))
        except (DamagedBlock, Damaged) as error:
            return str(error)
        if blocks is not None and opener.number != blocks:
            return f"the recording has {opener.number} blocks and was finished with {blocks}"
        if (opener.number or 0) < at_least:
            return f"the recording has {opener.number} blocks, and {at_least} were written"
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

    def _contents(
        self, after: BlockPosition | None, start_at: int, *, following: bool = False
    ) -> Iterator[tuple[BlockPosition, bytes] | None]:
        begin = 0 if after is None else after.readable_from
        first = 0 if after is None else after.number + 1
        skipped: list[StoredBlock] = []
        """Blocks that are not wanted, but that the next one may depend on."""
        opener: BlockOpener | None = None
        readable_from = begin
        for block in self._following(begin) if following else self._index(begin):
            if block is None:
                yield None
                continue
            header = block.header
            if not header.flags & BlockFlag.DEPENDENT:
                skipped.clear()
                readable_from = block.offset
            if opener is None and (header.number < first or header.last_at < start_at):
                skipped.append(block)
                if len(skipped) > DEPENDENT_BLOCKS:
                    raise Damaged(f"block {header.number} depends on too many others")
                continue
            if opener is None:
                opener = self._opener((skipped or [block])[0])
                for each in skipped:
                    self._open(opener, each)
            yield BlockPosition(header.number, readable_from), self._open(opener, block)

    def _following(self, offset: int) -> Iterator[StoredBlock | None]:
        """Yield blocks from the one at `offset` on, and None whenever there is none at present."""
        while True:
            for block in self._index(offset):
                offset = block.offset + block.header.size
                yield block
            yield None

    def _index(self, offset: int) -> Iterator[StoredBlock]:
        try:
            yield from self._storage.index(self._recording_id, offset)
        except DamagedBlock as error:
            raise Damaged(str(error)) from error

    def _opener(self, block: StoredBlock) -> BlockOpener:
        """Return what opens a block that depends on no other, and those behind it."""
        if block.offset:
            return BlockOpener(self._key)
        return BlockOpener(self._key, number=0, head=first_link(self._recording_id))

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
