"""Signatures in the header and in the query, and registered keys: `ferryman.signing`."""

from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from ferryman.model.errors import ServiceError
from ferryman.model.values.secret import Secret
from ferryman.signing import rsa, sigv4
from tests.fuzz.target import MIB, Target, text_of
from tests.fuzz.vectors import request_of, signed_requests

_NOW = datetime(2025, 1, 1, tzinfo=UTC)
_KEY = generate_private_key(65537, 2048)
PUBLIC_KEY = rsa.encode_public_key(_KEY)
"""A key that nodes may register."""


def _signature(data: bytes) -> None:
    request = request_of(data)
    presented = sigv4.parse(request)
    sigv4.verify_scope(presented, "region-1", presented.scope.service)
    if rsa.is_rsa(presented):
        rsa.verify_rsa(request, presented, _KEY.public_key(), _NOW)
    sigv4.verify(request, presented, Secret("secret"), _NOW)


_PRESIGNED = (
    b"GET /?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256"
    b"&X-Amz-Credential=AKIA%2F20250101%2Fregion-1%2Fsts%2Faws4_request&X-Amz-Date=20250101T000000Z"
    b"&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Security-Token=t&X-Amz-Signature=00\nhost:x\n\n"
)
_DATED = (
    b"POST /\nhost:x\ndate:Wed, 01 Jan 2025 00:00:00 GMT\nauthorization:AWS4-HMAC-SHA256 "
    b"Credential=AKIA/20250101/region-1/ssm/aws4_request, SignedHeaders=date;host, Signature=00\n\n{}"
)
_WORDS = (
    b"X-Amz-Date=00010101T000000Z",
    b"X-Amz-Date=99991231T235959Z",
    b"99991231T235959Z",
    b"X-Amz-Expires=604800",
    b"X-Amz-Signature=",
    b"authorization:",
    b"\nx-amz-date:20250101T000000Z",
    b"\nx-amz-content-sha256:",
    b"\nx-amz-security-token:",
    b"Wed, 01 Jan 0001 00:00:00 +2359",
    b"Fri, 31 Dec 9999 23:59:59 -2359",
    b"Fri, 31 Dec 99999999999999999999 23:59:59 -9999999999",
    b"SignedHeaders=",
    b"/../",
    b"%2F",
)

TARGETS = (
    Target("signing.signature", _signature, (*signed_requests(), _PRESIGNED, _DATED), (ServiceError,), _WORDS, MIB),
    Target(
        "signing.public_key",
        lambda data: rsa.decode_public_key(text_of(data)),
        (PUBLIC_KEY.encode(),),
        (ValueError,),
        (),
        16_384,
    ),
)
