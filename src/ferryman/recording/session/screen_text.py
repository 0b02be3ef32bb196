"""The part of a terminal's output that draws the current screen.

Everything before the last time the screen was cleared is left out, and so is what full-screen programs drew that have
left the alternate screen since. What remains is output as it was, so a terminal of the same size ends with the same
screen.
"""

import re

_ALTERNATE = re.compile(r"\x1b\[\?(?:1049|1047|47)([hl])")
"""Enters or leaves the alternate screen."""
_CLEARING = ("\x1b[2J", "\x1bc")
_HOME = re.compile(r"\x1b\[[0-9;]{0,11}H$")
_LONGEST_HOME = 14


def screen_text(text: str, *, is_whole: bool) -> tuple[str, bool]:
    """Return the end of `text` that draws the screen which all of `text` leaves, and whether nothing can be missing
    from it.

    `is_whole`: nothing was shown before `text`, which otherwise may begin anywhere.
    """
    if not is_whole:
        text = _behind_cut(text)
    pieces: list[str] = []
    start = 0
    entered: re.Match[str] | None = None
    for switch in _ALTERNATE.finditer(text):
        if switch[1] == "h" and entered is None:
            pieces.append(text[start : switch.start()])
            entered = switch
        elif switch[1] == "l" and entered is not None:
            pieces.append(f"{entered[0]}{switch[0]}")
            start, entered = switch.end(), None
        elif switch[1] == "l" and not pieces and not is_whole:
            start = switch.start()  # before, the other screen was shown, whose beginning is not known
    if entered is None:
        return _since_cleared("".join(pieces) + text[start:], is_whole=is_whole)
    behind, is_whole = _since_cleared("".join(pieces), is_whole=is_whole)
    shown, _ = _since_cleared(text[entered.end() :], is_whole=True)
    return f"{behind}{entered[0]}{shown}", is_whole


def _behind_cut(text: str) -> str:
    """Leave out the beginning if it may be the end of a sequence, or of a line, that was cut."""
    starts = [start for start in (text.find("\n"), text.find("\x1b")) if start >= 0]
    return text[min(starts) :] if starts else text


def _since_cleared(text: str, *, is_whole: bool) -> tuple[str, bool]:
    """Return the text since it cleared the screen, with a preceding sequence that moves the cursor there."""
    cleared = max(text.rfind(clearing) for clearing in _CLEARING)
    if cleared < 0:
        return text, is_whole
    moved = _HOME.search(text, max(0, cleared - _LONGEST_HOME), cleared)
    return text[cleared if moved is None else moved.start() :], True
