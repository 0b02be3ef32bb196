"""AWS Signature Version 4: `sign` for a caller, `parse` and then `verify` for a server.

Between `parse` and `verify` the server looks up the secret of `ParsedSignature.access_key_id`.
"""

import hmac
from datetime import datetime

from ferryman.model.identity.credentials import Credentials
from ferryman.model.values.secret import Secret
from ferryman.signing.authorization import draft
from ferryman.signing.canonical import TERMINATOR, Scope, SignableRequest
from ferryman.signing.errors import InvalidSignature, SignatureMismatch
from ferryman.signing.parsed_signature import ParsedSignature, parse
from ferryman.signing.verification import SKEW, check_body_digest, check_current, strings_to_sign

__all__ = ["SKEW", "ParsedSignature", "parse", "sign", "verify", "verify_scope"]


def sign(
    request: SignableRequest, credentials: Credentials, region: str, service: str, now: datetime
) -> dict[str, str]:
    """Return the headers to add to `request`: Authorization, X-Amz-Date, X-Amz-Security-Token for temporary keys.

    Signs every header of `request`, which must include Host, except those that HTTP clients and proxies rewrite.
    `now` is in UTC. Raises ValueError when Host is missing or a header to sign is there twice.
    """
    token = credentials.session_token
    unsigned = draft(request, region, service, now, None if token is None else token.reveal())
    signature = _signature(credentials.secret_access_key, unsigned.scope, unsigned.to_sign)
    return unsigned.headers(credentials.access_key_id, signature)


def verify(request: SignableRequest, parsed: ParsedSignature, secret: Secret, now: datetime) -> None:
    """Return if `parsed` was made over `request` with `secret` and is current at `now` (UTC).

    `secret` is the secret access key of `parsed.access_key_id`. Region and service are not judged here: see
    `verify_scope`. Raises `InvalidSignature`.
    """
    check_current(parsed, now)
    expected = parsed.signature.encode(errors="surrogateescape")
    matched = False
    for to_sign in strings_to_sign(request, parsed):
        matched |= hmac.compare_digest(_signature(secret, parsed.scope, to_sign).encode(), expected)
    if not matched:
        raise SignatureMismatch
    check_body_digest(request)


GLOBAL_SERVICES = frozenset({"iam"})
"""Services without a region; clients sign for the one region that AWS has them in, or for their own."""
_GLOBAL_REGIONS = {"cn-": "cn-north-1", "us-gov-": "us-gov-west-1"}


def verify_scope(parsed: ParsedSignature, region: str, service: str) -> None:
    """Return if the signature is scoped to this region and service; raises `InvalidSignature`.

    Only a global service's may be scoped to that service's region at AWS instead: us-east-1, but for the partitions of
    China and of the US government.
    """
    regions = {region, _global_region(region)} if service in GLOBAL_SERVICES else {region}
    if parsed.scope.region not in regions:
        raise InvalidSignature(f"Credential should be scoped to a valid region, not {parsed.scope.region!r}.")
    if parsed.scope.service != service:
        raise InvalidSignature(f"Credential should be scoped to correct service: {service!r}.")


def _global_region(region: str) -> str:
    return next((home for prefix, home in _GLOBAL_REGIONS.items() if region.startswith(prefix)), "us-east-1")


def _signature(secret: Secret, scope: Scope, to_sign: str) -> str:
    key = b"AWS4" + secret.reveal().encode()
    for part in (scope.date, scope.region, scope.service, TERMINATOR):
        key = hmac.digest(key, part.encode(errors="surrogateescape"), "sha256")
    return hmac.digest(key, to_sign.encode(errors="surrogateescape"), "sha256").hex()
