"""Users: IAM's operations on them. `core.iam.attached_policies` has those on their policies."""

import re
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
    conflict,
    list_by_path,
    list_tags,
    new_id,
    no_such,
    put_tags,
    remove_tags,
    require_creation,
    untag_keys,
)
from ferryman.core.paging import Listing, Page
from ferryman.core.service import Service
from ferryman.model.errors import ServiceError
from ferryman.model.identity.callers import Caller, CallerKind
from ferryman.model.identity.users import User, UserChanges
from ferryman.model.tags import ResourceType

USER_LIMIT = 5000
NAME_LIMIT = 64
_NAME = re.compile(rf"[A-Za-z0-9_+=,.@-]{{1,{NAME_LIMIT}}}")


@dataclass(frozen=True, slots=True)
class UserDraft:
    """The user in CreateUser."""

    name: str
    path: str = "/"
    boundary_arn: str = ""


async def create_user(service: Service, caller: Caller, draft: UserDraft, tags: Mapping[str, str]) -> User:
    """CreateUser: a user without policies, who may do nothing.

    Raises AccessDeniedException, EntityAlreadyExists, NoSuchEntity (boundary), InvalidInput, LimitExceeded.
    """
    arn = service.arns.user(draft.name, draft.path)
    require_creation(service, caller, "User", arn, tags, draft.boundary_arn)
    return await add_user(service, draft, tags)


async def add_user(service: Service, draft: UserDraft, tags: Mapping[str, str]) -> User:
    """Make a user. The caller's permission must be checked already.

    Raises ValidationException (name, path), EntityAlreadyExists (409), NoSuchEntity (boundary), InvalidInput,
    LimitExceeded.
    """
    if not _NAME.fullmatch(draft.name):
        raise ServiceError(
            "ValidationException",
            f"The user name {draft.name!r} is not valid: use 1 to {NAME_LIMIT} letters, digits and characters of "
            "_+=,.@-.",
        )
    check_arn(service.arns.user(draft.name, draft.path))
    check_tags(tags)
    await check_boundary(service, draft.boundary_arn)
    check_quota("UsersPerAccount", await service.store.identities.count() + 1, USER_LIMIT)
    user = User(new_id(service, "AIDA"), draft.name, service.clock(), draft.path, draft.boundary_arn)
    await service.store.identities.add_user(user)
    await put_tags(service, _resource(user), tags)
    return user


async def get_user(service: Service, caller: Caller, name: str | None) -> User:
    """GetUser: the caller itself if no name is given. Raises AccessDeniedException, NoSuchEntity (404)."""
    return await user_for(service, caller, "GetUser", name)


async def list_users(
    service: Service, caller: Caller, path_prefix: str, marker: str | None, max_items: int | None
) -> Page[User]:
    """ListUsers: by name. Raises AccessDeniedException, ValidationException (marker)."""
    arn, read = service.arns.user("", path_prefix), service.store.identities.page
    return await list_by_path(service, caller, "ListUsers", arn, read, path_prefix, marker, max_items)


async def update_user(service: Service, caller: Caller, name: str, new_name: str | None, new_path: str | None) -> None:
    """UpdateUser: sessions, keys and policies stay with the user, who is identified by id.

    The caller must be allowed to update both the old and the new name. Raises AccessDeniedException, NoSuchEntity,
    EntityAlreadyExists.
    """
    user = await user_for(service, caller, "UpdateUser", name)
    renamed = service.arns.user(new_name or user.name, new_path or user.path)
    require(service, caller, "iam:UpdateUser", renamed, await user_keys(service, user))
    check_arn(renamed)
    await _change(service, user, UserChanges(new_name, new_path))


async def delete_user(service: Service, caller: Caller, name: str) -> None:
    """DeleteUser. Raises AccessDeniedException, NoSuchEntity, DeleteConflict (409) while the user has anything."""
    user = await user_for(service, caller, "DeleteUser", name)
    store = service.store
    if await store.identities.keys_of(user.user_id):
        raise conflict("delete access keys")
    await check_holds_no_policies(service, user.user_id)
    if await store.groups.of(user.user_id):
        raise conflict("remove user from groups")
    await remove_user(service, user)


