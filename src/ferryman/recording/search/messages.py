"""What the server and the process that reads lines send each other: a length, then so many bytes of MessagePack."""

import struct

import msgspec

LENGTH = struct.Struct("!I")


class Shown(msgspec.Struct, frozen=True, array_like=True):
    """A part of a recording: output and sizes of the terminal, each a time, a kind and bytes. `ends`: the last part."""

    events: list[tuple[int, str, bytes]]
    ends: bool = False


class Chunk(msgspec.Struct, frozen=True, array_like=True):
    """Consecutive lines, each with its time, and the words in them."""

    lines: list[tuple[int, str]]
    words: list[str]


encode = msgspec.msgpack.Encoder().encode
decode_shown = msgspec.msgpack.Decoder(Shown).decode
decode_chunks = msgspec.msgpack.Decoder(list[Chunk]).decode
