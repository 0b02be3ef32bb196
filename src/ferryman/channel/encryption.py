"""The end-to-end encryption of a session's payloads (`protocol/client.md` §9, `agent.md` §4.10).

AES-256-GCM without associated data; a sealed payload is 12 bytes of nonce, the ciphertext, 16 bytes of tag. The client
makes a data key of 64 bytes: the node seals with its first half, the client with its second. How the ends agree on the
key is in `key_agreement`.

Import this only for an encrypted session: it loads `cryptography`, which other sessions do without.
"""

from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ferryman.channel.ciphers import DATA_KEY_SIZE, Unopenable

NONCE_SIZE = 12
TAG_SIZE = 16
OVERHEAD = NONCE_SIZE + TAG_SIZE
_NONCES = 1 << (8 * NONCE_SIZE)


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
    return _opened(AESGCM(key), sealed)


class SessionCipher:
    """Seals what one end sends with its half of the data key, and opens what the other end sealed with the other half.

    `first_nonce` is 12 random bytes; each message uses the next number, as with AWS's agent, so none is used twice.
    """

    __slots__ = ("_expected", "_in_order", "_nonce", "_opens", "_seals")

    def __init__(self, seal_key: bytes, open_key: bytes, first_nonce: bytes) -> None:
        if len(first_nonce) != NONCE_SIZE:
            raise ValueError(f"a nonce has {NONCE_SIZE} bytes, this one has {len(first_nonce)}")
        self._seals = AESGCM(seal_key)
        self._opens = AESGCM(open_key)
        self._nonce = int.from_bytes(first_nonce, "little")
        self._expected = 0
        self._in_order = False

    def seal(self, plaintext: bytes) -> bytes:
        """Return `plaintext` sealed for the other end."""
        nonce = self._nonce.to_bytes(NONCE_SIZE, "little")
        self._nonce = (self._nonce + 1) % _NONCES
        return nonce + self._seals.encrypt(nonce, plaintext, None)

    def open(self, sealed: bytes) -> bytes:
        """Return what the other end sealed; raises Unopenable."""
        nonce = int.from_bytes(sealed[:NONCE_SIZE], "little")
        if self._in_order and nonce != self._expected:
            raise Unopenable("the payload was repeated, or one before it was left out")
        plaintext = _opened(self._opens, sealed)
        self._expected = (nonce + 1) % _NONCES
        return plaintext

    def open_in_order(self) -> None:
        """Open only what was sealed next after what was opened last."""
        self._in_order = True

    def reopen(self, sealed: bytes) -> bytes:
        """Return what this end gave to `seal`; raises Unopenable."""
        return _opened(self._seals, sealed)


def node_cipher(data_key: bytes, first_nonce: bytes) -> SessionCipher:
    """Return the cipher of the node's end; raises ValueError unless the data key has 64 bytes."""
    keys = split(data_key)
    return SessionCipher(keys.node, keys.client, first_nonce)


def client_cipher(data_key: bytes, first_nonce: bytes) -> SessionCipher:
    """Return the cipher of the client's end; raises as `node_cipher`."""
    keys = split(data_key)
    return SessionCipher(keys.client, keys.node, first_nonce)


def _opened(key: AESGCM, sealed: bytes) -> bytes:
    if len(sealed) < OVERHEAD:
        raise Unopenable(f"a sealed payload has at least {OVERHEAD} bytes, this one has {len(sealed)}")
    try:
        return key.decrypt(sealed[:NONCE_SIZE], sealed[NONCE_SIZE:], None)
    except InvalidTag:
        raise Unopenable("the payload was not sealed with this key, or was changed since") from None
