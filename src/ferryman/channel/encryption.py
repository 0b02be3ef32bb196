"""The end-to-end encryption of a session's payloads (`protocol/client.md` §9, `agent.md` §4.10).

AES-256-GCM without associated data; a sealed payload is 12 bytes of nonce, the ciphertext, 16 bytes of tag. The client
makes a data key of 64 bytes: the node seals with its first half, the client with its second. Agreeing on the key, and
which payload types are sealed, is for the engines.
"""

from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

DATA_KEY_SIZE = 64
NONCE_SIZE = 12
TAG_SIZE = 16
OVERHEAD = NONCE_SIZE + TAG_SIZE


class Unopenable(ValueError):
    """A payload that was not sealed with this key, or was changed since."""


@dataclass(frozen=True, slots=True, repr=False)
class DirectionKeys:
    """The halves of a data key, 32 bytes each, by who seals with them."""

    node: bytes
    client: bytes


def split(data_key: bytes) -> DirectionKeys:
    """Return the halves of a 64-byte data key; raises ValueError for any other length."""
    if len(data_key) != DATA_KEY_SIZE:
        raise ValueError(f"a data key has {DATA_KEY_SIZE} bytes, this one has {len(data_key)}")
    half = DATA_KEY_SIZE // 2
    return DirectionKeys(data_key[:half], data_key[half:])


def seal(key: bytes, plaintext: bytes, nonce: bytes) -> bytes:
    """Return `plaintext` sealed with a 32-byte `key`; `nonce` is 12 bytes, never used twice with one key."""
    if len(nonce) != NONCE_SIZE:
        raise ValueError(f"a nonce has {NONCE_SIZE} bytes, this one has {len(nonce)}")
    return nonce + AESGCM(key).encrypt(nonce, plaintext, None)


def open_sealed(key: bytes, sealed: bytes) -> bytes:
    """Return what `seal` was given; raises Unopenable for anything that is not whole and made with this key."""
    if len(sealed) < OVERHEAD:
        raise Unopenable(f"a sealed payload has at least {OVERHEAD} bytes, this one has {len(sealed)}")
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_SIZE], sealed[NONCE_SIZE:], None)
    except InvalidTag:
        raise Unopenable("the payload was not sealed with this key, or was changed since") from None
