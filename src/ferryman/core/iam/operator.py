"""Users and access keys for the operator's own commands, which run on the server's machine without a caller.

They check what IAM's operations check, by the same functions, but no permissions.
"""

from collections.abc import Sequence

from ferryman.core.authorization.builtin_policies import ROLE_POLICIES
from ferryman.core.iam.access_keys import add_key, remove_key, set_key_active
from ferryman.core.iam.resources import no_such
from ferryman.core.iam.users import UserDraft, add_user, remove_user
from ferryman.core.service import Service
from ferryman.model.identity.callers import BuiltinRole
from ferryman.model.identity.credentials import Credentials
from ferryman.model.identity.users import AccessKey, User


async def create_user(service: Service, name: str, role: BuiltinRole | None = None) -> User:
    """Make a user. `name` is 1 to 64 of IAM's characters, letters, digits and `_+=,.@-`; `role` attaches its policy.

    Raises ValidationException, EntityAlreadyExists (409), LimitExceeded (409).
    """
    user = await add_user(service, UserDraft(name), {})
    if role is not None:
        await service.store.policies.attach(user.user_id, ROLE_POLICIES[role])
    return user


async def find_user(service: Service, name: str) -> User:
    """Return the user of that name. Raises NoSuchEntity (404)."""
    user = await service.store.identities.user_named(name)
    if user is None:
        raise no_such(f"user with name {name}")
    return user


async def list_users(service: Service) -> Sequence[User]:
    """Return all users by name."""
    return await service.store.identities.users()


async def delete_user(service: Service, name: str) -> None:
    """Delete a user with their keys, policies and tags. Raises NoSuchEntity."""
    await remove_user(service, await find_user(service, name))


async def set_role(service: Service, name: str, role: BuiltinRole) -> None:
    """Attach the policy of a role, and detach those of the others. Raises NoSuchEntity."""
    user = await find_user(service, name)
    await service.store.policies.attach(user.user_id, ROLE_POLICIES[role])
    for other in ROLE_POLICIES.keys() - {role}:
        await service.store.policies.detach(user.user_id, ROLE_POLICIES[other])


async def attached_policies(service: Service, user: User) -> Sequence[str]:
    """Return the ARNs of the policies that are attached to a user, in order."""
    return await service.store.policies.attached(user.user_id)


async def create_access_key(service: Service, user_name: str) -> Credentials:
    """Make an access key; only now can its secret be seen. Raises NoSuchEntity, LimitExceeded."""
    _, credentials = await add_key(service, await find_user(service, user_name))
    return credentials


async def list_access_keys(service: Service, user_name: str) -> Sequence[AccessKey]:
    """Return a user's keys, oldest first. Raises NoSuchEntity."""
    user = await find_user(service, user_name)
    return await service.store.identities.keys_of(user.user_id)


async def set_access_key_active(service: Service, access_key_id: str, *, active: bool) -> None:
    """Enable or disable a key. Raises NoSuchEntity."""
    await set_key_active(service, access_key_id, active=active)


async def delete_access_key(service: Service, access_key_id: str) -> None:
    """Delete a key. Raises NoSuchEntity."""
    await remove_key(service, access_key_id)
