"""Reads recordings: their events from any block on, and whether every block is what was written."""

import contextlib
from collections.abc import Generator, Iterator
from typing import NamedTuple

from ferryman.core.ports.recordings.recorder import BlockPosition, Damaged, RecordedEvent
from ferryman.recording.blocks import DEPENDENT_BLOCKS, BlockFlag, BlockOpener, DamagedBlock, first_link
from ferryman.recording.events import TranscriptPosition, decode_content
from ferryman.recording.storage.port import BlockStorage, StoredBlock


class FinalBlock(NamedTuple):
    """The end of a finished recording: how many blocks it has, and the hash of the last one."""

    blocks: int
    head: bytes


class RecordingTail(NamedTuple):
    """Where a recording ends: its blocks and their bytes, the hash of the last, the position behind it, its last time.

    `last_at` is in milliseconds since the recording began.
    """

    blocks: int
    head: bytes
    position: TranscriptPosition
    last_at: int
    size: int


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

    def resume(self) -> RecordingTail:
        """Return where another process continues the recording, which must be acquired.

        Removes what a server that died left of a block at the end. Reads only the last blocks. Raises `Damaged`,
        OSError.
        """
        try:
            tail = self._storage.repair(self._recording_id, self._storage.find(self._recording_id, None))
        except DamagedBlock as error:
            raise Damaged(str(error)) from error
        if not tail:
            return RecordingTail(0, first_link(self._recording_id), TranscriptPosition(), 0, 0)
        opener = self._opener(tail[0])
        position = TranscriptPosition()
        for block in tail:
            position = decode_content(self._open(opener, block))[1]
        assert opener.number is not None and opener.head is not None  # noqa: S101, PT018 a block was opened
        offset, last = tail[-1]
        return RecordingTail(opener.number, opener.head, position, last.last_at, offset + last.size)

    def verify(self, end: FinalBlock | None, at_least: int = 0) -> str | None:
        """Return what is wrong, None if nothing is.

        A finished recording ends with `end`; one that is not, None, has `at_least` so many blocks. Raises OSError.
        """
        opener = BlockOpener(self._key, number=0, head=first_link(self._recording_id))
        size = 0
        try:
            for block in self._storage.index(self._recording_id):
                decode_content(opener.open(self._storage.read(self._recording_id, block)))
                size += block.header.size
        except DamagedBlock as error:
            return self._named(str(error), opener.number or 0, size)
        blocks = opener.number or 0
        if end is None:
            return f"the recording has {blocks} blocks, and {at_least} were written" if blocks < at_least else None
        if self._storage.size(self._recording_id) > size:
            return f"part of a block follows block {blocks - 1}: the end was cut, or something was added"
        if blocks != end.blocks:
            return f"the recording has {blocks} blocks and was finished with {end.blocks}"
        if opener.head != end.head:
            return "the last block is not the one that the recording was finished with"
        return None

    def _named(self, problem: str, number: int, size: int) -> str:
        """Return a problem behind block `number` - 1, which ends at `size`, as precisely as can be."""
        later: list[int] = []
        with contextlib.suppress(DamagedBlock):
            later += (block.header.number for block in self._storage.index(self._recording_id, size))
        if not later:
            return f"{problem}, behind block {number - 1}" if number else problem
        if later[0] > number and number in later:
            return f"block {number} is out of place: block {later[0]} is in front of it"
        return problem

    def _contents(
        self, after: BlockPosition | None, start_at: int, *, following: bool = False
    ) -> Iterator[tuple[BlockPosition, bytes] | None]:
        begin = self._storage.find(self._recording_id, start_at) if after is None else after.readable_from
        first = 0 if after is None else after.number + 1
        skipped: list[StoredBlock] = []
        """Blocks before the wanted ones, which those may depend on."""
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
        """Return an opener for a block that depends on no other, and for those behind it."""
        if block.offset:
            return BlockOpener(self._key)
        return BlockOpener(self._key, number=0, head=first_link(self._recording_id))

    def _open(self, opener: BlockOpener, block: StoredBlock) -> bytes:
        try:
            return opener.open(self._storage.read(self._recording_id, block))
        except DamagedBlock as error:
            raise Damaged(str(error)) from error
