"""Data keys of recordings under a named KMS key: of this server, or of a KMS elsewhere.

A recording's data key is sealed by the vault. With a named key, what is sealed is not the data key but its
ciphertext under that key, so that both the server's key and the named key are needed. The server uses its own keys for
this by itself, whatever key policies say; a person who reads a recording needs kms:Decrypt, by way of
`kms:ViaService`.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

from ferryman.core.kms.access import KeyUse, find_key
from ferryman.core.kms.encryption.ciphertexts import BlobKey, NotACiphertext, key_of_blob, seal, unseal
from ferryman.core.kms.encryption.materials import open_material
from ferryman.core.kms.names import shown_arn, stored_name
from ferryman.core.ports.kms import KeyUnusable
from ferryman.core.ports.recordings.store import DATA_KEY_PURPOSE, RecordingKey
from ferryman.core.ports.tracing import SpanKind
from ferryman.core.service import Service
from ferryman.model.errors import ServiceError
from ferryman.model.identity.callers import Caller
from ferryman.model.kms import FoundKey, KeyState

DATA_KEY_BYTES = 32
"""A longer secret is a `WrappedKey`."""
_SPAN = {"rpc.system.name": "aws-api"}


class WrappedKey(msgspec.Struct, frozen=True, array_like=True):
    """A data key under a KMS key: `own` of this server, `foreign` of a KMS elsewhere, which calls the key `key`."""

    where: Literal["own", "foreign"]
    key: str
    blob: bytes


def context_of(session_id: str) -> Mapping[str, str]:
    """Return the encryption context of a recording's data key."""
    return {"ferryman:SessionId": session_id}


def via_service(service: Service) -> str:
    """Return the value of `kms:ViaService` when a person reads a recording."""
    return f"ferryman.{service.settings.region}.amazonaws.com"


async def wrap_key(service: Service, session_id: str, data_key: bytes) -> RecordingKey:
    """Return a recording's data key as the store keeps it. Raises KeyUnusable."""
    custody, content = service.custody, data_key
    if custody.key:
        context = context_of(session_id)
        if custody.foreign is not None:
            with service.tracing.child("kms.Encrypt", SpanKind.CLIENT, _SPAN):
                blob = await custody.foreign.encrypt(custody.key, data_key, context)
            wrapped = WrappedKey("foreign", custody.key, blob)
        else:
            found = await _usable(service, custody.key)
            wrapped = WrappedKey("own", found.key.key_id, _sealed(service, found, data_key, context))
        content = msgspec.msgpack.encode(wrapped)
    return RecordingKey(service.vault.seal(DATA_KEY_PURPOSE, content, session_id.encode()))


async def unwrap_key(service: Service, session_id: str, stored: RecordingKey) -> RecordingKey:
    """Return a recording's data key as readers take it: sealed by the vault alone. Raises KeyUnusable, Unsealable."""
    wrapped = wrapping_of(service, session_id, stored)
    if wrapped is None:
        return stored
    data_key = await _unwrapped(service, wrapped, context_of(session_id))
    return RecordingKey(service.vault.seal(DATA_KEY_PURPOSE, data_key, session_id.encode()))


def open_key(service: Service, session_id: str, sealed: RecordingKey) -> bytes:
    """Return what the vault seals: the 32 bytes of a data key, or how it is wrapped. Raises Unsealable."""
    return service.vault.open(DATA_KEY_PURPOSE, sealed.sealed, session_id.encode())


def wrapping_of(service: Service, session_id: str, stored: RecordingKey) -> WrappedKey | None:
    """Return how a stored data key is wrapped; None if only the vault seals it. Raises Unsealable."""
    content = open_key(service, session_id, stored)
    return None if len(content) == DATA_KEY_BYTES else msgspec.msgpack.decode(content, type=WrappedKey)


