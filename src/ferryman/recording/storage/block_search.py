"""Finds a block by its time in a file of blocks, without reading those before it.

Blocks have no index: whoever could alter a recording could alter that, too. A block's header begins with `FRB1`, and
their times never decrease, so the file is searched by halves: each step looks for a header behind the middle of what is
left. A day of a session takes fewer than twenty steps. Encrypted bytes that look like a header are practically
impossible; if they occurred, or were put there, the block read from there would not open.
"""

from collections.abc import Callable, Iterator

from ferryman.recording.blocks import HEADER_SIZE, MAGIC, MOST_BLOCK, BlockFlag, DamagedBlock, parse_header
from ferryman.recording.storage.port import StoredBlock

_WINDOW = 64 * 1024
"""Bytes that are read together when a header is looked for."""

Read = Callable[[int, int], bytes]
"""Returns a number of bytes from an offset on, fewer at the end."""
Blocks = Callable[[int], Iterator[StoredBlock]]
"""Yields the blocks from an offset on; raises `DamagedBlock`."""


def find_block(size: int, read: Read, blocks: Blocks, at: int | None) -> int:
    """Return the offset of the last block that stands alone and begins before `at`; see `BlockStorage.find`.

    `size` is that of the file. Raises OSError.
    """
    found, low, high = 0, 0, size
    while high - low > _WINDOW:
        middle = (low + high) // 2
        block = _independent(read, blocks, middle, high)
        if block is None or (at is not None and block.header.first_at >= at):
            high = middle
        else:
            found = low = block.offset
    return _walk(blocks, found, at)


def _walk(blocks: Blocks, offset: int, at: int | None) -> int:
    """Return the last block that stands alone and begins before `at`, from the one at `offset` on."""
    found = offset
    try:
        for block in blocks(offset):
            if at is not None and block.header.first_at >= at:
                break
            if not block.header.flags & BlockFlag.DEPENDENT:
                found = block.offset
    except DamagedBlock:
        pass  # whoever reads from here on finds out
    return found


def _independent(read: Read, blocks: Blocks, start: int, end: int) -> StoredBlock | None:
    """Return the first block at `start` or behind that stands alone and begins before `end`, None if there is none."""
    offset = _header(read, start, min(end, start + MOST_BLOCK))
    if offset is None:
        return None
    try:
        for block in blocks(offset):
            if block.offset >= end:
                return None
            if not block.header.flags & BlockFlag.DEPENDENT:
                return block
    except DamagedBlock:
        return None
    return None


def _header(read: Read, start: int, end: int) -> int | None:
    """Return the offset of the first header that begins in `[start, end)`."""
    while start < end:
        window = read(start, _WINDOW + HEADER_SIZE)
        at = window.find(MAGIC)
        while 0 <= at < _WINDOW and start + at < end:
            try:
                parse_header(window[at : at + HEADER_SIZE])
            except DamagedBlock:
                at = window.find(MAGIC, at + 1)
            else:
                return start + at
        start += _WINDOW
    return None
