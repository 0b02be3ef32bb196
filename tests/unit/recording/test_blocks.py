"""Blocks: what was sealed is opened, and nothing else."""

import os
import random
import struct
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ferryman.recording.blocks import (
    DEPENDENT_BLOCKS,
    HEADER_SIZE,
    MOST_CONTENT,
    BlockFlag,
    BlockOpener,
    BlockSealer,
    DamagedBlock,
    first_link,
    parse_header,
)

KEY = bytes(range(32))
ID = "admin-0123456789abcdef0"


def sealed(contents: list[bytes], recording_id: str = ID, key: bytes = KEY) -> list[bytes]:
    sealer = BlockSealer(recording_id, key, os.urandom)
    found = []
    for at, content in enumerate(contents):
        found.append(sealer.seal(content, at, at))
        sealer.written()
    return found


def opener(key: bytes = KEY) -> BlockOpener:
    return BlockOpener(key, number=0, head=first_link(ID))


def screens(count: int) -> list[bytes]:
    """Return screens that differ in one line."""
    rest = random.Random(1).randbytes(2000)  # noqa: S311 - repeatable
    return [b"load %d\r\n" % number + rest for number in range(count)]


def test_contents_come_back() -> None:
    contents = [b"", b"x", *screens(3), os.urandom(100_000), bytes(MOST_CONTENT)]
    reader = opener()
    assert [reader.open(block) for block in sealed(contents)] == contents


def test_blocks_after_the_first_are_compressed_with_those_before() -> None:
    contents = screens(DEPENDENT_BLOCKS + 2)
    found = sealed(contents)
    dependent = [bool(parse_header(block).flags & BlockFlag.DEPENDENT) for block in found]
    assert dependent == [False, *[True] * (DEPENDENT_BLOCKS - 1), False, True]
    assert len(found[1]) < len(found[0]) / 5


def test_reading_may_begin_at_an_independent_block() -> None:
    contents = screens(DEPENDENT_BLOCKS + 2)
    found = sealed(contents)
    late = BlockOpener(KEY)
    assert [late.open(block) for block in found[DEPENDENT_BLOCKS:]] == contents[DEPENDENT_BLOCKS:]
    with pytest.raises(DamagedBlock, match="cannot be read without the blocks before it"):
        BlockOpener(KEY).open(found[1])


def test_block_that_was_not_stored_is_sealed_again() -> None:
    sealer = BlockSealer(ID, KEY, os.urandom)
    lost = sealer.seal(b"lost", 0, 0)
    kept = sealer.seal(b"lost and more", 0, 1)
    sealer.written()
    after = sealer.seal(b"after", 2, 2)
    reader = opener()
    assert [reader.open(kept), reader.open(after)] == [b"lost and more", b"after"]
    with pytest.raises(DamagedBlock):
        opener().open(lost[:-1])


def test_continued_recording_is_one_chain() -> None:
    first = BlockSealer(ID, KEY, os.urandom)
    found = [first.seal(b"before", 0, 0)]
    first.written()
    second = BlockSealer(ID, KEY, os.urandom, number=first.number, head=first.head)
    found.append(second.seal(b"after", 1, 1))
    reader = opener()
    assert [reader.open(block) for block in found] == [b"before", b"after"]


def flipped(block: bytes, at: int) -> bytes:
    return block[:at] + bytes([block[at] ^ 1]) + block[at + 1 :]


OTHER = sealed(screens(5), "bob-0123456789abcdef0", bytes(32))
SAME_KEY = sealed(screens(5), "bob-0123456789abcdef0")
TAMPERING: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "a byte of a body was altered": lambda found: [*found[:2], flipped(found[2], HEADER_SIZE + 20), *found[3:]],
    "the tag was altered": lambda found: [*found[:2], flipped(found[2], -1), *found[3:]],
    "a time was altered": lambda found: [*found[:2], flipped(found[2], 23), *found[3:]],
    "a flag was altered": lambda found: [*found[:2], flipped(found[2], 5), *found[3:]],
    "a block was removed": lambda found: found[:2] + found[3:],
    "the first block was removed": lambda found: found[1:],
    "two blocks were swapped": lambda found: [found[0], found[2], found[1], *found[3:]],
    "a block was doubled": lambda found: [*found[:2], found[1], *found[2:]],
    "a block of another recording was put in": lambda found: [*found[:2], OTHER[2], *found[3:]],
    "a block of another recording under the same key was put in": lambda found: [*found[:2], SAME_KEY[2], *found[3:]],
    "the whole recording was replaced": lambda found: SAME_KEY,
    "a block was cut short": lambda found: [*found[:2], found[2][:-5], *found[3:]],
    "an older version of a block was put back": lambda found: [*found[:2], sealed(screens(5))[2], *found[3:]],
}


@pytest.mark.parametrize("kind", TAMPERING)
def test_tampering_is_detected(kind: str) -> None:
    reader = opener()
    with pytest.raises(DamagedBlock):
        list(map(reader.open, TAMPERING[kind](sealed(screens(5)))))


@pytest.mark.parametrize("data", [b"", b"FRB1", bytes(HEADER_SIZE), b"FRB1" + b"\xff" * HEADER_SIZE])
def test_bytes_that_are_not_a_header_are_refused(data: bytes) -> None:
    with pytest.raises(DamagedBlock):
        parse_header(data)


def test_block_cannot_unpack_into_more_than_it_says() -> None:
    block = sealed([bytes(MOST_CONTENT)])[0]
    packed = AESGCM(KEY).decrypt(block[HEADER_SIZE : HEADER_SIZE + 12], block[HEADER_SIZE + 12 :], block[:HEADER_SIZE])
    lying = block[:32] + struct.pack(">I", 10) + block[36:HEADER_SIZE]
    with pytest.raises(DamagedBlock, match="another size"):
        opener().open(lying + bytes(12) + AESGCM(KEY).encrypt(bytes(12), packed, lying))


def test_too_much_content_is_refused() -> None:
    with pytest.raises(ValueError, match="a block holds"):
        BlockSealer(ID, KEY, os.urandom).seal(bytes(MOST_CONTENT + 1), 0, 0)


def test_recorded_text_is_nowhere_in_the_blocks() -> None:
    assert b"secret" not in b"".join(sealed([b"my secret is secret"] * 3))
