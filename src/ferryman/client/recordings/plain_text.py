"""Recordings as plain text, as a line printer would show them, without control sequences.

Within a line, carriage returns, backspaces and erasing to the end are applied. Movements between lines are left out:
for screens of editors and the like, play the recording.
"""

import codecs
import re
from collections.abc import Iterable, Iterator

from ferryman.client.recordings.asciicast import SHOWN
from ferryman.client.recordings.events import RecordedEvent
from ferryman.client.recordings.traffic import traffic_sentence

LONGEST_LINE = 64 * 1024
"""Characters; a longer line is broken."""
_TOKEN = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"
    r"|\x1b[PX^_][^\x1b]*(?:\x1b\\)?"
    r"|(?P<erase>\x1b\[0?K)"
    r"|\x1b\[[0-?]*[ -/]*[@-~]?"
    r"|\x1b[ -/]*[0-~]?"
    r"|(?P<text>[^\x00-\x1f\x7f-\x9f]+|\t)"
    r"|(?P<control>[\x00-\x1f\x7f-\x9f])"
)


def plain_text(events: Iterable[RecordedEvent]) -> Iterator[str]:
    """Yield the lines of output and standard error, each with a line feed; bytes that are not UTF-8 as U+FFFD.

    Connections and copied files are lines, too.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    rest = ""
    for event in events:
        if (sentence := traffic_sentence(event)) is not None:
            yield sentence + "\n"
        if event.kind not in SHOWN:
            continue
        *lines, rest = (rest + decoder.decode(event.data)).split("\n")
        if len(rest) > LONGEST_LINE:
            lines, rest = [*lines, rest], ""
        for line in lines:
            yield _printed(line) + "\n"
    if rest := rest + decoder.decode(b"", final=True):
        yield _printed(rest) + "\n"


def _printed(line: str) -> str:
    """Return the text that a line shows after all movements and erasures in it."""
    cells: list[str] = []
    column = 0
    for token in _TOKEN.finditer(line):
        if (text := token["text"]) is not None:
            cells[column : column + len(text)] = text
            column += len(text)
        elif token["erase"] is not None:
            del cells[column:]
        elif token["control"] == "\r":
            column = 0
        elif token["control"] == "\b":
            column = max(0, column - 1)
    return "".join(cells).rstrip()
