"""Groups of users: IAM's operations on them. `core.iam.attached_policies` has those on their policies."""

from functools import partial

from ferryman.core.authorization.decisions import require
from ferryman.core.authorization.request_context import NO_KEYS, Keys
from ferryman.core.iam.resources import (
    check_arn,
    check_holds_no_policies,
    check_quota,
    conflict,
    list_by_path,
    new_id,
    no_such,
    require_creation,
)
from ferryman.core.iam.users import user_for
from ferryman.core.paging import Listing, Page, page_of, read_page
from ferryman.core.service import Service
from ferryman.model.identity.callers import Caller
from ferryman.model.identity.groups import Group
from ferryman.model.identity.users import User

GROUP_LIMIT = 300
GROUPS_A_USER = 10


async def create_group(service: Service, caller: Caller, name: str, path: str) -> Group:
    """CreateGroup. Raises AccessDeniedException, EntityAlreadyExists, LimitExceeded."""
    arn = service.arns.group(name, path)
    require_creation(service, caller, "Group", arn, {})
    check_arn(arn)
    check_quota("GroupsPerAccount", await service.store.groups.count() + 1, GROUP_LIMIT)
    group = Group(new_id(service, "AGPA"), name, service.clock(), path)
    await service.store.groups.add(group)
    return group


async def get_group(
    service: Service, caller: Caller, name: str, marker: str | None, max_items: int | None
) -> tuple[Group, Page[User]]:
    """GetGroup: the group and its users. Raises AccessDeniedException, NoSuchEntity, ValidationException (marker)."""
    group = await group_for(service, caller, "GetGroup", name)
    read = partial(service.store.groups.members_page, group.group_id)
    page = await read_page(
        Listing(service, caller, "GetGroup", [name]), read, lambda user: user.name, marker, max_items
    )
    return group, page


async def list_groups(
    service: Service, caller: Caller, path_prefix: str, marker: str | None, max_items: int | None
) -> Page[Group]:
    """ListGroups: by name. Raises AccessDeniedException, ValidationException (marker)."""
    arn, read = service.arns.group("", path_prefix), service.store.groups.page
    return await list_by_path(service, caller, "ListGroups", arn, read, path_prefix, marker, max_items)


async def list_groups_for_user(
    service: Service, caller: Caller, user_name: str, marker: str | None, max_items: int | None
) -> Page[Group]:
    """ListGroupsForUser. Raises AccessDeniedException, NoSuchEntity, ValidationException (marker)."""
    user = await user_for(service, caller, "ListGroupsForUser", user_name)
    found = await service.store.groups.of(user.user_id)
    members = [user_name]
    return page_of(
        Listing(service, caller, "ListGroupsForUser", members), found, lambda group: group.name, marker, max_items
    )


async def update_group(service: Service, caller: Caller, name: str, new_name: str | None, new_path: str | None) -> None:
    """UpdateGroup: users and policies stay. The caller must be allowed to update both the old and the new name.

    Raises AccessDeniedException, NoSuchEntity, EntityAlreadyExists.
    """
    group = await group_for(service, caller, "UpdateGroup", name)
    renamed = service.arns.group(new_name or group.name, new_path or group.path)
    require(service, caller, "iam:UpdateGroup", renamed)
    check_arn(renamed)
    if not await service.store.groups.rename(group.group_id, new_name or group.name, new_path or group.path):
        raise no_such(f"group with name {name}")


async def delete_group(service: Service, caller: Caller, name: str) -> None:
    """DeleteGroup. Raises AccessDeniedException, NoSuchEntity, DeleteConflict (409)."""
    group = await group_for(service, caller, "DeleteGroup", name)
    await check_holds_no_policies(service, group.group_id)
    if not await service.store.groups.remove(group.group_id):
        raise conflict("remove users from group")
    await service.store.policies.forget(group.group_id)


async def add_user_to_group(service: Service, caller: Caller, group_name: str, user_name: str) -> None:
    """AddUserToGroup: no effect on a member. Raises AccessDeniedException, NoSuchEntity, LimitExceeded."""
    group = await group_for(service, caller, "AddUserToGroup", group_name)
    user = await _named(service, user_name)
    others = [each for each in await service.store.groups.of(user.user_id) if each.group_id != group.group_id]
    check_quota("GroupsPerUser", len(others) + 1, GROUPS_A_USER)
    if not await service.store.groups.add_member(group.group_id, user.user_id):
        raise no_such(f"group with name {group_name} or the user with name {user_name}")


async def remove_user_from_group(service: Service, caller: Caller, group_name: str, user_name: str) -> None:
    """RemoveUserFromGroup. Raises AccessDeniedException, NoSuchEntity (also for a user who is not a member)."""
    group = await group_for(service, caller, "RemoveUserFromGroup", group_name)
    user = await _named(service, user_name)
    if not await service.store.groups.remove_member(group.group_id, user.user_id):
        raise no_such(f"user with name {user_name}, in group {group_name},")


async def group_for(service: Service, caller: Caller, action: str, name: str, keys: Keys = NO_KEYS) -> Group:
    """Return the group if `caller` may perform `action` on it.

    A caller who may not does not learn whether it exists. Raises AccessDeniedException, NoSuchEntity (404).
    """
    group = await service.store.groups.named(name)
    arn = service.arns.group(name, "/" if group is None else group.path)
    require(service, caller, f"iam:{action}", arn, keys, shown=service.arns.group(name, "/"))
    if group is None:
        raise no_such(f"group with name {name}")
    return group


async def _named(service: Service, user_name: str) -> User:
    user = await service.store.identities.user_named(user_name)
    if user is None:
        raise no_such(f"user with name {user_name}")
    return user
