"""Encryption at rest and in tokens: AES-256-GCM under keys derived from the server's key, one per purpose."""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ferryman.core.ports import Entropy

KEY_BYTES = 32
_NONCE_BYTES = 12


class Unsealable(Exception):
    """The bytes were not sealed by this server's key for this purpose and context, or were altered."""


class Vault:
    """Seals bytes for a purpose (`session-token`, `access-key` …); what one purpose sealed no other can open."""

    def __init__(self, server_key: bytes, entropy: Entropy) -> None:
        if len(server_key) != KEY_BYTES:
            raise ValueError(f"the server key must be {KEY_BYTES} bytes, got {len(server_key)}")
        self._server_key = server_key
        self._entropy = entropy
        self._ciphers: dict[str, AESGCM] = {}

    def seal(self, purpose: str, plaintext: bytes, context: bytes = b"") -> bytes:
        """Return nonce ‖ ciphertext ‖ tag (28 bytes longer). `context` is authenticated and needed to open."""
        nonce = self._entropy(_NONCE_BYTES)
        return nonce + self._cipher(purpose).encrypt(nonce, plaintext, context)

    def open(self, purpose: str, sealed: bytes, context: bytes = b"") -> bytes:
        """Return what `seal` was given; raises `Unsealable`."""
        try:
            return self._cipher(purpose).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context)
        except (InvalidTag, ValueError) as error:
            raise Unsealable(purpose) from error

    def derive(self, purpose: str) -> bytes:
        """Return the 32-byte key of a purpose, for what is not sealed but authenticated."""
        return HKDF(SHA256(), KEY_BYTES, salt=None, info=b"ferryman/" + purpose.encode()).derive(self._server_key)

    def _cipher(self, purpose: str) -> AESGCM:
        cipher = self._ciphers.get(purpose)
        if cipher is None:
            cipher = self._ciphers[purpose] = AESGCM(self.derive(purpose))
        return cipher
