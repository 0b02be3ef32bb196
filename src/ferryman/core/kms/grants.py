"""Grants: permission for some operations on a key, for one user or role, in addition to all policies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ferryman.core.authorization.request_context import NO_KEYS, Keys
from ferryman.core.iam.trust import principal_id
from ferryman.core.kms.access import KeyUse, find_key, find_key_and_grant, require_enabled
from ferryman.core.kms.encryption.cryptography import dry_run
from ferryman.core.kms.grant_tokens import check_tokens, grant_of_token, token_of
from ferryman.core.kms.listings import read_marked_page
from ferryman.core.kms.names import stored_name
from ferryman.core.paging import Listing, Page
from ferryman.core.service import Service
from ferryman.model.errors import ServiceError
from ferryman.model.identity.callers import Caller
from ferryman.model.kms import KeyGrant
from ferryman.policy.errors import MalformedPolicyDocument
from ferryman.policy.principals import read_principals

GRANTS_A_KEY = 5_000
GRANTS_TO_ONE = 100
"""How many grants of one key one grantee may have; they are read whenever policies do not allow the grantee's call."""
OPERATIONS = (
    "Decrypt",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyWithoutPlaintext",
    "ReEncryptFrom",
    "ReEncryptTo",
    "CreateGrant",
    "RetireGrant",
    "DescribeKey",
)
"""What a grant on a symmetric key can allow."""


@dataclass(frozen=True, slots=True)
class GrantRequest:
    """CreateGrant. `retiring` is "" if nobody in particular may retire it; `subset` and `equals` are constraints."""

    key: str
    grantee: str
    operations: tuple[str, ...]
    retiring: str = ""
    name: str = ""
    subset: Mapping[str, str] | None = None
    equals: Mapping[str, str] | None = None
    grant_tokens: tuple[str, ...] = ()
    is_dry_run: bool = False


async def create_grant(service: Service, caller: Caller, request: GrantRequest) -> tuple[KeyGrant, str]:
    """CreateGrant: the grant and a token of it. The same request with the same name returns the same grant.

    Raises AccessDeniedException, NotFoundException, DisabledException, KMSInvalidStateException, ValidationException,
    InvalidArnException, InvalidGrantTokenException, LimitExceededException.
    """
    request = _with_one_constraint(request)
    use = KeyUse("kms:CreateGrant", request.key, keys=_request_keys(request), granted="CreateGrant")
    found, by_grant = await find_key_and_grant(service, caller, use)
    require_enabled(service, found)
    check_tokens(service, request.grant_tokens)
    _check(request)
    if by_grant is not None:
        _check_narrower(request, by_grant)
    grant = KeyGrant(
        grant_id=service.entropy(32).hex(),
        key_id=found.key.key_id,
        name=request.name,
        grantee=request.grantee,
        grantee_id=await _id_of(service, request.grantee),
        operations=tuple(each for each in OPERATIONS if each in request.operations),
        created_at=service.clock(),
        retiring=request.retiring,
        retiring_id=await _id_of(service, request.retiring) if request.retiring else "",
        subset=request.subset,
        equals=request.equals,
    )
    if request.is_dry_run:
        raise dry_run()
    if grant.name:
        for other in await service.store.kms_grants.to(found.key.key_id, {grant.grantee}):
            if _is_same(other, grant):
                return other, token_of(service, other.grant_id)
    if not await service.store.kms_grants.add(grant, GRANTS_A_KEY, GRANTS_TO_ONE):
        message = f"A key may have at most {GRANTS_A_KEY:,} grants, and {GRANTS_TO_ONE} to one grantee."
        raise ServiceError("LimitExceededException", message)
    return grant, token_of(service, grant.grant_id)


async def list_grants(
    service: Service,
    caller: Caller,
    key: str,
    marker: str | None,
    limit: int,
    *,
    grant_id: str | None = None,
    grantee: str | None = None,
) -> Page[KeyGrant]:
    """ListGrants: of a key, by id; of one grantee, or the one with an id.

    Raises AccessDeniedException, NotFoundException, InvalidMarkerException.
    """
    found = await find_key(service, caller, KeyUse("kms:ListGrants", key, keys=_DIRECT))
    key_id = found.key.key_id

    async def read(after: str, most: int) -> Sequence[KeyGrant]:
        if grant_id is None:
            return await service.store.kms_grants.page(key_id, grantee, after, most)
        grant = await service.store.kms_grants.get(grant_id)
        fits = grant is not None and grant.key_id == key_id and grantee in (None, grant.grantee)
        return [grant] if grant is not None and fits else []

    listing = Listing(service, caller, "kms:ListGrants", [key_id, grant_id, grantee])
    return await read_marked_page(listing, read, lambda grant: grant.grant_id, marker, limit)


async def revoke_grant(service: Service, caller: Caller, key: str, grant_id: str, *, is_dry_run: bool = False) -> None:
    """RevokeGrant: it allows nothing from now on. Raises AccessDeniedException, NotFoundException."""
    found = await find_key(service, caller, KeyUse("kms:RevokeGrant", key, keys=_DIRECT))
    grant = await service.store.kms_grants.get(grant_id)
    if grant is None or grant.key_id != found.key.key_id:
        raise _no_such_grant(grant_id)
    if is_dry_run:
        raise dry_run()
    if not await service.store.kms_grants.remove(grant_id):
        raise _no_such_grant(grant_id)


