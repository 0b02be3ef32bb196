"""The abilities that Ferryman's ends agree on in the handshake, and those of AWS's ends."""

import re

from msgspec.structs import replace

from ferryman.wire.payloads import Extensions

AWS = Extensions(max_payload=1024)
"""With AWS's ends: the payload they send themselves, smux version 1 (client.md §10.4, §13)."""
OURS = Extensions(max_payload=131072, mux=2, stdin=True, undigested=True, exit_code=True)

TERMINAL_TYPE_LIMIT = 64
_TERMINAL_TYPE = re.compile(rf"[A-Za-z0-9._+-]{{1,{TERMINAL_TYPE_LIMIT}}}")


def offer(terminal_type: str) -> Extensions:
    """Return the abilities of a client on a terminal of this type (TERM); a text that is not a terminal type is left
    out."""
    return replace(OURS, terminal_type=_checked(terminal_type))


def agree(theirs: Extensions) -> Extensions:
    """Return the abilities of both ends, if the peer offers `theirs`, whatever the numbers in it."""
    return Extensions(
        max_payload=max(1, min(OURS.max_payload, theirs.max_payload)),
        mux=max(AWS.mux, min(OURS.mux, theirs.mux)),
        stdin=OURS.stdin and theirs.stdin,
        undigested=OURS.undigested and theirs.undigested,
        exit_code=OURS.exit_code and theirs.exit_code,
        terminal_type=_checked(theirs.terminal_type),
    )


def _checked(terminal_type: str) -> str:
    return terminal_type if _TERMINAL_TYPE.fullmatch(terminal_type) else ""
