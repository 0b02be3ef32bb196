"""AWS Signature Version 4: `sign` for a caller, `parse` and then `verify` for a server.

Between `parse` and `verify` the server looks up the secret of `PresentedSignature.access_key_id`.
"""

from datetime import datetime, timedelta

from ferryman.model.callers import Credentials
from ferryman.model.secret import Secret
from ferryman.signing.canonical import SignableRequest
from ferryman.signing.presented import PresentedSignature, parse

__all__ = ["SKEW", "PresentedSignature", "parse", "sign", "verify"]

SKEW = timedelta(minutes=5)
"""How far a signer's clock may be off, either way."""


def sign(
    request: SignableRequest, credentials: Credentials, region: str, service: str, now: datetime
) -> dict[str, str]:
    """Return the headers to add to `request`: Authorization, X-Amz-Date, X-Amz-Security-Token for temporary keys.

    Signs every header of `request`, which must include Host, except those that HTTP clients and proxies rewrite.
    `now` is in UTC.
    """
    raise NotImplementedError


def verify(request: SignableRequest, presented: PresentedSignature, secret: Secret, now: datetime) -> None:
    """Return if `presented` was made over `request` with `secret` and is current at `now` (UTC).

    `secret` is the secret access key of `presented.access_key_id`. Region and service are not judged here: compare
    `presented.scope` with `verify_scope`. Raises `InvalidSignature`.
    """
    raise NotImplementedError


def verify_scope(presented: PresentedSignature, region: str, service: str) -> None:
    """Return if the signature is scoped to this region and service; raises `InvalidSignature`."""
    raise NotImplementedError
