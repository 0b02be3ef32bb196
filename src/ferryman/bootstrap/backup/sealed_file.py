"""The format of a backup: a line that names it, then a tar archive, encrypted in chunks under a passphrase.

`ferryman backup 1 scrypt` is followed by a salt of 16 bytes, then by chunks of 64 KiB, each with AES-256-GCM. A nonce
is the chunk's number and whether it is the last, so chunks cannot be moved, repeated or left out. After `ferryman
backup 1 plain`, nothing is encrypted.
"""

import io
import os
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

CHUNK = 64 * 1024
_TAG = 16
_SALT = 16
_SEALED, _PLAIN = b"ferryman backup 1 scrypt\n", b"ferryman backup 1 plain\n"
_SCRYPT_N = 1 << 17
"""128 MiB and about half a second for each guess at a passphrase."""


class NotABackup(Exception):
    """The file is not a backup, is incomplete, or was altered; or the passphrase is wrong."""


class SealingFile(io.RawIOBase):
    """A file to write to. Without a `passphrase` it is not encrypted. `close` ends it; the target stays open."""

    def __init__(self, target: BinaryIO, passphrase: str | None) -> None:
        self._target = target
        self._waiting = bytearray()
        self._number = 0
        self._cipher: AESGCM | None = None
        if passphrase is None:
            target.write(_PLAIN)
            return
        salt = os.urandom(_SALT)
        target.write(_SEALED + salt)
        self._cipher = _cipher(passphrase, salt)

    def writable(self) -> bool:
        """As it says."""
        return True

    def write(self, data: object) -> int:
        """Write bytes; the last chunk waits for `close`."""
        content = bytes(data)  # type: ignore[call-overload] # anything with a buffer
        if self._cipher is None:
            self._target.write(content)
            return len(content)
        self._waiting += content
        while len(self._waiting) > CHUNK:
            self._seal(bytes(self._waiting[:CHUNK]), last=False)
            del self._waiting[:CHUNK]
        return len(content)

    def close(self) -> None:
        """Write the remaining bytes as the last chunk."""
        if not self.closed and self._cipher is not None:
            self._seal(bytes(self._waiting), last=True)
        super().close()

    def _seal(self, chunk: bytes, *, last: bool) -> None:
        assert self._cipher is not None  # noqa: S101 only then does anything wait
        self._target.write(self._cipher.encrypt(_nonce(self._number, last=last), chunk, _SEALED))
        self._number += 1


class OpenedFile(io.RawIOBase):
    """A file to read from. Raises `NotABackup` as soon as that shows. `is_sealed`: `unlock` must come first."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._buffer = b""
        self._number = 0
        self._ended = False
        self._cipher: AESGCM | None = None
        first = source.readline(len(_SEALED))
        if first not in (_SEALED, _PLAIN):
            raise NotABackup("it does not begin as one")
        self.is_sealed = first == _SEALED

    def unlock(self, passphrase: str) -> None:
        """Set the passphrase; a wrong one shows when the first bytes are read."""
        self._cipher = _cipher(passphrase, self._source.read(_SALT))

    def readable(self) -> bool:
        """As it says."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes; fewer only at the end."""
        if not self.is_sealed:
            return self._source.read(size)
        while not self._ended and (size < 0 or len(self._buffer) < size):
            self._buffer += self._next_chunk()
        size = len(self._buffer) if size < 0 else size
        found, self._buffer = self._buffer[:size], self._buffer[size:]
        return found

    def _next_chunk(self) -> bytes:
        assert self._cipher is not None  # noqa: S101 `unlock` comes first
        sealed = self._source.read(CHUNK + _TAG)
        for last in (False, True):
            try:
                chunk = self._cipher.decrypt(_nonce(self._number, last=last), sealed, _SEALED)
            except (InvalidTag, ValueError):
                continue
            self._ended = last
            self._number += 1
            return chunk
        if self._number == 0:
            raise NotABackup("the passphrase is wrong, or the file was altered")
        raise NotABackup("it is incomplete, or was altered")


def _cipher(passphrase: str, salt: bytes) -> AESGCM:
    return AESGCM(Scrypt(salt=salt, length=32, n=_SCRYPT_N, r=8, p=1).derive(passphrase.encode()))


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\1" if last else b"\0")
