"""Activations: permission to register nodes."""

import base64
import hashlib
import hmac
import uuid
from collections.abc import Mapping, Sequence

from ferryman.core.authorization.decisions import require
from ferryman.core.authorization.request_context import request_tag_keys, resource_keys
from ferryman.core.listings import narrowed_by
from ferryman.core.nodes.requests import (
    ActivationTicket,
    ActivationView,
    CreateActivationRequest,
    DescribeActivationsRequest,
)
from ferryman.core.paging import Listing, Page, Position
from ferryman.core.ports.nodes import ActivationMember, ActivationPosition
from ferryman.core.service import Service
from ferryman.core.tags import check_tags, put_tags
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import ActivationId, Millis
from ferryman.model.identity.callers import Caller
from ferryman.model.nodes import Activation
from ferryman.model.tags import ResourceType
from ferryman.model.values.secret import Secret

_DEFAULT_LIFE = 24 * 3600 * 1000
LONGEST_LIFE = 30 * 24 * 3600 * 1000
"""Milliseconds."""
DEFAULT_PAGE = 50
_MEMBERS: Mapping[str, ActivationMember] = {
    "ActivationIds": ActivationMember.ACTIVATION_ID,
    "DefaultInstanceName": ActivationMember.DEFAULT_NODE_NAME,
    "IamRole": ActivationMember.IAM_ROLE,
}


async def create_activation(service: Service, caller: Caller, request: CreateActivationRequest) -> ActivationTicket:
    """CreateActivation: the id is a UUID; the code has 24 characters (120 bits), shown only now and stored as a hash.

    Every node that it registers gets its tags. Raises AccessDeniedException, ValidationException (an expiry in the past
    or more than 30 days away, a reserved tag), TooManyTagsError.
    """
    resource = service.arns.activation("*")
    require(service, caller, "ssm:CreateActivation", resource, request_tag_keys(request.tags))
    now = service.clock()
    expires_at = Millis(now + _DEFAULT_LIFE) if request.expires_at is None else request.expires_at
    if not now < expires_at <= now + LONGEST_LIFE:
        raise ServiceError("ValidationException", "ExpirationDate must be in the future and within 30 days.")
    check_tags(request.tags)
    activation_id = ActivationId(str(uuid.UUID(bytes=service.entropy(16), version=4)))
    code = base64.b32encode(service.entropy(15)).decode().lower()
    await put_tags(service, ResourceType.ACTIVATION, activation_id, request.tags)
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
    """Use one registration of an activation with this code.

    Raises InvalidActivation (unknown id or wrong code, with the same message), ActivationExpired,
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


async def describe_activations(
    service: Service, caller: Caller, request: DescribeActivationsRequest
) -> Page[ActivationView]:
    """DescribeActivations: newest first, including expired and used-up ones; all filters must match, any value of each.

    Raises AccessDeniedException, InvalidFilter, InvalidNextToken.
    """
    require(service, caller, "ssm:DescribeActivations", service.arns.everything_of_ssm())
    query = tuple((_member(key), values) for key, values in request.filters)
    members = sorted((key, sorted(values)) for key, values in request.filters)
    listing = Listing(service, caller, "DescribeActivations", members)

    async def read(after: Position | None, most: int) -> Sequence[Activation]:
        behind = None if after is None else ActivationPosition(Millis(int(after[0])), ActivationId(str(after[1])))
        return await service.store.activations.page(query, behind, most)

    with narrowed_by(*_MEMBERS):
        page = await listing.page(
            request.next_token,
            request.max_results or DEFAULT_PAGE,
            read,
            lambda row: (row.created_at, row.activation_id),
        )
    tags = await service.store.tags.of(ResourceType.ACTIVATION, [each.activation_id for each in page.items])
    now = service.clock()
    views = [ActivationView(each, each.expires_at <= now, tags.get(each.activation_id, {})) for each in page.items]
    return Page(tuple(views), page.next_token)


def _member(key: str) -> ActivationMember:
    member = _MEMBERS.get(key)
    if member is None:
        raise ServiceError("InvalidFilter", f"The filter {key!r} is not valid. Valid filters: {', '.join(_MEMBERS)}.")
    return member


async def delete_activation(service: Service, caller: Caller, activation_id: str) -> None:
    """DeleteActivation: it registers no further nodes; those already registered stay.

    Raises AccessDeniedException, InvalidActivation (it does not exist, or no longer does).
    """
    resource = service.arns.activation(activation_id)
    keys = await resource_keys(service, ResourceType.ACTIVATION, activation_id)
    require(service, caller, "ssm:DeleteActivation", resource, keys)
    if not await service.store.activations.remove(ActivationId(activation_id)):
        raise ServiceError("InvalidActivation", f"There is no activation {activation_id}; it may have been deleted.")
    await service.store.tags.remove(ResourceType.ACTIVATION, activation_id)


def _hash(activation_id: str, code: str) -> bytes:
    """A plain hash is enough: a code is 120 random bits, too many to guess."""
    return hashlib.sha256(f"{activation_id}\0{code}".encode()).digest()
