"""How the session of a role is named after a person, from the claims of their ID token."""

import re
from collections.abc import Mapping
from typing import Any

NAMING_CLAIMS = ("email", "preferred_username", "sub")
"""Claims that may name the session; the first one present is used."""
_UNSAFE_IN_NAME = re.compile(r"[^\w+=,.@-]", re.ASCII)


def session_name(claims: Mapping[str, Any], claim: str = "") -> str | None:
    """Return the name from `claim`, or from the first of `NAMING_CLAIMS`; characters that STS does not allow become
    `_`. None if no claim has one."""
    for each in (claim,) if claim else NAMING_CLAIMS:
        value = claims.get(each)
        if isinstance(value, str) and len(value) > 1:
            return _UNSAFE_IN_NAME.sub("_", value)[:64]
    return None
