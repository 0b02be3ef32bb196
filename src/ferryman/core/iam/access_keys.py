"""Access keys of users: IAM's operations on them, and the record of when each was last used."""

import base64
from collections import OrderedDict

from ferryman.core.authorization.decisions import require
from ferryman.core.iam.resources import new_id, no_such
from ferryman.core.iam.users import user_for, user_keys
from ferryman.core.paging import Listing, Page, page_of
from ferryman.core.service import Service
from ferryman.core.vault import KEY_PURPOSE
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis
from ferryman.model.identity.callers import Caller
from ferryman.model.identity.credentials import Credentials
from ferryman.model.identity.users import AccessKey, LastKeyUse, User
from ferryman.model.values.secret import Secret

KEYS_A_USER = 2
"""AWS's quota: enough to change keys without a gap."""
NOTED_EVERY = 60_000
"""Milliseconds between two records of one key's use."""
REMEMBERED = 10_000
"""Keys whose last record is remembered; a forgotten one is recorded again a little early."""


async def create_access_key(
    service: Service, caller: Caller, user_name: str | None
) -> tuple[User, AccessKey, Credentials]:
    """CreateAccessKey: for the caller itself if no name is given. Only now can the secret be seen.

    Raises AccessDeniedException, NoSuchEntity, LimitExceeded.
    """
    user = await user_for(service, caller, "CreateAccessKey", user_name)
    key, credentials = await add_key(service, user)
    return user, key, credentials


async def add_key(service: Service, user: User) -> tuple[AccessKey, Credentials]:
    """Make an access key and store it. The caller's permission must be checked already. Raises LimitExceeded."""
    key, credentials = await new_key(service, user)
    await service.store.identities.add_key(key)
    return key, credentials


async def new_key(service: Service, user: User) -> tuple[AccessKey, Credentials]:
    """Make an access key that is not stored yet; its secret has 40 characters. Raises LimitExceeded."""
    if len(await service.store.identities.keys_of(user.user_id)) >= KEYS_A_USER:
        message = f"Cannot exceed quota for AccessKeysPerUser: {KEYS_A_USER}. Delete one of {user.name}'s keys first."
        raise ServiceError("LimitExceeded", message, status=409)
    access_key_id = new_id(service, "AKIA", 16)
    secret = base64.b64encode(service.entropy(30)).decode()
    sealed = service.vault.seal(KEY_PURPOSE, secret.encode(), access_key_id.encode())
    key = AccessKey(access_key_id, user.user_id, sealed, True, service.clock())
    return key, Credentials(access_key_id, Secret(secret))


async def list_access_keys(
    service: Service, caller: Caller, user_name: str | None, marker: str | None, max_items: int | None
) -> tuple[User, Page[AccessKey]]:
    """ListAccessKeys. Raises AccessDeniedException, NoSuchEntity, ValidationException (marker)."""
    user = await user_for(service, caller, "ListAccessKeys", user_name)
    keys = await service.store.identities.keys_of(user.user_id)
    page = page_of(
        Listing(service, caller, "ListAccessKeys", [user.name]), keys, lambda key: key.access_key_id, marker, max_items
    )
    return user, page


async def update_access_key(
    service: Service, caller: Caller, user_name: str | None, access_key_id: str, *, active: bool
) -> None:
    """UpdateAccessKey. Raises AccessDeniedException, NoSuchEntity."""
    key = await _key_for(service, caller, "UpdateAccessKey", user_name, access_key_id)
    await set_key_active(service, key.access_key_id, active=active)


async def set_key_active(service: Service, access_key_id: str, *, active: bool) -> None:
    """Enable or disable a key. The caller's permission must be checked already. Raises NoSuchEntity."""
    if not await service.store.identities.set_key_active(access_key_id, active=active):
        raise _no_key(access_key_id)


async def delete_access_key(service: Service, caller: Caller, user_name: str | None, access_key_id: str) -> None:
    """DeleteAccessKey. Raises AccessDeniedException, NoSuchEntity."""
    key = await _key_for(service, caller, "DeleteAccessKey", user_name, access_key_id)
    await remove_key(service, key.access_key_id)


async def remove_key(service: Service, access_key_id: str) -> None:
    """Delete a key. The caller's permission must be checked already. Raises NoSuchEntity."""
    if not await service.store.identities.remove_key(access_key_id):
        raise _no_key(access_key_id)


async def get_access_key_last_used(
    service: Service, caller: Caller, access_key_id: str
) -> tuple[User, LastKeyUse | None]:
    """GetAccessKeyLastUsed: the key's user, and its last use, to the minute.

    For permission, a key that does not exist counts as one of a user named `*`. Raises AccessDeniedException,
    NoSuchEntity.
    """
    key = await service.store.identities.get_key(access_key_id)
    user = None if key is None else await service.store.identities.get_user(key.user_id)
    action = "iam:GetAccessKeyLastUsed"
    anybody = service.arns.user("*")
    if key is None or user is None:
        require(service, caller, action, anybody)
        raise _no_key(access_key_id)
    resource = service.arns.user(user.name, user.path)
    require(service, caller, action, resource, await user_keys(service, user), shown=anybody)
    return user, key.last_use


async def _key_for(
    service: Service, caller: Caller, action: str, user_name: str | None, access_key_id: str
) -> AccessKey:
    user = await user_for(service, caller, action, user_name)
    key = await service.store.identities.get_key(access_key_id)
    if key is None or key.user_id != user.user_id:
        raise _no_key(access_key_id)
    return key


def _no_key(access_key_id: str) -> ServiceError:
    return no_such(f"access key with id {access_key_id}")


class KeyUses:
    """The uses of keys that one server saw, each key at most once per `NOTED_EVERY`, until they are written."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._remembered = remembered
        self._noted: OrderedDict[str, Millis] = OrderedDict()
        self._pending: dict[str, LastKeyUse] = {}

    def note(self, access_key_id: str, service_name: str, region: str, now: Millis) -> bool:
        """Note that a key signed a call; returns whether there is anything to write."""
        if now - self._noted.get(access_key_id, -NOTED_EVERY) < NOTED_EVERY:
            return bool(self._pending)
        self._noted[access_key_id] = now
        self._noted.move_to_end(access_key_id)
        if len(self._noted) > self._remembered:
            self._noted.popitem(last=False)
        self._pending[access_key_id] = LastKeyUse(now, service_name, region)
        return True

    async def write(self, service: Service) -> None:
        """Write the noted uses to the store."""
        if self._pending:
            pending, self._pending = self._pending, {}
            await service.store.identities.note_key_uses(pending)
