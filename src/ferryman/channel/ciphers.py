"""What the engines know of a session's cipher without loading `cryptography`, which only encrypted sessions need."""

from typing import Protocol

DATA_KEY_SIZE = 64
"""Bytes: a half for each direction."""


class Unopenable(ValueError):
    """A payload that was not sealed with this key, or was changed since."""


class Cipher(Protocol):
    """Seals and opens payloads; `encryption.SessionCipher` is one."""

    def seal(self, plaintext: bytes) -> bytes:
        """Return `plaintext` sealed for the other end."""

    def open(self, sealed: bytes) -> bytes:
        """Return what the other end sealed; raises Unopenable."""

    def open_in_order(self) -> None:
        """Open only what was sealed next after what was opened last."""

    def reopen(self, sealed: bytes) -> bytes:
        """Return what this end sealed; raises Unopenable."""
