"""NATS's credentials files: a user's JWT, and the Ed25519 seed that belongs to it, in NATS's encoding."""

import base64
import binascii
import re
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_BLOCK = re.compile(r"-----BEGIN ([A-Z ]+)-----\s*([A-Za-z0-9_.=-]+)\s*------?END ")
_SEED_PREFIX = 18 << 3
"""The first five bits of a seed, an S in base32. Two bytes of prefix, 32 of the seed and two of a checksum."""
_DECODED_BYTES = 36


class MalformedCredentials(ValueError):
    """The text is not a credentials file."""


@dataclass(frozen=True, slots=True)
class UserCredentials:
    """The user to log in as."""

    token: str
    private_key: Ed25519PrivateKey

    def jwt(self) -> bytes:
        """Return the user's JWT."""
        return self.token.encode()

    def sign(self, nonce: str) -> bytes:
        """Return the signature of a server's nonce, in base64."""
        return base64.b64encode(self.private_key.sign(nonce.encode()))


def read_credentials(text: str) -> UserCredentials:
    """Parse a credentials file; raises `MalformedCredentials`, which shows nothing of it."""
    blocks = dict(_BLOCK.findall(text))
    token, seed = blocks.get("NATS USER JWT"), blocks.get("USER NKEY SEED")
    if token is None or seed is None:
        raise MalformedCredentials("the credentials file does not have a JWT and a seed of a user")
    try:
        raw = base64.b32decode(seed + "=" * (-len(seed) % 8))
    except binascii.Error:
        raw = b""
    if len(raw) != _DECODED_BYTES or raw[0] & 0xF8 != _SEED_PREFIX:
        raise MalformedCredentials("the seed in the credentials file is not one")
    return UserCredentials(token, Ed25519PrivateKey.from_private_bytes(raw[2:34]))
