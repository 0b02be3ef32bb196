"""Filters recorded output: lets through sequences that draw, and none that could do more to the viewer's terminal.

A node decides what a recording contains. Played back, it could set the viewer's clipboard or window title (OSC), load
keys or macros (DCS), change what the viewer's keys send, or ask the terminal questions whose answers would be typed
into the viewer's shell. So sequences are let through only if they are known to draw. Terminals execute control
characters in the middle of a sequence and then continue it, know each introducer in two forms, and end a string at ESC,
CAN and SUB as well; so does this.
"""

import codecs
import re

_INSIDE = r"[\x00-\x17\x19\x1c-\x1f\x7f]"
"""Control characters that do not end a sequence they are in."""
_STRING = rf"(?:\x1b{_INSIDE}*[\]PX^_]|[\x90\x98\x9d-\x9f])"
"""The introducers of OSC, DCS, SOS, PM and APC."""
_CSI = rf"(?:\x1b{_INSIDE}*\[|\x9b)"
_BEGINNING = re.compile(r"[\x05\x1b\x80-\x9f]")
_SEQUENCE = re.compile(
    rf"(?P<string>{_STRING}[^\x07\x18\x1a\x1b\x9c]*(?:[\x07\x18\x1a\x9c]|\x1b\\|(?=\x1b)))"
    rf"|{_CSI}(?P<csi>(?:[\x20-\x3f]|{_INSIDE})*[@-~])"
    rf"|\x1b(?P<escape>{_INSIDE}*(?:[0-OQ-WYZ\\`-~]|[\x20-\x2f](?:[\x20-\x2f]|{_INSIDE})*[0-~]))"
    r"|(?P<control>[\x05\x80-\x8f\x91-\x97\x99\x9a\x9c])"
)
_INCOMPLETE = re.compile(
    rf"{_STRING}[^\x07\x18\x1a\x1b\x9c]*|{_CSI}(?:[\x20-\x3f]|{_INSIDE})*|\x1b(?:[\x20-\x2f]|{_INSIDE})*"
)
"""A sequence whose end has not come yet, or that another one interrupted."""
_CONTROLS = re.compile(_INSIDE)
_DRAWING_CSI = re.compile(r"[0-9;:]*[@A-MPSTXZ`a-bd-gmrsu]|4[hl]|[0-9]* q|!p|\?[0-9;]*[JK]")
_MODES = re.compile(r"\?([0-9;]+)([hl])")
_DRAWING_MODES = frozenset(("5", "6", "7", "12", "25", "45", "47", "69", "1047", "1048", "1049", "2026"))
"""Modes that change how output looks; others change what keys, the mouse or pasting send."""
_DRAWING_ESCAPE = re.compile(r"[78DEHMNOno|}~]|[()*+\-./][0-~]|#[0-9]")
LONGEST = 4096
"""Characters of a sequence that has not ended; of a longer one only the beginning is kept."""


class TerminalFilter:
    """Filters one stream of output; sequences may be cut in two by the end of a piece."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""

    def filtered(self, data: bytes) -> bytes:
        """Return the part of all data so far that may be shown and was not returned yet; bytes that are not UTF-8 as
        U+FFFD."""
        text = self._rest + self._decoder.decode(data)
        self._rest = ""
        pieces: list[str] = []
        end = 0
        while (beginning := _BEGINNING.search(text, end)) is not None:
            start = beginning.start()
            pieces.append(text[end:start])
            if (found := _SEQUENCE.match(text, start)) is not None:
                pieces.append(_drawn(found))
            elif (found := _INCOMPLETE.match(text, start)) is None or found.end() == len(text):
                self._rest = _shortened(text[start:])
                return "".join(pieces).encode()
            end = found.end()
        pieces.append(text[end:])
        return "".join(pieces).encode()


def _shortened(rest: str) -> str:
    return rest if len(rest) <= LONGEST else rest[:2]


def _drawn(found: "re.Match[str]") -> str:
    """Return the part of a sequence that is let through."""
    if (csi := found["csi"]) is not None:
        body = _CONTROLS.sub("", csi)
        if _DRAWING_CSI.fullmatch(body):
            return f"\x1b[{body}"
        modes = _MODES.fullmatch(body)
        kept = [mode for mode in modes[1].split(";") if mode in _DRAWING_MODES] if modes is not None else []
        return f"\x1b[?{';'.join(kept)}{modes[2]}" if modes is not None and kept else ""
    if (escape := found["escape"]) is not None:
        body = _CONTROLS.sub("", escape)
        if body == "c":  # a reset would clear what the viewer had on the screen before
            return "\x1b[!p\x1b[H\x1b[2J"
        return f"\x1b{body}" if _DRAWING_ESCAPE.fullmatch(body) else ""
    return ""
