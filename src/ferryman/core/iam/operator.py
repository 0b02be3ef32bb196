"""Users, their access keys, and who stands behind an access key id. Users are made by the operator's own commands."""

import base64
import re
from collections.abc import Sequence

from ferryman.core.authorization.builtin_policies import ROLE_POLICIES
from ferryman.core.service import Service
from ferryman.core.vault import KEY_PURPOSE
from ferryman.model.errors import ServiceError
from ferryman.model.identity.callers import Credentials, Role
from ferryman.model.identity.users import AccessKey, User
from ferryman.model.secret import Secret
from ferryman.model.tags import ResourceType

_NAME = re.compile(r"[A-Za-z0-9_+=,.@-]{1,64}")
KEYS_A_USER = 2
"""As AWS has it: enough to change keys without a gap."""


async def create_user(service: Service, name: str, role: Role | None = None) -> User:
    """Make a user. `name` is 1 to 64 of IAM's characters, letters, digits and `_+=,.@-`; `role` attaches its policy.

    Raises ValidationException, EntityAlreadyExists (409).
    """
    if not _NAME.fullmatch(name):
        raise ServiceError(
            "ValidationException",
            f"The user name {name!r} is not valid: 1 to 64 letters, digits and characters of _+=,.@- are.",
        )
    user = User("AIDA" + _base32(service, 17), name, service.clock())
    await service.store.identities.add_user(user)
    if role is not None:
        await service.store.policies.attach(user.user_id, ROLE_POLICIES[role])
    return user


async def find_user(service: Service, name: str) -> User:
    """Return the user of that name; NoSuchEntity (404) if there is none."""
    user = await service.store.identities.user_named(name)
    if user is None:
        raise _no_such("user with name", name)
    return user


async def list_users(service: Service) -> Sequence[User]:
    """Return all users by name."""
    return await service.store.identities.users()


async def delete_user(service: Service, name: str) -> None:
    """Delete a user, their keys, policies and tags. Raises NoSuchEntity."""
    user = await find_user(service, name)
    await service.store.identities.remove_user(user.user_id)
    await service.store.policies.forget(user.user_id)
    await service.store.tags.remove(ResourceType.USER, user.user_id)


async def set_role(service: Service, name: str, role: Role) -> None:
    """Attach the policy of a role, and detach those of the others. Raises NoSuchEntity."""
    user = await find_user(service, name)
    await service.store.policies.attach(user.user_id, ROLE_POLICIES[role])
    for other in ROLE_POLICIES.keys() - {role}:
        await service.store.policies.detach(user.user_id, ROLE_POLICIES[other])


async def attached_policies(service: Service, user: User) -> Sequence[str]:
    """Return the ARNs of the policies that are attached to a user, in order."""
    return await service.store.policies.attached(user.user_id)


async def create_access_key(service: Service, user_name: str) -> Credentials:
    """Make an access key; its secret, 40 characters, is shown this once. Raises NoSuchEntity, LimitExceeded."""
    user = await find_user(service, user_name)
    if len(await service.store.identities.keys_of(user.user_id)) >= KEYS_A_USER:
        message = f"Cannot exceed quota for AccessKeysPerUser: {KEYS_A_USER}. Delete one of {user_name}'s keys first."
        raise ServiceError("LimitExceeded", message, status=409)
    access_key_id = "AKIA" + _base32(service, 16)
    secret = base64.b64encode(service.entropy(30)).decode()
    sealed = service.vault.seal(KEY_PURPOSE, secret.encode(), access_key_id.encode())
    await service.store.identities.add_key(AccessKey(access_key_id, user.user_id, sealed, True, service.clock()))
    return Credentials(access_key_id, Secret(secret))


async def list_access_keys(service: Service, user_name: str) -> Sequence[AccessKey]:
    """Return a user's keys, oldest first. Raises NoSuchEntity."""
    user = await find_user(service, user_name)
    return await service.store.identities.keys_of(user.user_id)


async def set_access_key_active(service: Service, access_key_id: str, *, active: bool) -> None:
    """Enable or disable a key. Raises NoSuchEntity."""
    if not await service.store.identities.set_key_active(access_key_id, active=active):
        raise _no_such("access key with id", access_key_id)


async def delete_access_key(service: Service, access_key_id: str) -> None:
    """Delete a key. Raises NoSuchEntity."""
    if not await service.store.identities.remove_key(access_key_id):
        raise _no_such("access key with id", access_key_id)


def _base32(service: Service, characters: int) -> str:
    """Return upper-case letters and digits 2 to 7, 5 bits of entropy each."""
    return base64.b32encode(service.entropy(-(-characters * 5 // 8))).decode()[:characters]


def _no_such(kind: str, name: str) -> ServiceError:
    return ServiceError("NoSuchEntity", f"The {kind} {name} cannot be found.", status=404)
