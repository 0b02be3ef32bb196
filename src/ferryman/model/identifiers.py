"""Ids and their forms. New ids are made from entropy that the caller passes in."""

import re
from typing import NewType

SessionId = NewType("SessionId", str)
NodeId = NewType("NodeId", str)
ActivationId = NewType("ActivationId", str)
Millis = NewType("Millis", int)
"""Milliseconds since the epoch, UTC."""

SUFFIX_DIGITS = 17
SESSION_ID_LIMIT = 96
NODE_ID_PATTERN = re.compile(r"mi-[0-9a-f]{17}")
_UNSAFE_IN_SESSION_ID = re.compile(r"[^A-Za-z0-9_+=,.@-]")


def hex_digits(entropy: bytes, digits: int) -> str:
    """Return the first `digits` lower-case hex digits of `entropy`, which must hold at least that many."""
    text = entropy.hex()[:digits]
    if len(text) != digits:
        raise ValueError(f"{digits} hex digits need {(digits + 1) // 2} bytes, got {len(entropy)}")
    return text


def new_session_id(caller_name: str, entropy: bytes) -> SessionId:
    """Return `<caller name>-<17 hex digits>`, at most 96 characters, from 9 bytes of entropy.

    A session id is a path component on nodes and in URLs, so a character outside IAM's user-name set becomes `_`;
    a name too long is cut, never the digits.
    """
    name = _UNSAFE_IN_SESSION_ID.sub("_", caller_name)[: SESSION_ID_LIMIT - SUFFIX_DIGITS - 1]
    return SessionId(f"{name}-{hex_digits(entropy, SUFFIX_DIGITS)}")


def new_node_id(entropy: bytes) -> NodeId:
    """Return `mi-<17 hex digits>` from 9 bytes of entropy."""
    return NodeId(f"mi-{hex_digits(entropy, SUFFIX_DIGITS)}")
