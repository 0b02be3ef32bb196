"""Encrypting, decrypting and data keys. Plaintexts are in no record and in no log."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ferryman.core.authorization.decisions import require
from ferryman.core.authorization.request_context import NO_KEYS, Keys
from ferryman.core.kms.access import KeyUse, find_key, require_enabled
from ferryman.core.kms.encryption.ciphertexts import (
    BlobKey,
    EncryptionContext,
    NotACiphertext,
    key_of_blob,
    seal,
    unseal,
)
from ferryman.core.kms.encryption.materials import open_material
from ferryman.core.kms.grant_tokens import check_tokens
from ferryman.core.kms.names import stored_name
from ferryman.core.service import Service
from ferryman.model.errors import ServiceError
from ferryman.model.identity.callers import Caller
from ferryman.model.kms import FoundKey

CONTEXT_LIMIT = 8192
"""Characters of an encryption context, names and values together."""
ALGORITHM = "SYMMETRIC_DEFAULT"
DATA_KEY_BYTES: Mapping[str, int] = {"AES_128": 16, "AES_256": 32}


@dataclass(frozen=True, slots=True)
class CryptoCall:
    """The arguments that every cryptographic call has beside its data. `key` may be "" only where a blob names one.

    A dry run ends in DryRunOperationException where it would have succeeded. `via` is the service that calls on its own
    behalf, as `kms:ViaService`.
    """

    key: str
    context: EncryptionContext = field(default_factory=dict)
    grant_tokens: tuple[str, ...] = ()
    algorithm: str = ALGORITHM
    is_dry_run: bool = False
    via: str = ""


@dataclass(frozen=True, slots=True)
class Encrypted:
    """A blob and what it is under: the key's ARN and the id of the generation's material."""

    blob: bytes
    key_arn: str
    material_id: str


@dataclass(frozen=True, slots=True)
class Decrypted:
    """A plaintext and what it was under."""

    plaintext: bytes = field(repr=False)
    key_arn: str
    material_id: str


async def encrypt(service: Service, caller: Caller, call: CryptoCall, plaintext: bytes) -> Encrypted:
    """Encrypt: up to 4,096 bytes, 65 more encrypted.

    Raises AccessDeniedException, NotFoundException, DisabledException, KMSInvalidStateException,
    InvalidGrantTokenException, KeyUnavailableException.
    """
    found = await _usable(service, caller, call, "Encrypt")
    return _sealed(service, found, plaintext, call.context)


async def generate_data_key(
    service: Service, caller: Caller, call: CryptoCall, size: int | None, *, with_plaintext: bool = True
) -> tuple[Encrypted, bytes]:
    """GenerateDataKey: 1 to 1,024 random bytes, encrypted and as they are.

    `size` is None if the request does not say it, or says it twice. Raises as `encrypt`, ValidationException.
    """
    operation = "GenerateDataKey" if with_plaintext else "GenerateDataKeyWithoutPlaintext"
    found = await _usable(service, caller, call, operation)
    if size is None:
        raise ServiceError("ValidationException", "Specify either NumberOfBytes or KeySpec.")
    data_key = service.entropy(size)
    return _sealed(service, found, data_key, call.context), data_key


async def decrypt(service: Service, caller: Caller, call: CryptoCall, blob: bytes) -> Decrypted:
    """Decrypt a blob; the key that it names is used if the call names none.

    Raises as `encrypt`, InvalidCiphertextException, IncorrectKeyException.
    """
    found = await _key_of(service, caller, call, "Decrypt", blob)
    return _opened(service, found, blob, call.context)


async def reencrypt(
    service: Service, caller: Caller, source: CryptoCall, blob: bytes, destination: CryptoCall
) -> tuple[Decrypted, Encrypted]:
    """ReEncrypt: decrypt a blob and encrypt it under another key or context; the plaintext stays here.

    Raises as `decrypt`.
    """
    found = await _key_of(service, caller, source, "ReEncryptFrom", blob, dry=False)
    same = await _same_key(service, found, destination.key)
    keys: Keys = {"kms:ReEncryptOnSameKey": same}
    under = await _usable(service, caller, destination, "ReEncryptTo", keys)
    if (under.key.key_id == found.key.key_id) is not same:
        message = "Others are changing the alias of the destination at the same time; try again."
        raise ServiceError("KMSInternalException", message, status=500)
    opened = _opened(service, found, blob, source.context)
    return opened, _sealed(service, under, opened.plaintext, destination.context)


def generate_random(service: Service, caller: Caller, size: int | None) -> bytes:
    """GenerateRandom: 1 to 1,024 bytes. Raises AccessDeniedException, ValidationException."""
    require(service, caller, "kms:GenerateRandom", "*")
    if size is None:
        raise ServiceError("ValidationException", "NumberOfBytes is missing.")
    return service.entropy(size)


async def _usable(
    service: Service,
    caller: Caller,
    call: CryptoCall,
    operation: str,
    keys: Keys = NO_KEYS,
    generation: int | None = None,
    *,
    dry: bool | None = None,
) -> FoundKey:
    """Return the key that a call names, if the caller may use it for `operation` and it can be used."""
    asked = {**keys, "kms:EncryptionAlgorithm": call.algorithm, **({"kms:ViaService": call.via} if call.via else {})}
    use = KeyUse(f"kms:{operation}", call.key, call.context, asked, operation, generation)
    _check(call)
    found = await find_key(service, caller, use)
    require_enabled(service, found)
    check_tokens(service, call.grant_tokens)
    if call.is_dry_run if dry is None else dry:
        raise dry_run()
    return found


async def _key_of(
    service: Service, caller: Caller, call: CryptoCall, operation: str, blob: bytes, *, dry: bool | None = None
) -> FoundKey:
    """Return the key of a blob with the generation that the blob is under."""
    try:
        named = key_of_blob(blob)
    except NotACiphertext as error:
        if call.key:
            await _usable(service, caller, call, operation, dry=False)
        raise _invalid_ciphertext() from error
    if not call.key:
        call = replace(call, key=named.key_id)
    found = await _usable(service, caller, call, operation, generation=named.generation, dry=dry)
    if found.key.key_id != named.key_id:
        message = "The key ID in the request does not identify the key that the ciphertext is under."
        raise ServiceError("IncorrectKeyException", message)
    return found


async def _same_key(service: Service, found: FoundKey, name: str) -> bool:
    stored = stored_name(service, name)
    other = None if stored is None else await service.store.kms_keys.find(stored)
    return other is not None and other.key.key_id == found.key.key_id


def _check(call: CryptoCall) -> None:
    if call.algorithm != ALGORITHM:
        raise ServiceError("InvalidKeyUsageException", f"The encryption algorithm must be {ALGORITHM}.")
    size = sum(len(name) + len(value) for name, value in call.context.items())
    if size > CONTEXT_LIMIT:
        message = f"The encryption context has {size} characters; the maximum is {CONTEXT_LIMIT}."
        raise ServiceError("ValidationException", message)


def _sealed(service: Service, found: FoundKey, plaintext: bytes, context: EncryptionContext) -> Encrypted:
    generation = found.generation
    if generation is None:
        raise ServiceError("KMSInternalException", "The key has no material.", status=500)
    material = open_material(service, found.key.key_id, generation)
    under = BlobKey(found.key.key_id, generation.generation)
    blob = seal(material, under, plaintext, context, service.entropy)
    return Encrypted(blob, service.arns.kms_key(found.key.key_id), generation.material_id)


def _opened(service: Service, found: FoundKey, blob: bytes, context: EncryptionContext) -> Decrypted:
    generation = found.generation
    if generation is None:
        raise _invalid_ciphertext()
    try:
        plaintext = unseal(open_material(service, found.key.key_id, generation), blob, context)
    except NotACiphertext as error:
        raise _invalid_ciphertext() from error
    return Decrypted(plaintext, service.arns.kms_key(found.key.key_id), generation.material_id)


def _invalid_ciphertext() -> ServiceError:
    message = "The ciphertext was altered, or is under another key or encryption context."
    return ServiceError("InvalidCiphertextException", message)


def dry_run() -> ServiceError:
    """Return the error that answers a dry run which would have succeeded."""
    message = "The request would have succeeded, but the DryRun option is set."
    return ServiceError("DryRunOperationException", message, status=412)
