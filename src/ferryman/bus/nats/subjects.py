"""How the port's subjects, which hold ids that callers may choose, are written as NATS's.

NATS gives a meaning to dots, spaces, `*` and `>`. Each part between the port's dots becomes one token of letters,
digits, `-`, `_` and `%`: other bytes of its UTF-8 are written as `%` and two digits, and an empty part as `%`.
"""

import re
from hashlib import sha256

SUBJECT_LIMIT = 400
"""Bytes of an encoded subject; a longer one is replaced by its hash. NATS's own limit on a line is 4,096."""
_ESCAPED = re.compile(rb"[^A-Za-z0-9_-]")


def encode_subject(subject: str) -> str:
    """Return the tokens for a subject of the port; different subjects have different tokens."""
    encoded = ".".join(_token(part) for part in subject.split("."))
    if len(encoded) <= SUBJECT_LIMIT:
        return encoded
    return f"%h{sha256(subject.encode(errors='surrogatepass')).hexdigest()}"


def _token(part: str) -> str:
    raw = part.encode(errors="surrogatepass")
    return _ESCAPED.sub(lambda found: b"%%%02X" % found[0][0], raw).decode() or "%"
