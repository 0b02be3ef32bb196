"""Roles: IAM's operations on them. `core.iam.attached_policies` has those on their policies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ferryman.core.authorization.decisions import require
from ferryman.core.authorization.request_context import NO_KEYS, Keys, request_tag_keys
from ferryman.core.iam.resources import (
    IamResource,
    boundary_key,
    check_arn,
    check_boundary,
    check_holds_no_policies,
    check_quota,
    check_tags,
    condition_keys,
    list_by_path,
    list_tags,
    new_id,
    no_such,
    put_tags,
    remove_tags,
    require_creation,
    untag_keys,
)
from ferryman.core.iam.resources import tags_of as tags_of_resource
from ferryman.core.iam.trust import principal_ids
from ferryman.core.paging import Listing, Page
from ferryman.core.service import Service
from ferryman.model.identity.callers import Caller
from ferryman.model.identity.roles import IamRole, RoleChanges
from ferryman.model.tags import ResourceType
from ferryman.policy.documents import PolicyKind
from ferryman.policy.parsing import parse_policy

DEFAULT_MAX_SESSION = 3600
"""Seconds that a session of a role may last if the role does not specify it."""
ROLE_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class RoleDraft:
    """The role in CreateRole."""

    name: str
    trust_policy: str
    path: str = "/"
    description: str = ""
    max_session_duration: int = DEFAULT_MAX_SESSION
    boundary_arn: str = ""


async def create_role(service: Service, caller: Caller, draft: RoleDraft, tags: Mapping[str, str]) -> IamRole:
    """CreateRole.

    Raises AccessDeniedException, MalformedPolicyDocument, LimitExceeded, EntityAlreadyExists, NoSuchEntity (boundary),
    InvalidInput.
    """
    arn = service.arns.role(draft.name, draft.path)
    require_creation(service, caller, "Role", arn, tags, draft.boundary_arn)
    check_arn(arn)
    check_tags(tags)
    trusted = await principal_ids(service, parse_policy(draft.trust_policy, PolicyKind.TRUST))
    await check_boundary(service, draft.boundary_arn)
    check_quota("RolesPerAccount", await service.store.roles.count() + 1, ROLE_LIMIT)
    role = IamRole(
        new_id(service, "AROA"),
        draft.name,
        draft.path,
        draft.description,
        draft.trust_policy,
        draft.max_session_duration,
        service.clock(),
        draft.boundary_arn,
        trusted,
    )
    await service.store.roles.add(role)
    await put_tags(service, _resource(role), tags)
    return role


async def get_role(service: Service, caller: Caller, name: str) -> IamRole:
    """GetRole. Raises AccessDeniedException, NoSuchEntity (404)."""
    return await role_for(service, caller, "GetRole", name)


async def list_roles(
    service: Service, caller: Caller, path_prefix: str, marker: str | None, max_items: int | None
) -> Page[IamRole]:
    """ListRoles: by name. Raises AccessDeniedException, ValidationException (marker)."""
    arn, read = service.arns.role("", path_prefix), service.store.roles.page
    return await list_by_path(service, caller, "ListRoles", arn, read, path_prefix, marker, max_items)


async def update_role(
    service: Service, caller: Caller, name: str, changes: RoleChanges, action: str = "UpdateRole"
) -> IamRole:
    """UpdateRole, UpdateRoleDescription: change description and maximum session duration; returns the changed role.

    Raises AccessDeniedException, NoSuchEntity.
    """
    role = await role_for(service, caller, action, name)
    await _change(service, role, changes)
    changed = await service.store.roles.get(role.role_id)
    if changed is None:
        raise no_such(f"role with name {name}")
    return changed


async def update_assume_role_policy(service: Service, caller: Caller, name: str, document: str) -> None:
    """UpdateAssumeRolePolicy. Raises AccessDeniedException, NoSuchEntity, MalformedPolicyDocument, LimitExceeded."""
    role = await role_for(service, caller, "UpdateAssumeRolePolicy", name)
    trusted = await principal_ids(service, parse_policy(document, PolicyKind.TRUST))
    await _change(service, role, RoleChanges(trust_policy=document, principal_ids=trusted))


async def put_role_permissions_boundary(service: Service, caller: Caller, name: str, arn: str) -> None:
    """PutRolePermissionsBoundary. Raises AccessDeniedException, NoSuchEntity (role or policy)."""
    role = await role_for(service, caller, "PutRolePermissionsBoundary", name, boundary_key(arn))
    await check_boundary(service, arn)
    await _change(service, role, RoleChanges(boundary_arn=arn))


async def delete_role_permissions_boundary(service: Service, caller: Caller, name: str) -> None:
    """DeleteRolePermissionsBoundary. Raises AccessDeniedException, NoSuchEntity."""
    role = await role_for(service, caller, "DeleteRolePermissionsBoundary", name)
    if not role.boundary_arn:
        raise no_such(f"permissions boundary of role {name}")
    await _change(service, role, RoleChanges(boundary_arn=""))


async def delete_role(service: Service, caller: Caller, name: str) -> None:
    """DeleteRole: its sessions end with it. Raises AccessDeniedException, NoSuchEntity, DeleteConflict (409)."""
    role = await role_for(service, caller, "DeleteRole", name)
    await check_holds_no_policies(service, role.role_id)
    await service.store.roles.remove(role.role_id)
    await service.store.policies.forget(role.role_id)
    await remove_tags(service, _resource(role))


async def tag_role(service: Service, caller: Caller, name: str, tags: Mapping[str, str]) -> None:
    """TagRole. Raises AccessDeniedException, NoSuchEntity, InvalidInput, LimitExceeded."""
    role = await role_for(service, caller, "TagRole", name, request_tag_keys(tags))
    await put_tags(service, _resource(role), tags)


async def untag_role(service: Service, caller: Caller, name: str, keys: Sequence[str]) -> None:
    """UntagRole. Raises AccessDeniedException, NoSuchEntity."""
    role = await role_for(service, caller, "UntagRole", name, untag_keys(keys))
    await remove_tags(service, _resource(role), keys)


async def list_role_tags(
    service: Service, caller: Caller, name: str, marker: str | None, max_items: int | None
) -> Page[tuple[str, str]]:
    """ListRoleTags: key and value, by key. Raises AccessDeniedException, NoSuchEntity, ValidationException (marker)."""
    role = await role_for(service, caller, "ListRoleTags", name)
    return await list_tags(Listing(service, caller, "ListRoleTags", [name]), _resource(role), marker, max_items)


async def role_for(service: Service, caller: Caller, action: str, name: str, keys: Keys = NO_KEYS) -> IamRole:
    """Return the role if `caller` may perform `action` on it.

    A caller who may not does not learn whether it exists. Raises AccessDeniedException, NoSuchEntity (404).
    """
    role = await service.store.roles.named(name)
    arn = service.arns.role(name, "/" if role is None else role.path)
    of_role = NO_KEYS if role is None else await role_keys(service, role)
    shown = service.arns.role(name, "/")
    require(service, caller, f"iam:{action}", arn, {**of_role, **keys}, shown=shown)
    if role is None:
        raise no_such(f"role with name {name}")
    return role


async def tags_of(service: Service, role: IamRole) -> Mapping[str, str]:
    """Return a role's tags."""
    return await tags_of_resource(service, ResourceType.ROLE, role.role_id)


async def role_keys(service: Service, role: IamRole) -> Keys:
    """Return the condition keys of a role as a resource: its tags and its permissions boundary."""
    return await condition_keys(service, _resource(role))


def _resource(role: IamRole) -> IamResource:
    return IamResource(ResourceType.ROLE, role.role_id, role.boundary_arn)


async def _change(service: Service, role: IamRole, changes: RoleChanges) -> None:
    if not await service.store.roles.change(role.role_id, changes):
        raise no_such(f"role with name {role.name}")
