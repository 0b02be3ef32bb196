"""Encryption at rest and in tokens: AES-256-GCM under keys derived from the server's key, one per purpose.

The server's key can be rotated: the newest key seals, older ones still open. Sealed bytes begin with their key's id.
"""

from collections.abc import Sequence
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ferryman.core.ports.runtime import Entropy

KEY_BYTES = 32
_ID_BYTES = 4
_NONCE_BYTES = 12
KEY_PURPOSE = "access-key"
"""The purpose of the secrets of access keys."""


class Unsealable(Exception):
    """The bytes were not sealed by one of this server's keys for this purpose and context, or were altered."""


class ServerKey:
    """One key of the server, 32 bytes. `key_id`, 8 hex digits, identifies it and reveals nothing about it."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"the server key must be {KEY_BYTES} bytes, got {len(key)}")
        self._key = key
        self._ciphers: dict[str, AESGCM] = {}
        self.prefix = sha256(self.derive("key-id")).digest()[:_ID_BYTES]

    @property
    def key_id(self) -> str:
        """The key's id."""
        return self.prefix.hex()

    def derive(self, purpose: str) -> bytes:
        """Return the 32-byte key of a purpose, for authentication without encryption."""
        return HKDF(SHA256(), KEY_BYTES, salt=None, info=b"ferryman/" + purpose.encode()).derive(self._key)

    def cipher(self, purpose: str) -> AESGCM:
        """Return the cipher of a purpose."""
        cipher = self._ciphers.get(purpose)
        if cipher is None:
            cipher = self._ciphers[purpose] = AESGCM(self.derive(purpose))
        return cipher


class Vault:
    """Seals bytes for a purpose (`session-token`, `access-key` …); no other purpose can open them.

    `server_key` seals and opens, the `older` ones only open.
    """

    def __init__(self, server_key: bytes, entropy: Entropy, older: Sequence[bytes] = ()) -> None:
        self._entropy = entropy
        self.use(server_key, older)

    def use(self, server_key: bytes, older: Sequence[bytes] = ()) -> None:
        """Seal with this key from now on."""
        keys = (ServerKey(server_key), *map(ServerKey, older))
        self._keys = keys
        self._by_prefix = {key.prefix: key for key in reversed(keys)}

    @property
    def key_ids(self) -> list[str]:
        """The ids of the keys, the sealing one first."""
        return [key.key_id for key in self._keys]

    def seal(self, purpose: str, plaintext: bytes, context: bytes = b"") -> bytes:
        """Return key id ‖ nonce ‖ ciphertext ‖ tag (32 bytes longer). Opening it needs the same `context`."""
        key, nonce = self._keys[0], self._entropy(_NONCE_BYTES)
        return key.prefix + nonce + key.cipher(purpose).encrypt(nonce, plaintext, context)

    def open(self, purpose: str, sealed: bytes, context: bytes = b"") -> bytes:
        """Return the bytes passed to `seal`; raises `Unsealable`."""
        return self._open(purpose, sealed, context)[0]

    def sealed_by(self, purpose: str, sealed: bytes, context: bytes = b"") -> str | None:
        """Return the id of the key that sealed this, None if it was sealed before keys had ids; raises `Unsealable`."""
        return self._open(purpose, sealed, context)[1]

    def derive(self, purpose: str) -> bytes:
        """Return the 32-byte key of a purpose under the newest key, for authentication without encryption."""
        return self._keys[0].derive(purpose)

    def derive_all(self, purpose: str) -> list[bytes]:
        """Return the keys of a purpose under every key, newest first."""
        return [key.derive(purpose) for key in self._keys]

    def _open(self, purpose: str, sealed: bytes, context: bytes) -> tuple[bytes, str | None]:
        named = self._by_prefix.get(sealed[:_ID_BYTES])
        if named is not None:
            try:
                return _decrypted(named, purpose, sealed[_ID_BYTES:], context), named.key_id
            except InvalidTag:
                pass
        for key in self._keys:  # sealed before keys had ids
            try:
                return _decrypted(key, purpose, sealed, context), None
            except InvalidTag:
                continue
        raise Unsealable(purpose)


def _decrypted(key: ServerKey, purpose: str, sealed: bytes, context: bytes) -> bytes:
    try:
        return key.cipher(purpose).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context)
    except ValueError as error:  # shorter than a nonce
        raise InvalidTag from error
