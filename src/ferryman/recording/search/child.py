"""The process that turns output into lines and words: it has no secret, no file and no network.

It reads parts of one recording after another from standard input, and answers each with the chunks that are complete.
Whoever could break into it through the terminal emulator gets nothing, and the kernel ends it if it takes too long.
"""

import signal
import sys

from ferryman.model.values.phrases import words_of
from ferryman.recording.search.lines import Line, LineReader
from ferryman.recording.search.messages import LENGTH, Chunk, Shown, decode_shown, encode
from ferryman.system.confinement import confine

CHUNK_CHARACTERS = 16 * 1024
CHUNK_LINES = 1000
_NICENESS = 15
"""Work that people wait for has priority."""


def main(arguments: list[str]) -> None:
    """Serve until standard input ends. Arguments: seconds of processor time for a part, MiB, and `plain` or nothing."""
    seconds, mebibytes, plain = float(arguments[0]), int(arguments[1]), arguments[2:] == ["plain"]
    confine(mebibytes, _NICENESS)
    reading, writing = sys.stdin.buffer, sys.stdout.buffer
    chunks = _Chunks(plain=plain)
    while len(head := reading.read(LENGTH.size)) == LENGTH.size:
        part = decode_shown(reading.read(LENGTH.unpack(head)[0]))
        signal.setitimer(signal.ITIMER_PROF, seconds)
        answer = [encode(chunk) for chunk in chunks.of(part)]
        signal.setitimer(signal.ITIMER_PROF, 0)
        if part.ends:
            chunks = _Chunks(plain=plain)
        writing.write(LENGTH.pack(len(answer)))
        for chunk in answer:
            writing.write(LENGTH.pack(len(chunk)) + chunk)
        writing.flush()


class _Chunks:
    """Collects one recording's lines until they make a chunk."""

    def __init__(self, *, plain: bool) -> None:
        self._reader = LineReader(plain=plain)
        self._lines: list[tuple[int, str]] = []
        self._characters = 0

    def of(self, part: Shown) -> list[Chunk]:
        """Return the chunks that a part completes."""
        found: list[Chunk] = []
        for at, kind, data in part.events:
            if kind == "r":
                columns, _, rows = data.partition(b"x")
                lines = self._reader.resized(int(columns), int(rows))
            else:
                lines = self._reader.output(at, data)
            for line in lines:
                self._add(line, found)
        if part.ends:
            for line in self._reader.end():
                self._add(line, found)
            self._complete(found)
        return found

    def _add(self, line: Line, found: list[Chunk]) -> None:
        self._lines.append((line.at, line.text))
        self._characters += len(line.text)
        if self._characters >= CHUNK_CHARACTERS or len(self._lines) >= CHUNK_LINES:
            self._complete(found)

    def _complete(self, found: list[Chunk]) -> None:
        if self._lines:
            words: set[str] = set()
            for _, text in self._lines:
                words |= words_of(text)
            found.append(Chunk(self._lines, sorted(words)))
            self._lines, self._characters = [], 0
