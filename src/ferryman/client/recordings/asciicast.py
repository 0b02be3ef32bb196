"""Writes recordings in the formats of asciinema, as text, or as the raw bytes.

Sources: https://docs.asciinema.org/manual/asciicast/v3/ and …/v2/. Bytes that are not UTF-8 become U+FFFD there, as a
terminal shows them; characters that were cut in two by the end of an event are joined.
"""

import codecs
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from ferryman.client.recordings.events import RecordedEvent
from ferryman.client.recordings.traffic import traffic_sentence

SIZE = (80, 24)
"""Columns and rows until the client has reported its own."""
SHOWN = frozenset("oe")


@dataclass(frozen=True, slots=True)
class Heading:
    """The properties of a recording that an exported file contains."""

    title: str
    started_at: datetime


def asciicast_v3(heading: Heading, events: Iterable[RecordedEvent]) -> Iterator[str]:
    """Yield the lines of an asciicast v3 file, each with its newline; times are relative to the event before."""
    (columns, rows), events = _initial_size(events)
    header = {
        "version": 3,
        "term": {"cols": columns, "rows": rows},
        "timestamp": int(heading.started_at.timestamp()),
        "title": heading.title,
    }
    yield _json(header)
    written = 0
    for event in _texts(events):
        at = round(event.at * 1000)
        yield _json([(at - written) / 1000, event.kind, event.text])
        written = at


def asciicast_v2(heading: Heading, events: Iterable[RecordedEvent]) -> Iterator[str]:
    """Yield the lines of an asciicast v2 file, each with its newline; times are relative to the beginning."""
    (columns, rows), events = _initial_size(events)
    header = {
        "version": 2,
        "width": columns,
        "height": rows,
        "timestamp": int(heading.started_at.timestamp()),
        "title": heading.title,
    }
    yield _json(header)
    for event in _texts(events):
        if event.kind != "x":  # v2 has no exit status
            yield _json([round(event.at, 3), event.kind, event.text])


def raw_output(events: Iterable[RecordedEvent]) -> Iterator[bytes]:
    """Yield exactly the bytes of output and standard error."""
    return (event.data for event in events if event.kind in SHOWN)


@dataclass(frozen=True, slots=True)
class _Text:
    at: float
    kind: str
    text: str


def _texts(events: Iterable[RecordedEvent]) -> Iterator[_Text]:
    """Yield events with their data as text, in asciicast's kinds, which do not tell standard error apart."""
    decoders = {kind: codecs.getincrementaldecoder("utf-8")("replace") for kind in "oei"}
    for event in events:
        if (sentence := traffic_sentence(event)) is not None:
            yield _Text(event.at, "m", sentence)
            continue
        decoder = decoders.get(event.kind)
        text = event.data.decode(errors="replace") if decoder is None else decoder.decode(event.data)
        if text or decoder is None:
            yield _Text(event.at, "o" if event.kind == "e" else event.kind, text)


def _initial_size(events: Iterable[RecordedEvent]) -> tuple[tuple[int, int], Iterator[RecordedEvent]]:
    """Return the size that the terminal had before anything was shown, and all events."""
    events = iter(events)
    before: list[RecordedEvent] = []
    for event in events:
        before.append(event)
        if event.kind == "r":
            columns, _, rows = event.data.partition(b"x")
            return (int(columns), int(rows)), chain(before, events)
        if event.kind in SHOWN:
            break
    return SIZE, chain(before, events)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) + "\n"