async def require_readable(service: Service, caller: Caller, session_id: str, stored: RecordingKey) -> None:
    """Require that a caller may decrypt a recording's data key, if it is under a key of this server.

    Raises AccessDeniedException, NotFoundException if the key was deleted.
    """
    wrapped = wrapping_of(service, session_id, stored)
    if wrapped is None or wrapped.where != "own":
        return
    keys = {"kms:ViaService": via_service(service), "kms:EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}
    use = KeyUse("kms:Decrypt", wrapped.key, context_of(session_id), keys, "Decrypt")
    await find_key(service, caller, use)


async def current_wrapping(service: Service) -> str:
    """Return an id of what wraps the data keys of new recordings, "" for nothing; it changes with a rotation.

    Raises KeyUnusable.
    """
    custody = service.custody
    if not custody.key or custody.foreign is not None:
        return custody.key
    found = await _usable(service, custody.key)
    return f"{found.key.key_id}/{found.key.generation}"


async def rewrap(service: Service, session_id: str, stored: RecordingKey, current: str) -> bool:
    """Wrap a stored data key as `current_wrapping` says, if it is not; return whether it was changed.

    Raises KeyUnusable, Unsealable.
    """
    if _is_current(service, wrapping_of(service, session_id, stored), current):
        return False
    plain = await unwrap_key(service, session_id, stored)
    again = await wrap_key(service, session_id, open_key(service, session_id, plain))
    return await service.store.recordings.reseal_key(session_id, stored, again)


def _is_current(service: Service, wrapped: WrappedKey | None, current: str) -> bool:
    if wrapped is None:
        return False
    if service.custody.foreign is not None:
        return wrapped.where == "foreign" and wrapped.key == current
    if wrapped.where != "own":
        return False
    under = key_of_blob(wrapped.blob)
    return f"{under.key_id}/{under.generation}" == current


async def _unwrapped(service: Service, wrapped: WrappedKey, context: Mapping[str, str]) -> bytes:
    if wrapped.where == "foreign":
        foreign = service.custody.foreign
        if foreign is None:
            raise KeyUnusable(f"the KMS key {wrapped.key} is in a KMS elsewhere, which recordings.kms no longer names")
        with service.tracing.child("kms.Decrypt", SpanKind.CLIENT, _SPAN):
            return await foreign.decrypt(wrapped.key, wrapped.blob, context)
    under = key_of_blob(wrapped.blob)
    found = await _usable(service, under.key_id, under.generation)
    try:
        return unseal(_material(service, found), wrapped.blob, context)
    except NotACiphertext as error:
        raise KeyUnusable(f"the data key that the KMS key {wrapped.key} encrypted was altered") from error


async def _usable(service: Service, name: str, generation: int | None = None) -> FoundKey:
    stored, arn = stored_name(service, name), shown_arn(service, name)
    found = None if stored is None else await service.store.kms_keys.find(stored, generation)
    if found is None:
        raise KeyUnusable(f"the KMS key {arn} does not exist")
    if found.key.state is KeyState.DISABLED:
        raise KeyUnusable(f"the KMS key {service.arns.kms_key(found.key.key_id)} is disabled")
    if found.key.state is KeyState.PENDING_DELETION:
        raise KeyUnusable(f"the KMS key {service.arns.kms_key(found.key.key_id)} is pending deletion")
    return found


def _sealed(service: Service, found: FoundKey, plaintext: bytes, context: Mapping[str, str]) -> bytes:
    under = BlobKey(found.key.key_id, found.key.generation)
    return seal(_material(service, found), under, plaintext, context, service.entropy)


def _material(service: Service, found: FoundKey) -> bytes:
    if found.generation is None:
        raise KeyUnusable(f"the KMS key {service.arns.kms_key(found.key.key_id)} lacks a generation of its material")
    try:
        return open_material(service, found.key.key_id, found.generation)
    except ServiceError as error:
        raise KeyUnusable(f"the KMS key {service.arns.kms_key(found.key.key_id)} is unavailable") from error
