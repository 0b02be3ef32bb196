"""A sentence on the last line of a terminal that a full-screen program draws on; the cursor stays where it is."""

import re

_DRAWN = "\x1b7\x1b[{row};1H\x1b[0;7m{text}\x1b[0m\x1b[K\x1b8"
_SWITCHES = re.compile(rb"\x1b\[\?(?:1049|1047|47)([hl])")


def on_last_line(text: str, columns: int, rows: int) -> bytes:
    """Return the sequence that draws `text`, which must be printable, cut to the terminal's width."""
    return _DRAWN.format(row=rows, text=text[:columns]).encode()


def on_alternate_screen(data: bytes, *, before: bool) -> bool:
    """Return whether a program's output leaves the terminal on its alternate screen; `before`: it was there."""
    if b"\x1b[?" not in data:
        return before
    switches = _SWITCHES.findall(data)
    return switches[-1] == b"h" if switches else before
