"""One canonicaliser for signing and for verifying: the canonical request, the scope, the string to sign."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from urllib.parse import quote, quote_from_bytes, unquote_to_bytes

ALGORITHM = "AWS4-HMAC-SHA256"
TERMINATOR = "aws4_request"
TIMESTAMP_FORMAT = "%Y%m%dT%H%M%SZ"
SIGNATURE_PARAMETER = "X-Amz-Signature"

_UNRESERVED = "-_.~"
_UNDECODED = "surrogateescape"
"""How HTTP servers hand over bytes of the request that are not UTF-8."""


@dataclass(frozen=True, slots=True)
class SignableRequest:
    """A request as it is on the wire.

    `raw_path` and `raw_query` are the two halves of the request target, percent-encoded as sent, without the `?`.
    `headers` are (name, value) in order, every repetition included, `Host` among them. `body` is the whole body after
    transfer decoding.
    """

    method: str
    raw_path: str
    raw_query: str
    headers: list[tuple[str, str]]
    body: bytes

    def values(self, name: str) -> list[str]:
        """Return every value of a header, in order; `name` is lower-case."""
        return [value for key, value in self.headers if key.lower() == name]


@dataclass(frozen=True, slots=True)
class Scope:
    """What a signing key is good for: one day (`yyyymmdd`), one region, one service."""

    date: str
    region: str
    service: str

    def __str__(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/{TERMINATOR}"


def timestamp(moment: datetime) -> str:
    """Return `yyyymmddThhmmssZ`, the form of X-Amz-Date; `moment` must be in UTC."""
    return moment.strftime(TIMESTAMP_FORMAT)


def canonical_path(raw_path: str) -> str:
    """Return the canonical URI: dot segments and repeated slashes collapsed, percent-encoded once more.

    `a%20b` on the wire is signed as `a%2520b`, `user@x-1` as `user%40x-1` (`protocol/agent.md` §4.1).
    """
    kept: list[str] = []
    for segment in raw_path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    path = "/" + "/".join(kept) + ("/" if kept and raw_path.endswith("/") else "")
    return quote(path, safe="/" + _UNRESERVED, errors=_UNDECODED)


def query_parameters(raw_query: str) -> list[tuple[str, str]]:
    """Return the decoded (name, value) pairs of a query string in order; a part without `=` has the value ""."""
    pairs = (part.partition("=") for part in raw_query.split("&") if part)
    return [
        (_decode(name).decode(errors="replace"), _decode(value).decode(errors="replace")) for name, _, value in pairs
    ]


def canonical_query(raw_query: str) -> str:
    """Return the parameters, encoded alike and sorted, without the signature of a presigned request."""
    pairs = (part.partition("=") for part in raw_query.split("&") if part)
    recoded = sorted((_recode(name), _recode(value)) for name, _, value in pairs)
    return "&".join(f"{name}={value}" for name, value in recoded if name != SIGNATURE_PARAMETER)


def _decode(text: str) -> bytes:
    return unquote_to_bytes(text.replace("+", "%20").encode(errors=_UNDECODED))


def _recode(text: str) -> str:
    return quote_from_bytes(_decode(text), safe=_UNRESERVED)


def canonical_request(request: SignableRequest, headers: Iterable[tuple[str, str]]) -> str:
    """Return the canonical request over `headers`: (lower-case name, value), sorted by name, each name once."""
    listed = [(name, " ".join(value.split())) for name, value in headers]
    return "\n".join(
        (
            request.method.upper(),
            canonical_path(request.raw_path),
            canonical_query(request.raw_query),
            *(f"{name}:{value}" for name, value in listed),
            "",
            ";".join(name for name, _ in listed),
            sha256(request.body).hexdigest(),
        )
    )


def string_to_sign(signed_at: str, scope: Scope, canonical: str) -> str:
    """Return the text that the key signs; `signed_at` is a timestamp in the form of X-Amz-Date."""
    return "\n".join((ALGORITHM, signed_at, str(scope), sha256(canonical.encode(errors=_UNDECODED)).hexdigest()))
