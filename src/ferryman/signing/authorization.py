"""The parts that both schemes sign in the same way: the headers, the scope, and their form."""

from dataclasses import dataclass
from datetime import datetime

from ferryman.signing.canonical import (
    ALGORITHM,
    Scope,
    SignableRequest,
    canonical_request,
    string_to_sign,
    timestamp,
)

_UNSIGNED = frozenset(
    {
        "accept",
        "accept-encoding",
        "authorization",
        "connection",
        "expect",
        "transfer-encoding",
        "user-agent",
        "x-amz-content-sha256",
        "x-amzn-trace-id",
    }
)
"""HTTP clients and proxies rewrite these; the body's digest is in the canonical request anyway."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A signature except for its last step. `added` are the headers that the request gets with Authorization."""

    scope: Scope
    signed_headers: str
    to_sign: str
    added: dict[str, str]

    def headers(self, signer: str, signature: str) -> dict[str, str]:
        """Return the headers to add to the request: those of `added` and the Authorization of `signer`."""
        credential = f"Credential={signer}/{self.scope}"
        parts = f"{credential}, SignedHeaders={self.signed_headers}, Signature={signature}"
        return {**self.added, "Authorization": f"{ALGORITHM} {parts}"}


def draft(
    request: SignableRequest, region: str, service: str, now: datetime, session_token: str | None = None
) -> Draft:
    """Return the draft of a signature; `request` must have one Host header and no signed header twice (ValueError)."""
    added = {"X-Amz-Date": timestamp(now)}
    if session_token is not None:
        added["X-Amz-Security-Token"] = session_token
    replaced = {name.lower(): value for name, value in added.items()}
    given = [(name.lower(), value) for name, value in request.headers]
    headers = sorted(
        [(name, value) for name, value in given if name not in _UNSIGNED and name not in replaced]
        + list(replaced.items())
    )
    names = [name for name, _ in headers]
    if "host" not in names or len(set(names)) != len(names):
        raise ValueError("a request to sign needs a Host header and none of its headers twice")
    scope = Scope(added["X-Amz-Date"][:8], region, service)
    canonical = canonical_request(request, headers)
    return Draft(scope, ";".join(names), string_to_sign(added["X-Amz-Date"], scope, canonical), added)
