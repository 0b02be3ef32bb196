"""The material of keys at rest: 32 random bytes for each generation, sealed under the server's key."""

from ferryman.core.kms.encryption.ciphertexts import MATERIAL_BYTES, material_id
from ferryman.core.ports.kms import MATERIAL_PURPOSE, material_context
from ferryman.core.service import Service
from ferryman.core.vault import Unsealable
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis
from ferryman.model.kms import KeyGeneration, RotationType


def new_generation(
    service: Service, key_id: str, generation: int, now: Millis, rotation: RotationType | None = None
) -> KeyGeneration:
    """Return a new generation with random material."""
    material = service.entropy(MATERIAL_BYTES)
    sealed = service.vault.seal(MATERIAL_PURPOSE, material, material_context(key_id, generation))
    return KeyGeneration(generation, sealed, material_id(material), now, rotation)


def open_material(service: Service, key_id: str, generation: KeyGeneration) -> bytes:
    """Return a generation's material. Raises KeyUnavailableException (500) if no key of the server opens it."""
    context = material_context(key_id, generation.generation)
    try:
        return service.vault.open(MATERIAL_PURPOSE, generation.sealed, context)
    except Unsealable as error:
        arn = service.arns.kms_key(key_id)
        cause = "its material is sealed under a server key that this server does not have"
        raise ServiceError("KeyUnavailableException", f"{arn} is unavailable.", status=500, cause=cause) from error
