"""Ciphertext blobs: which key and generation they are under, and the encryption context as associated data.

A blob is version (1 byte) ‖ key id (16) ‖ generation (4, big-endian) ‖ salt (16) ‖ nonce (12) ‖ ciphertext ‖ tag (16).
Each blob has a key of its own, derived from the generation's material and the salt, so that no number of blobs under
one key makes a repeated nonce likely. Everything before the ciphertext is authenticated, and so is the context.
"""

import hmac
import struct
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ferryman.core.ports.runtime import Entropy

MATERIAL_BYTES = 32
_VERSION = 1
_HEAD = struct.Struct(">B16sI16s12s")
_SALT_BYTES, _NONCE_BYTES, _TAG_BYTES = 16, 12, 16
LEAST_BYTES = _HEAD.size + _TAG_BYTES
_BLOB_KEY = b"ferryman/kms-blob"
_MATERIAL_ID = b"ferryman/kms-material-id"

EncryptionContext = Mapping[str, str]


class NotACiphertext(Exception):
    """The bytes are not a blob, were altered, or are under another key or context."""


@dataclass(frozen=True, slots=True)
class BlobKey:
    """The key and generation that a blob says it is under."""

    key_id: str
    generation: int


def material_id(material: bytes) -> str:
    """Return 64 hex digits that identify a generation's material and reveal nothing about it."""
    return hmac.digest(material, _MATERIAL_ID, "sha256").hex()


def key_of_blob(blob: bytes) -> BlobKey:
    """Return which key a blob says it is under; only opening it shows whether that is true. Raises NotACiphertext."""
    if len(blob) < LEAST_BYTES or blob[0] != _VERSION:
        raise NotACiphertext
    _, key_id, generation, _, _ = _HEAD.unpack_from(blob)
    return BlobKey(str(uuid.UUID(bytes=key_id)), generation)


def seal(material: bytes, under: BlobKey, plaintext: bytes, context: EncryptionContext, entropy: Entropy) -> bytes:
    """Return the blob of a plaintext, 65 bytes longer."""
    random = entropy(_SALT_BYTES + _NONCE_BYTES)
    salt, nonce = random[:_SALT_BYTES], random[_SALT_BYTES:]
    head = _HEAD.pack(_VERSION, uuid.UUID(under.key_id).bytes, under.generation, salt, nonce)
    return head + _cipher(material, salt).encrypt(nonce, plaintext, head + _canonical(context))


def unseal(material: bytes, blob: bytes, context: EncryptionContext) -> bytes:
    """Return the plaintext of a blob. Raises NotACiphertext, also for another context."""
    head = blob[: _HEAD.size]
    _, _, _, salt, nonce = _HEAD.unpack(head)
    try:
        return _cipher(material, salt).decrypt(nonce, blob[_HEAD.size :], head + _canonical(context))
    except InvalidTag as error:
        raise NotACiphertext from error


def _cipher(material: bytes, salt: bytes) -> AESGCM:
    return AESGCM(hmac.digest(material, _BLOB_KEY + salt, "sha256"))


def _canonical(context: EncryptionContext) -> bytes:
    """Return the context as bytes that no other context has: sorted, every text after its length."""
    parts = [len(context).to_bytes(4, "big")]
    for key in sorted(context):
        for text in (key, context[key]):
            encoded = text.encode("utf-8", "surrogatepass")
            parts += [len(encoded).to_bytes(4, "big"), encoded]
    return b"".join(parts)
