"""Recordings that somebody else could write to, and the frames that they are made of: `ferryman.recording`."""

import os
import struct

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ferryman.client.recordings.events import RecordedEvent
from ferryman.client.recordings.terminal_filter import TerminalFilter
from ferryman.client.recordings.traffic import traffic_sentence
from ferryman.model.values.phrases import Phrase
from ferryman.recording.blocks import HEADER_SIZE, BlockOpener, BlockSealer, DamagedBlock, first_link, parse_header
from ferryman.recording.events import Event, EventKind, TranscriptPosition, decode_content, encode_content
from ferryman.recording.search.chunks import ChunkSeal, NotSealedHere
from ferryman.recording.search.lines import LONGEST_LINE, LineReader
from ferryman.recording.session.transcript import Transcript
from ferryman.server.channels.frames import peek_header
from tests.fuzz.target import KIB, MIB, Target
from tests.fuzz.vectors import frames

_KEY = bytes(32)
_ID = "s"


def _block(data: bytes) -> None:
    """The input as a block."""
    parse_header(data)
    BlockOpener(_KEY, number=0, head=first_link(_ID)).open(data)


def _packed(data: bytes) -> None:
    """The input as a block's compressed content, under the right key: who has it may have been careless with it."""
    size = 12 + len(data) + 16
    header = struct.pack(">4sHHQQQII32s", b"FRB1", 0, 12, 0, 0, 0, 2 * KIB, size, first_link(_ID))
    sealed = AESGCM(_KEY).encrypt(bytes(12), data, header)
    BlockOpener(_KEY, number=0, head=first_link(_ID)).open(header + bytes(12) + sealed)


def _transcript(data: bytes) -> None:
    """A session's frames, those of even number from the node, the others from the client."""
    transcript = Transcript(lambda: 1, typed=True)
    for count, frame in enumerate(data.split(b"\n\n")):
        if len(frame) < HEADER_SIZE:
            continue
        _, number, _ = peek_header(frame.ljust(120, b"\0"))
        (transcript.input if count % 2 else transcript.output)(number, frame)
    transcript.skip_gap()
    while (content := transcript.next_block()) is not None:
        decode_content(bytes(content.content()))


def _filtered(data: bytes) -> None:
    """What is shown is the same however the output is cut, and is nothing but parts of it."""
    whole, halves = TerminalFilter(), TerminalFilter()
    middle = len(data) // 2
    assert whole.filtered(data) == halves.filtered(data[:middle]) + halves.filtered(data[middle:])


def _lines(data: bytes) -> None:
    """Output as lines, with and without the terminal emulator."""
    for plain in (False, True):
        reader = LineReader(plain=plain)
        lines = [*reader.resized(20, 5), *reader.output(1, data), *reader.end()]
        assert all(0 < len(line.text) <= LONGEST_LINE for line in lines)


def _chunk(data: bytes) -> None:
    """A chunk of the search index."""
    ChunkSeal(_ID, _KEY).lines_with(Phrase.of("ls"), 0, data)


_CONTENT = encode_content(
    [Event(1, EventKind.OUTPUT, b"hello"), Event(2, EventKind.RESIZE, b"80x24")], TranscriptPosition(2)
)
_SEALED = BlockSealer(_ID, _KEY, os.urandom).seal(_CONTENT, 1, 2)


def _traffic(data: bytes) -> None:
    """What a recording says of connections and files, if anything, is one printable line."""
    for kind in "cf":
        sentence = traffic_sentence(RecordedEvent(0.0, kind, data))
        assert sentence is None or sentence.isprintable()


TARGETS = (
    Target(
        "client.recordings.traffic",
        _traffic,
        (
            b'{"state":"closed","connection":1,"by":"node","sent":3,"received":9,"reason":"reset"}',
            b'{"direction":"upload","name":"a","destination":"/b","bytes":12}',
        ),
        (),
        (b'"state":"total"', b'"state":"opened"', b"\\u001b"),
        64 * KIB,
    ),
    Target("recording.block", _block, (_SEALED,), (DamagedBlock,), (b"FRB1",), 256 * KIB),
    Target(
        "recording.packed",
        _packed,
        (AESGCM(_KEY).decrypt(_SEALED[HEADER_SIZE:][:12], _SEALED[HEADER_SIZE + 12 :], _SEALED[:HEADER_SIZE]),),
        (DamagedBlock,),
        (b"\x28\xb5\x2f\xfd",),
        256 * KIB,
    ),
    Target(
        "recording.content", decode_content, (_CONTENT,), (ValueError,), (b"\x93", b"\xc4\x01", b"\xa1o"), 256 * KIB
    ),
    Target("recording.transcript", _transcript, (b"\n\n".join(frames()),), (), (), MIB, costly=True),
    Target(
        "recording.lines",
        _lines,
        (b"\x1b[2J\x1b[Hfirst\x1b[2;1Hsecond\x1b[1mbold\x1b[0m\r\n$ ls\x08\x1b[K\x1b[3;4r\x1bM\x1bD\r\n",),
        (),
        (b"\x1b[", b"\x1b]", b"\x1bM", b"\x1bD", b"\x08", b"\r\n", b"L", b"M", b"9999;", b"?7l", b"\x1bc"),
        2 * KIB,
    ),
    Target(
        "recording.chunk",
        _chunk,
        (ChunkSeal(_ID, _KEY).seal(0, [(1, "$ ls"), (2, "total 0")], os.urandom),),
        (NotSealedHere,),
        (),
        64 * KIB,
    ),
    Target(
        "recording.terminal_filter",
        _filtered,
        (b"\x1b]0;title\x07\x1b[31mred\x1b[0m\x1bP1$r\x1b\\\x1b[6n",),
        (),
        (b"\x1b[", b"\x1b]", b"\x1bP", b"\x1b\\", b"\x07", b"\x9c", b"$p", b"?", b"n"),
        3 * KIB,
    ),
)
