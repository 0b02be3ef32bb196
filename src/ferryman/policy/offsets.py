"""Where the statements of a document are in its text, so that a simulation can say which of them decided."""

import json
from dataclasses import dataclass

_BLANK = " \t\r\n"
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a text; lines and columns count from 1."""

    line: int
    column: int


def statement_positions(text: str) -> tuple[tuple[Position, Position], ...]:
    """Return where each statement begins and where its last character is. The document must parse."""
    at = _past(text, text.index("{") + 1)
    while True:
        name, at = _DECODER.raw_decode(text, at)
        at = _past(text, _past(text, at) + 1)
        if name == "Statement":
            return tuple((_position(text, begin), _position(text, end - 1)) for begin, end in _spans(text, at))
        _, at = _DECODER.raw_decode(text, at)
        at = _past(text, _past(text, at) + 1)


def _spans(text: str, at: int) -> list[tuple[int, int]]:
    if text[at] != "[":
        return [(at, _DECODER.raw_decode(text, at)[1])]
    spans: list[tuple[int, int]] = []
    while text[at] != "]":
        begin = _past(text, at + 1)
        _, end = _DECODER.raw_decode(text, begin)
        spans.append((begin, end))
        at = _past(text, end)
    return spans


def _past(text: str, at: int) -> int:
    """Return the offset of the next character that is not white space."""
    while text[at] in _BLANK:
        at += 1
    return at


def _position(text: str, at: int) -> Position:
    before = text[:at]
    return Position(before.count("\n") + 1, at - (before.rfind("\n") + 1) + 1)
