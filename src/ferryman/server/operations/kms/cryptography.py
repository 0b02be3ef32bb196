"""Cryptographic operations."""

from ferryman.core.kms.encryption import cryptography
from ferryman.core.kms.encryption.cryptography import ALGORITHM, DATA_KEY_BYTES, CryptoCall
from ferryman.model.errors import ServiceError
from ferryman.model.identity.callers import Caller
from ferryman.server.operations.context import OperationContext, Operations, Parameters, Result


async def _encrypt(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    made = await cryptography.encrypt(context.service, caller, _call(parameters), parameters["Plaintext"])
    return {"CiphertextBlob": made.blob, "KeyId": made.key_arn, "EncryptionAlgorithm": ALGORITHM}


async def _decrypt(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    _refuse(parameters, "Recipient", "DryRunModifiers")
    blob = _blob(parameters)
    opened = await cryptography.decrypt(context.service, caller, _call(parameters), blob)
    return {
        "KeyId": opened.key_arn,
        "Plaintext": opened.plaintext,
        "EncryptionAlgorithm": ALGORITHM,
        "KeyMaterialId": opened.material_id,
    }


async def _reencrypt(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    _refuse(parameters, "DryRunModifiers")
    source, destination = _call(parameters, "Source"), _call(parameters, "Destination")
    blob = _blob(parameters)
    opened, made = await cryptography.reencrypt(context.service, caller, source, blob, destination)
    return {
        "CiphertextBlob": made.blob,
        "SourceKeyId": opened.key_arn,
        "KeyId": made.key_arn,
        "SourceEncryptionAlgorithm": ALGORITHM,
        "DestinationEncryptionAlgorithm": ALGORITHM,
        "SourceKeyMaterialId": opened.material_id,
        "DestinationKeyMaterialId": made.material_id,
    }


async def _generate_data_key(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    _refuse(parameters, "Recipient")
    size = _size(parameters)
    made, data_key = await cryptography.generate_data_key(context.service, caller, _call(parameters), size)
    return {
        "CiphertextBlob": made.blob,
        "Plaintext": data_key,
        "KeyId": made.key_arn,
        "KeyMaterialId": made.material_id,
    }


async def _generate_data_key_without_plaintext(
    context: OperationContext, caller: Caller, parameters: Parameters
) -> Result:
    call, size = _call(parameters), _size(parameters)
    made, _ = await cryptography.generate_data_key(context.service, caller, call, size, with_plaintext=False)
    return {"CiphertextBlob": made.blob, "KeyId": made.key_arn, "KeyMaterialId": made.material_id}


async def _generate_random(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    _refuse(parameters, "Recipient", "CustomKeyStoreId")
    size = parameters.get("NumberOfBytes")
    return {"Plaintext": cryptography.generate_random(context.service, caller, size)}


def _call(parameters: Parameters, end: str = "") -> CryptoCall:
    return CryptoCall(
        key=parameters.get(f"{end}KeyId") or "",
        context=parameters.get(f"{end}EncryptionContext") or {},
        grant_tokens=tuple(parameters.get("GrantTokens") or ()),
        algorithm=parameters.get(f"{end}EncryptionAlgorithm") or ALGORITHM,
        is_dry_run=bool(parameters.get("DryRun")),
    )


def _blob(parameters: Parameters) -> bytes:
    blob: bytes | None = parameters.get("CiphertextBlob")
    if blob is None:
        raise ServiceError("ValidationException", "CiphertextBlob is missing.")
    return blob


def _size(parameters: Parameters) -> int | None:
    """Return the size of a data key in bytes; None unless the request states it in exactly one way."""
    number, spec = parameters.get("NumberOfBytes"), parameters.get("KeySpec")
    if (number is None) == (spec is None):
        return None
    return int(number) if number is not None else DATA_KEY_BYTES[str(spec)]


def _refuse(parameters: Parameters, *members: str) -> None:
    """Refuse members that would need special hardware, or are not supported."""
    for member in members:
        if parameters.get(member):
            raise ServiceError("UnsupportedOperationException", f"{member} is not supported.")


OPERATIONS: Operations = {
    ("kms", "Encrypt"): _encrypt,
    ("kms", "Decrypt"): _decrypt,
    ("kms", "ReEncrypt"): _reencrypt,
    ("kms", "GenerateDataKey"): _generate_data_key,
    ("kms", "GenerateDataKeyWithoutPlaintext"): _generate_data_key_without_plaintext,
    ("kms", "GenerateRandom"): _generate_random,
}