async def retire_grant(
    service: Service,
    caller: Caller,
    token: str | None,
    key: str | None,
    grant_id: str | None,
    *,
    is_dry_run: bool = False,
) -> None:
    """RetireGrant: by its retiring principal, by its grantee if it allows that, or by anyone whom policies allow to.

    The grant is named by a token, or by its key and id. Raises AccessDeniedException, NotFoundException,
    InvalidGrantTokenException, ValidationException.
    """
    if (token is None) == (key is None or grant_id is None):
        raise ServiceError("ValidationException", "Name the grant by GrantToken, or by KeyId and GrantId.")
    named = grant_of_token(service, token) if token is not None else grant_id or ""
    grant = await service.store.kms_grants.get(named)
    if key is None and grant is None:
        raise _no_such_grant(named)  # only whoever has its token learns that
    name = key or ("" if grant is None else grant.key_id)
    await find_key(service, caller, KeyUse("kms:RetireGrant", name, granted="RetireGrant", retired=grant))
    if grant is None or (key is not None and not await _is_key_of(service, key, grant)):
        raise _no_such_grant(named)
    if is_dry_run:
        raise dry_run()
    if not await service.store.kms_grants.remove(named):
        raise _no_such_grant(named)


_DIRECT: Keys = {"kms:GrantIsForAWSResource": False}
"""Grants are made by callers, never by a service of AWS on their behalf."""


def _with_one_constraint(request: GrantRequest) -> GrantRequest:
    """Return the request without constraints that constrain nothing: Terraform's provider always sends both.

    An empty `subset` allows every call, so it must not pass for a constraint before policies either. An empty `equals`
    by itself allows only calls without a context.
    """
    if request.subset is not None and not request.subset:
        return replace(request, subset=None)
    return replace(request, equals=None) if request.subset is not None and request.equals == {} else request


def _request_keys(request: GrantRequest) -> Keys:
    """Return the condition keys of a new grant."""
    types = [
        name
        for name, constraint in (
            ("EncryptionContextEquals", request.equals),
            ("EncryptionContextSubset", request.subset),
        )
        if constraint is not None
    ]
    return {
        **_DIRECT,
        "kms:GranteePrincipal": request.grantee,
        "kms:GrantOperations": request.operations,
        **({"kms:RetiringPrincipal": request.retiring} if request.retiring else NO_KEYS),
        **({"kms:GrantConstraintType": types} if types else NO_KEYS),
    }


def _check(request: GrantRequest) -> None:
    """Raise ValidationException unless a grant on a symmetric key can have these operations and constraints."""
    if not request.operations:
        raise ServiceError("ValidationException", "A grant needs at least one operation.")
    if others := [each for each in request.operations if each not in OPERATIONS]:
        message = f"{', '.join(sorted(set(others)))}: grants on symmetric keys allow {', '.join(OPERATIONS)}."
        raise ServiceError("ValidationException", message)
    for constraint in (request.subset, request.equals):
        size = sum(len(name) + len(value) for name, value in (constraint or {}).items())
        if size > CONSTRAINT_LIMIT:
            message = f"A grant constraint has {size} characters; the maximum is {CONSTRAINT_LIMIT}."
            raise ServiceError("ValidationException", message)
    if request.subset is not None and request.equals is not None:
        raise ServiceError("ValidationException", "A grant can have one of the two constraints, not both.")


CONSTRAINT_LIMIT = 384
"""Characters of a grant's constraint, as on AWS."""


def _check_narrower(request: GrantRequest, by: KeyGrant) -> None:
    """Raise AccessDeniedException if a grant that is made by permission of another allows more than that one."""
    narrower = {*request.operations} <= {*by.operations}
    if by.equals is not None:
        narrower &= request.equals is not None and dict(request.equals) == dict(by.equals)
    if by.subset is not None:
        given = request.equals if request.equals is not None else request.subset
        narrower &= given is not None and by.subset.items() <= given.items()
    if not narrower:
        message = f"The grant {by.grant_id} allows to create grants only of its own operations and constraints."
        raise ServiceError("AccessDeniedException", message)


async def _id_of(service: Service, arn: str) -> str:
    """Return the id of a user or role. Raises InvalidArnException if there is none."""
    try:
        is_identity = bool(read_principals([("AWS", [arn])]).identities)
    except MalformedPolicyDocument:
        is_identity = False
    identity_id = await principal_id(service, arn) if is_identity else None
    if identity_id is None:
        raise ServiceError("InvalidArnException", f"There is no user or role {arn}; name one by its ARN.")
    return identity_id


def _is_same(other: KeyGrant, grant: KeyGrant) -> bool:
    return replace(other, grant_id=grant.grant_id, created_at=grant.created_at) == grant


async def _is_key_of(service: Service, key: str, grant: KeyGrant) -> bool:
    name = stored_name(service, key)
    found = None if name is None else await service.store.kms_keys.find(name)
    return found is not None and found.key.key_id == grant.key_id


def _no_such_grant(grant_id: str) -> ServiceError:
    return ServiceError("NotFoundException", f"Grant ID {grant_id} not found")
