"""Messages between the server and the process that reads lines: a length, then as many bytes of MessagePack.

An answer is the number of its chunks, then each of them: the server decodes one after another, and does other things in
between.
"""

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
decode_chunk = msgspec.msgpack.Decoder(Chunk).decode
