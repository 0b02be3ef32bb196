"""The syntax of terminal output (ECMA-48, and xterm's control sequences)."""

import re

TOKEN = re.compile(
    rb"(?P<text>[\x20-\x7e\x80-\xff]+)"
    rb"|\x1b\[(?P<csi>[\x30-\x3f]*[\x20-\x2f]*[\x40-\x7e])"
    rb"|\x1b\](?P<osc>[^\x07\x1b\x18\x1a]*)(?:\x07|\x1b\\)"
    rb"|\x1b[PX^_](?P<string>[^\x1b\x18\x1a]*)\x1b\\"
    rb"|\x1b(?P<escape>[\x20-\x2f]*[\x30-\x4f\x51-\x57\x59\x5a\x5c\x60-\x7e])"
    rb"|(?P<control>[\x00-\x1a\x1c-\x1f\x7f])"
)
UNFINISHED = re.compile(
    rb"\x1b(?:\[[\x30-\x3f]*[\x20-\x2f]*|\][^\x07\x1b\x18\x1a]*\x1b?|[PX^_][^\x1b\x18\x1a]*\x1b?|[\x20-\x2f]*)"
)
CSI = re.compile(rb"([<=>?]?)([0-9;:]*)([\x20-\x2f]*)([\x40-\x7e])")
SWITCHES = re.compile(rb"\x1b(?:\[\??[0-9;]+[hl]|\[[0-9;]*r|\([0-~]|[cno]|\]8;[^\x07\x1b\x18\x1a]*(?:\x07|\x1b\\))")
"""Sequences that change how the terminal treats later output, whatever is on the screen; with SHIFTS."""
SHIFTS = (b"\x0e", b"\x0f")
STRING_STARTS = (b"\x1b]", b"\x1bP", b"\x1bX", b"\x1b^", b"\x1b_")
STRING_END = re.compile(rb"\x07|\x1b\\|[\x18\x1a]")


def numbers(parameters: bytes) -> list[int]:
    """Return the parameters of a control sequence, 0 for those left out; anything after a colon is dropped."""
    return [int(each.partition(b":")[0][:5] or b"0") for each in parameters.split(b";")]
