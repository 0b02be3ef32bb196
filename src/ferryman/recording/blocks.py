"""The blocks of a recording: compressed, encrypted, and chained so that a missing or altered one is noticed.

A block is a header, which is readable, and a body:

| Bytes | Header field |
|---|---|
| 4 | `FRB1` |
| 2 | flags: 1 = compressed with the blocks before it |
| 2 | length of the body's nonce, 12 |
| 8 | number of the block, from 0 |
| 8 | time of its first event, milliseconds since the recording began |
| 8 | time of its last event |
| 4 | bytes of the content, decompressed |
| 4 | bytes of the body |
| 32 | SHA-256 of the block before it; of the recording's id for block 0 |

The body is a nonce, AES-256-GCM of the content compressed with Zstandard, and the tag. The header is authenticated with
it, so the order of blocks is, too. A block that is compressed with the blocks before it uses the last 64 KiB of their
contents as its dictionary: screens resemble the screens before them.
"""

import hashlib
import struct
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntFlag

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256, Hash

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_HEADER = struct.Struct(">4sHHQQQII32s")
HEADER_SIZE = _HEADER.size
MAGIC = b"FRB1"
_NONCE = 12
_TAG = 16
MOST_CONTENT = 2 * 1024 * 1024
"""Bytes of one block's content; a reader refuses more, so that no block unpacks into gigabytes."""
MOST_BLOCK = HEADER_SIZE + MOST_CONTENT + 1024
"""Bytes of a whole block."""
DICTIONARY = 64 * 1024
"""Bytes of earlier content that a block is compressed with."""
DEPENDENT_BLOCKS = 64
"""The first of this many blocks in a row is compressed by itself, so that reading can begin there."""
DEPENDENT_BYTES = 4 * 1024 * 1024
DEPENDENT_CONTENT = 256 * 1024
"""A block with more content is compressed by itself: the dictionary would take time and save little."""
LEVELS = ((32 * 1024, 9), (DEPENDENT_CONTENT, 3), (MOST_CONTENT, 1))
"""Zstandard's level by the size of a content: larger ones come from a session that may outrun the writer."""
_of_thread = threading.local()
"""Holds each thread's compressor of large contents. Making one takes a tenth of the time for a block, and 1 MiB."""
_SMALL_BLOCK = 64 * 1024
_LEAST_DICTIONARY = 8
"""Bytes; Zstandard accepts no smaller dictionary."""


class DamagedBlock(Exception):
    """A block is not what was written, is missing, or is in the wrong place; the text says which."""


class BlockFlag(IntFlag):
    """Facts that a reader needs before it opens a block."""

    NONE = 0
    DEPENDENT = 1


@dataclass(frozen=True, slots=True)
class BlockHeader:
    """The readable part of a block; times are milliseconds since the recording began."""

    number: int
    flags: BlockFlag
    first_at: int
    last_at: int
    content_size: int
    body_size: int
    previous: bytes

    @property
    def size(self) -> int:
        """Bytes of the whole block."""
        return HEADER_SIZE + self.body_size


def parse_header(data: bytes) -> BlockHeader:
    """Return the header that `data` begins with; raises `DamagedBlock` if there is none."""
    if len(data) < HEADER_SIZE:
        raise DamagedBlock("the block's header is cut short")
    magic, flags, nonce, number, first_at, last_at, content_size, body_size, previous = _HEADER.unpack_from(data)
    if magic != MAGIC or nonce != _NONCE or flags > BlockFlag.DEPENDENT:
        raise DamagedBlock("these bytes are not a block's header")
    if content_size > MOST_CONTENT or not _NONCE + _TAG <= body_size <= MOST_BLOCK - HEADER_SIZE:
        raise DamagedBlock("the block claims an impossible size")
    return BlockHeader(number, BlockFlag(flags), first_at, last_at, content_size, body_size, previous)


def first_link(recording_id: str) -> bytes:
    """Return the hash that stands in place of a block before the first."""
    return hashlib.sha256(recording_id.encode()).digest()


@dataclass(frozen=True, slots=True)
class _Dictionary:
    """The end of the contents before a block, which it may be compressed with."""

    content: bytes = b""
    blocks: int = 0
    size: int = 0

    @property
    def is_used_up(self) -> bool:
        """Whether the next block must be compressed by itself."""
        return len(self.content) < _LEAST_DICTIONARY or self.blocks >= DEPENDENT_BLOCKS or self.size >= DEPENDENT_BYTES

    def value(self) -> "zstd.ZstdDict":
        """Return Zstandard's form of it."""
        return zstd.ZstdDict(self.content, is_raw=True)

    def with_block(self, content: bytes | memoryview, *, dependent: bool) -> "_Dictionary":
        """Return the dictionary of the block after this content."""
        end = bytes(content[-DICTIONARY:])
        if not dependent:
            return _Dictionary(end, 1, len(content))
        if len(end) < DICTIONARY:
            end = (self.content + end)[-DICTIONARY:]
        return _Dictionary(end, self.blocks + 1, self.size + len(content))