async def remove_user(service: Service, user: User) -> None:
    """Delete a user with their keys, policies, memberships and tags."""
    await service.store.identities.remove_user(user.user_id)
    await service.store.policies.forget(user.user_id)
    await remove_tags(service, _resource(user))


async def put_user_permissions_boundary(service: Service, caller: Caller, name: str, arn: str) -> None:
    """PutUserPermissionsBoundary. Raises AccessDeniedException, NoSuchEntity (user or policy)."""
    user = await user_for(service, caller, "PutUserPermissionsBoundary", name, boundary_key(arn))
    await check_boundary(service, arn)
    await _change(service, user, UserChanges(boundary_arn=arn))


async def delete_user_permissions_boundary(service: Service, caller: Caller, name: str) -> None:
    """DeleteUserPermissionsBoundary. Raises AccessDeniedException, NoSuchEntity."""
    user = await user_for(service, caller, "DeleteUserPermissionsBoundary", name)
    if not user.boundary_arn:
        raise no_such(f"permissions boundary of user {name}")
    await _change(service, user, UserChanges(boundary_arn=""))


async def tag_user(service: Service, caller: Caller, name: str, tags: Mapping[str, str]) -> None:
    """TagUser. Raises AccessDeniedException, NoSuchEntity, InvalidInput, LimitExceeded."""
    user = await user_for(service, caller, "TagUser", name, request_tag_keys(tags))
    await put_tags(service, _resource(user), tags)


async def untag_user(service: Service, caller: Caller, name: str, keys: Sequence[str]) -> None:
    """UntagUser. Raises AccessDeniedException, NoSuchEntity."""
    user = await user_for(service, caller, "UntagUser", name, untag_keys(keys))
    await remove_tags(service, _resource(user), keys)


async def list_user_tags(
    service: Service, caller: Caller, name: str, marker: str | None, max_items: int | None
) -> Page[tuple[str, str]]:
    """ListUserTags: key and value, by key. Raises AccessDeniedException, NoSuchEntity, ValidationException (marker)."""
    user = await user_for(service, caller, "ListUserTags", name)
    return await list_tags(Listing(service, caller, "ListUserTags", [name]), _resource(user), marker, max_items)


async def user_for(service: Service, caller: Caller, action: str, name: str | None, keys: Keys = NO_KEYS) -> User:
    """Return the user if `caller` may perform `action` on it; the caller itself if no name is given.

    A caller who may not does not learn whether the user exists. Raises AccessDeniedException, NoSuchEntity (404),
    ValidationException (no name, and the caller is not a user).
    """
    if name is None:
        if caller.kind is not CallerKind.USER:
            raise ServiceError("ValidationException", "Must specify userName when calling with non-User credentials")
        user = await service.store.identities.get_user(caller.user_id)
        name = caller.name
    else:
        user = await service.store.identities.user_named(name)
    arn = service.arns.user(name, "/" if user is None else user.path)
    of_user = NO_KEYS if user is None else await user_keys(service, user)
    shown = service.arns.user(name)
    require(service, caller, f"iam:{action}", arn, {**of_user, **keys}, shown=shown)
    if user is None:
        raise no_such(f"user with name {name}")
    return user


async def user_keys(service: Service, user: User) -> Keys:
    """Return the condition keys of a user as a resource: its tags and its permissions boundary."""
    return await condition_keys(service, _resource(user))


def _resource(user: User) -> IamResource:
    return IamResource(ResourceType.USER, user.user_id, user.boundary_arn)


async def _change(service: Service, user: User, changes: UserChanges) -> None:
    if not await service.store.identities.change_user(user.user_id, changes):
        raise no_such(f"user with name {user.name}")
