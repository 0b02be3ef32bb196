"""The attributes of characters, as SGR sequences set them (ECMA-48 §8.3.117, and xterm's additions)."""

import functools
from collections.abc import Iterator

Pen = tuple[tuple[str, bytes], ...]
"""Pairs of an attribute and the parameters that set it, sorted; empty for the default attributes."""
DEFAULT_PEN: Pen = ()
UNDERLINE = "underline"

_ON = {1: "bold", 2: "faint", 3: "italic", 4: UNDERLINE, 5: "blink", 6: "blink", 7: "inverse", 8: "hidden", 9: "struck"}
_ON |= {21: UNDERLINE, 53: "overline", 73: "raised", 74: "raised"}
_ON |= dict.fromkeys((*range(30, 39), *range(90, 98)), "foreground")
_ON |= dict.fromkeys((*range(40, 49), *range(100, 108)), "background") | {58: "underline colour"}
_OFF = {22: ("bold", "faint"), 23: ("italic",), 24: (UNDERLINE,), 25: ("blink",), 27: ("inverse",), 28: ("hidden",)}
_OFF |= {29: ("struck",), 39: ("foreground",), 49: ("background",), 55: ("overline",), 59: ("underline colour",)}
_OFF |= {75: ("raised",)}
_COLOURS = (38, 48, 58)
_FOLLOWING = {b"5": 2, b"2": 4}
"""How many parameters follow a colour's, by the first of them: an index, or red, green and blue."""


@functools.lru_cache(maxsize=256)
def changed(pen: Pen | None, parameters: bytes) -> Pen | None:
    """Return `pen` after an SGR sequence with these parameters; None is unknown."""
    attributes = None if pen is None else dict(pen)
    for code, raw in _groups(parameters):
        if code == 0:
            attributes = {}
        elif attributes is None:
            continue
        elif code in _ON:
            attributes[_ON[code]] = raw
        elif code in _OFF:
            for each in _OFF[code]:
                attributes.pop(each, None)
        else:
            attributes = None
    return None if attributes is None else tuple(sorted(attributes.items()))


def underlined(pen: Pen) -> Pen:
    """Return `pen` with an underline."""
    return tuple(sorted({**dict(pen), UNDERLINE: b"4"}.items()))


def sequence(pen: Pen) -> bytes:
    """Return the sequence that sets these attributes and no others."""
    return b"\x1b[" + b";".join([b"0", *(raw for _, raw in pen)]) + b"m"


def _groups(parameters: bytes) -> Iterator[tuple[int, bytes]]:
    """Split parameters into attributes: each with its code, -1 if it is malformed."""
    parts = parameters.split(b";")
    while parts:
        first = parts.pop(0)
        code = int(first.partition(b":")[0][:5] or b"0")
        if first == b"4:0":
            code = 24
        elif code in _COLOURS and b":" not in first:
            count = _FOLLOWING.get(parts[0], 0) if parts else 0
            if not count or len(parts) < count:
                yield -1, b""
                return
            first = b";".join([first, *parts[:count]])
            del parts[:count]
        yield code, first
