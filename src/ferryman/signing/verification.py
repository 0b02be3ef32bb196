"""The checks of both schemes: that a signature is current, and exactly which text it must have been made over."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from ferryman.signing.canonical import TIMESTAMP_FORMAT, SignableRequest, canonical_request, string_to_sign, timestamp
from ferryman.signing.errors import InvalidSignature
from ferryman.signing.parsed_signature import ParsedSignature

SKEW = timedelta(minutes=5)
"""How far a signer's clock may be off, either way."""

_DEFAULT_PORTS = (":443", ":80")
_PORT = re.compile(r":\d+\Z", re.ASCII)


def check_current(parsed: ParsedSignature, now: datetime) -> None:
    """Return if the signature is neither stale nor from the future at `now`; raises `InvalidSignature`."""
    signed_at = datetime.strptime(parsed.signed_at, TIMESTAMP_FORMAT).replace(tzinfo=UTC)
    if signed_at > now + SKEW:
        raise InvalidSignature(
            f"Signature not yet current: {parsed.signed_at} is still later than {timestamp(now + SKEW)} "
            f"({timestamp(now)} + {_minutes(SKEW)} min.)"
        )
    if parsed.expires is not None:
        expires_at = signed_at + timedelta(seconds=parsed.expires)
        if expires_at < now:
            raise InvalidSignature(f"Signature expired: {timestamp(expires_at)} is now earlier than {timestamp(now)}")
    elif signed_at < now - SKEW:
        raise InvalidSignature(
            f"Signature expired: {parsed.signed_at} is now earlier than {timestamp(now - SKEW)} "
            f"({timestamp(now)} - {_minutes(SKEW)} min.)"
        )


def check_body_digest(request: SignableRequest) -> None:
    """Return if X-Amz-Content-Sha256, which may be unsigned, is absent or true; raises `InvalidSignature`."""
    digests = request.values("x-amz-content-sha256")
    if digests and {digest.strip().lower() for digest in digests} != {sha256(request.body).hexdigest()}:
        raise InvalidSignature("The provided 'x-amz-content-sha256' header does not match what was computed.")


def strings_to_sign(request: SignableRequest, parsed: ParsedSignature) -> Iterator[str]:
    """Yield every string that may have been signed: one for each way to write the host.

    Signers differ on whether a default port belongs to the host (`protocol/agent.md` §1.6): AWS's agent signs
    `host:443` and sends `host`.
    """
    headers = [(name, request.values(name)[0]) for name in parsed.signed_headers]
    for host in _spellings(request.values("host")[0].strip()):
        spelt = ((name, host if name == "host" else value) for name, value in headers)
        yield string_to_sign(parsed.signed_at, parsed.scope, canonical_request(request, spelt))


def _spellings(host: str) -> Iterator[str]:
    yield host
    if not _PORT.search(host):
        yield from (host + port for port in _DEFAULT_PORTS)
    elif host.endswith(_DEFAULT_PORTS):
        yield _PORT.sub("", host)


def _minutes(duration: timedelta) -> int:
    return duration // timedelta(minutes=1)
