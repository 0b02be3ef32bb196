"""Activations: permission to register nodes."""

import base64
import hashlib
import hmac
import uuid

from ferryman.core.authorization import require
from ferryman.core.requests import ActivationTicket, CreateActivationRequest
from ferryman.core.service import Service
from ferryman.core.tags import check_tags
from ferryman.model.callers import Caller
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import ActivationId, Millis
from ferryman.model.nodes import Activation
from ferryman.model.secret import Secret
from ferryman.model.tags import ResourceType

_DEFAULT_LIFE = 24 * 3600 * 1000
LONGEST_LIFE = 30 * 24 * 3600 * 1000
"""Milliseconds."""


async def create_activation(service: Service, caller: Caller, request: CreateActivationRequest) -> ActivationTicket:
    """CreateActivation: the id is a UUID, the code 24 characters (120 bits) and shown this once; only its hash is kept.

    Its tags become those of every node that it registers. Raises AccessDeniedException, ValidationException (an expiry
    in the past or more than 30 days away, a reserved tag), TooManyTagsError.
    """
    settings = service.settings
    resource = f"arn:aws:ssm:{settings.region}:{settings.account_id}:activation/*"
    require(service, caller, "ssm:CreateActivation", resource)
    now = service.clock()
    expires_at = Millis(now + _DEFAULT_LIFE) if request.expires_at is None else request.expires_at
    if not now < expires_at <= now + LONGEST_LIFE:
        raise ServiceError("ValidationException", "ExpirationDate must be in the future and within 30 days.")
    check_tags(request.tags, {})
    activation_id = ActivationId(str(uuid.UUID(bytes=service.entropy(16), version=4)))
    code = base64.b32encode(service.entropy(15)).decode().lower()
    if request.tags:
        await service.store.tags.put(ResourceType.ACTIVATION, activation_id, request.tags)
    await service.store.activations.add(
        Activation(
            activation_id=activation_id,
            code_hash=_hash(activation_id, code),
            iam_role=request.iam_role,
            description=request.description,
            default_node_name=request.default_instance_name,
            registration_limit=request.registration_limit,
            registrations=0,
            created_at=now,
            expires_at=expires_at,
        )
    )
    return ActivationTicket(activation_id, Secret(code))


async def claim_activation(service: Service, activation_id: str, code: Secret) -> Activation:
    """Take one registration of an activation whose code is `code`.

    Raises InvalidActivation (unknown or wrong code, the same text for both), ActivationExpired,
    RegistrationLimitExceeded.
    """
    activation = await service.store.activations.get(ActivationId(activation_id))
    given = _hash(activation_id, code.reveal())
    if not hmac.compare_digest(given, activation.code_hash if activation else _hash("", "")) or activation is None:
        raise ServiceError("InvalidActivation", "The activation id or code is not valid.")
    now = service.clock()
    if await service.store.activations.claim(activation.activation_id, now):
        return activation
    if activation.expires_at <= now:
        raise ServiceError("ActivationExpired", "The activation has expired; create another.")
    raise ServiceError(
        "RegistrationLimitExceeded", f"The activation has registered its {activation.registration_limit} nodes already."
    )


def _hash(activation_id: str, code: str) -> bytes:
    """A plain hash is enough: a code is 120 random bits, too many to guess."""
    return hashlib.sha256(f"{activation_id}\0{code}".encode()).digest()