def _packed(content: bytes | memoryview, dictionary: _Dictionary | None) -> bytes:
    """Return a content compressed by Zstandard, with the end of those before it if it depends on them."""
    level = next(level for most, level in LEVELS if len(content) <= most)
    if dictionary is not None:
        return zstd.compress(content, level=level, zstd_dict=dictionary.value().as_prefix)
    if level != LEVELS[-1][1]:
        return zstd.compress(content, level=level)
    if not hasattr(_of_thread, "compressor"):
        _of_thread.compressor = zstd.ZstdCompressor(level=level)
    compressor: zstd.ZstdCompressor = _of_thread.compressor
    return compressor.compress(content, zstd.ZstdCompressor.FLUSH_FRAME)


def _digest(block: bytes) -> bytes:
    """Return the SHA-256 of a block.

    `hashlib` releases the GIL for it. With a small block, getting the GIL back takes longer than the digest.
    """
    if len(block) > _SMALL_BLOCK:
        return hashlib.sha256(block).digest()
    digest = Hash(SHA256())
    digest.update(block)
    return digest.finalize()


class BlockSealer:
    """Makes the blocks of one recording, in order.

    `key` are the 32 bytes of the recording's data key. A recording that another process began is continued with block
    `number`, behind the block whose hash is `head`. Call `written` once a block is stored: until then, `seal` makes
    the same block again, with other content if need be.
    """

    def __init__(
        self, recording_id: str, key: bytes, entropy: Callable[[int], bytes], *, number: int = 0, head: bytes = b""
    ) -> None:
        self._cipher = AESGCM(key)
        self._entropy = entropy
        self._dictionary = self._next_dictionary = _Dictionary()
        self.number = number
        self.head = self._next_head = head or first_link(recording_id)

    def seal(self, content: bytes | memoryview, first_at: int, last_at: int) -> bytes:
        """Return the next block; raises ValueError if the content is larger than MOST_CONTENT."""
        if len(content) > MOST_CONTENT:
            raise ValueError(f"a block holds {MOST_CONTENT} bytes, not {len(content)}")
        dependent = len(content) <= DEPENDENT_CONTENT and not self._dictionary.is_used_up
        packed = _packed(content, self._dictionary if dependent else None)
        flags = BlockFlag.DEPENDENT if dependent else BlockFlag.NONE
        body_size = _NONCE + len(packed) + _TAG
        header = _HEADER.pack(MAGIC, flags, _NONCE, self.number, first_at, last_at, len(content), body_size, self.head)
        nonce = self._entropy(_NONCE)
        block = b"".join((header, nonce, self._cipher.encrypt(nonce, packed, header)))
        self._next_dictionary = self._dictionary.with_block(content, dependent=dependent)
        self._next_head = _digest(block)
        return block

    def written(self) -> None:
        """Continue behind the block that `seal` returned last."""
        self.number += 1
        self.head, self._dictionary = self._next_head, self._next_dictionary


def _out_of_order(number: int, expected: int) -> str:
    if number < expected:
        return f"block {number} is repeated in place of block {expected}"
    return f"block {expected} is missing: block {number} is in its place"


class BlockOpener:
    """Opens the blocks of one recording in order, from a block that depends on no other.

    With `number` and `head` None, opening may begin anywhere; the chain is checked from there on.
    """

    def __init__(self, key: bytes, *, number: int | None = None, head: bytes | None = None) -> None:
        self._cipher = AESGCM(key)
        self._dictionary = _Dictionary()
        self.number = number
        self.head = head

    def open(self, block: bytes) -> bytes:
        """Return a block's content; raises `DamagedBlock`."""
        header = parse_header(block)
        if header.size != len(block):
            raise DamagedBlock(f"block {header.number} is cut short")
        if self.number is not None and header.number != self.number:
            raise DamagedBlock(_out_of_order(header.number, self.number))
        nonce, sealed = block[HEADER_SIZE : HEADER_SIZE + _NONCE], block[HEADER_SIZE + _NONCE :]
        try:
            packed = self._cipher.decrypt(nonce, sealed, block[:HEADER_SIZE])
        except InvalidTag as error:
            raise DamagedBlock(f"block {header.number} was altered, or belongs to another recording") from error
        if self.head is not None and header.previous != self.head:
            raise DamagedBlock(f"block {header.number} does not follow the block before it")
        content = self._decompressed(header, packed)
        self.number, self.head = header.number + 1, hashlib.sha256(block).digest()
        return content

    def _decompressed(self, header: BlockHeader, packed: bytes) -> bytes:
        dependent = bool(header.flags & BlockFlag.DEPENDENT)
        if dependent and self._dictionary.is_used_up:
            raise DamagedBlock(f"block {header.number} cannot be read without the blocks before it")
        decompressor = zstd.ZstdDecompressor(zstd_dict=self._dictionary.value() if dependent else None)
        try:
            content = decompressor.decompress(packed, max_length=header.content_size + 1)
        except zstd.ZstdError as error:
            raise DamagedBlock(f"block {header.number} cannot be decompressed") from error
        if len(content) != header.content_size or not decompressor.eof:
            raise DamagedBlock(f"block {header.number} has another size than its header says")
        self._dictionary = self._dictionary.with_block(content, dependent=dependent)
        return content
