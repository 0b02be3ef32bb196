"""Parses the exit status of a remote command as the node sends it (`protocol/client.md` §5.2)."""

import re

_EXIT_CODE = re.compile(rb"\s*EXIT_CODE:\s*(-?\d{1,10})\s*")
LARGEST = 255
UNREADABLE = 1


def exit_code(payload: bytes) -> int:
    """Return the status in `EXIT_CODE: n`; 1 if it cannot be parsed or is not between 0 and 255."""
    found = _EXIT_CODE.fullmatch(payload)
    if found is None:
        return UNREADABLE
    number = int(found[1])
    return number if 0 <= number <= LARGEST else UNREADABLE
