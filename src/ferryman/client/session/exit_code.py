"""The exit status of a far command, as its node words it (`protocol/client.md` §5.2)."""

import re

_EXIT_CODE = re.compile(rb"\s*EXIT_CODE:\s*(-?\d{1,10})\s*")
LARGEST = 255
UNREADABLE = 1


def exit_code(payload: bytes) -> int:
    """Return the status that `EXIT_CODE: n` names; 1 for what makes no sense or is no status of a process here."""
    found = _EXIT_CODE.fullmatch(payload)
    if found is None:
        return UNREADABLE
    number = int(found[1])
    return number if 0 <= number <= LARGEST else UNREADABLE
