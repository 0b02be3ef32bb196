"""The public description of a server at `/.well-known/ferryman`: what a client needs to log in, nothing secret.

Ferryman's own format, version 1, described in `docs/reference/discovery.md`. A client must not trust it further than
the connection that it came over.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

PATH = "/.well-known/ferryman"
LARGEST = 32 * 1024
"""Bytes of a description. A certificate has 1 to 2 KiB, and so have twenty roles."""
MOST_ROLES = 20

_Line = Annotated[str, Meta(max_length=1024, pattern=r"^[^\x00-\x20\x7f-\x9f]*\Z")]
_Words = Annotated[str, Meta(max_length=1024, pattern=r"^[^\x00-\x1f\x7f-\x9f]*\Z")]
_Claim = Annotated[str, Meta(max_length=128, pattern=r"^[\w:./-]*\Z")]
_RoleArn = Annotated[str, Meta(max_length=700, pattern=r"^arn:aws:iam::[0-9]{12}:role/[\w+=,.@/-]+\Z")]


class InvalidDescription(ValueError):
    """The document is not a server's description; the text says why."""


class LoginOffer(msgspec.Struct, frozen=True, omit_defaults=True):
    """How people log in: the OpenID Connect provider, this product's client id there, and the roles they may try."""

    issuer: _Line
    client_id: _Line
    roles: Annotated[tuple[_RoleArn, ...], Meta(max_length=MOST_ROLES)] = ()
    scopes: _Words = ""
    session_claim: _Claim = ""


class ServerDescription(msgspec.Struct, frozen=True, omit_defaults=True):
    """One server. `ca_certificate` is the PEM of the authority that issued its certificate, if clients may not know it;
    `ca_sha256` is that certificate's fingerprint in lower-case hex."""

    version: Literal[1]
    product_version: _Line
    region: Annotated[str, Meta(max_length=64, pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]+\Z")]
    account_id: Annotated[str, Meta(pattern=r"^[0-9]{12}\Z")]
    ca_sha256: Annotated[str, Meta(pattern=r"^([0-9a-f]{64})?\Z")] = ""
    ca_certificate: Annotated[str, Meta(max_length=16 * 1024)] = ""
    login: LoginOffer | None = None


def encode_description(description: ServerDescription) -> bytes:
    """Return the JSON document."""
    return msgspec.json.encode(description)


def decode_description(document: bytes) -> ServerDescription:
    """Return the description; unknown members are ignored. Raises `InvalidDescription`."""
    if len(document) > LARGEST:
        raise InvalidDescription(f"it is larger than {LARGEST} bytes")
    try:
        return msgspec.json.decode(document, type=ServerDescription)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidDescription(str(error)[:300]) from error
