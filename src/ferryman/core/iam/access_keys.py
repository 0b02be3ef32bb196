"""Access keys of users: the use cases of IAM's operations, and the note of when each was last used."""

from collections import OrderedDict

from ferryman.core.authorization.decisions import require
from ferryman.core.iam import operator as identities
from ferryman.core.iam.resources import no_such
from ferryman.core.iam.users import user_for, user_keys
from ferryman.core.paging import Listing, Page, page_of
from ferryman.core.service import Service
from ferryman.model.identifiers import Millis
from ferryman.model.identity.callers import Caller, Credentials
from ferryman.model.identity.users import AccessKey, KeyUse, User

NOTED_EVERY = 60_000
"""Milliseconds between two notes of one key's use."""
REMEMBERED = 10_000
"""Keys whose last note is remembered; one that is forgotten is noted again a little early."""


async def create_access_key(
    service: Service, caller: Caller, user_name: str | None
) -> tuple[User, AccessKey, Credentials]:
    """CreateAccessKey: the caller's own without a name; the secret is shown this once.

    Raises AccessDeniedException, NoSuchEntity, LimitExceeded.
    """
    user = await user_for(service, caller, "CreateAccessKey", user_name)
    made = await identities.create_access_key(service, user.name)
    key = await service.store.identities.get_key(made.access_key_id)
    if key is None:
        raise no_such(f"user with name {user.name}")
    return user, key, made


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
    await identities.set_access_key_active(service, key.access_key_id, active=active)


async def delete_access_key(service: Service, caller: Caller, user_name: str | None, access_key_id: str) -> None:
    """DeleteAccessKey. Raises AccessDeniedException, NoSuchEntity."""
    key = await _key_for(service, caller, "DeleteAccessKey", user_name, access_key_id)
    await identities.delete_access_key(service, key.access_key_id)


async def get_access_key_last_used(service: Service, caller: Caller, access_key_id: str) -> tuple[User, KeyUse | None]:
    """GetAccessKeyLastUsed: whose key it is, and its last use, to the minute.

    A key that nobody has is as one of a user of the name `*`. Raises AccessDeniedException, NoSuchEntity.
    """
    key = await service.store.identities.get_key(access_key_id)
    user = None if key is None else await service.store.identities.get_user(key.user_id)
    action = "iam:GetAccessKeyLastUsed"
    anybody = service.arns.user("*")
    if key is None or user is None:
        require(service, caller, action, anybody)
        raise no_such(f"access key with id {access_key_id}")
    resource = service.arns.user(user.name, user.path)
    require(service, caller, action, resource, await user_keys(service, user), shown=anybody)
    return user, key.last_use


async def _key_for(
    service: Service, caller: Caller, action: str, user_name: str | None, access_key_id: str
) -> AccessKey:
    user = await user_for(service, caller, action, user_name)
    key = await service.store.identities.get_key(access_key_id)
    if key is None or key.user_id != user.user_id:
        raise no_such(f"access key with id {access_key_id}")
    return key


class KeyUses:
    """When keys were used, as one server saw it, each at most once in `NOTED_EVERY`, until it is written down."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._remembered = remembered
        self._noted: OrderedDict[str, Millis] = OrderedDict()
        self._pending: dict[str, KeyUse] = {}

    def note(self, access_key_id: str, service_name: str, region: str, now: Millis) -> bool:
        """Note that a key signed a call; tells whether there is something to write down."""
        if now - self._noted.get(access_key_id, -NOTED_EVERY) < NOTED_EVERY:
            return bool(self._pending)
        self._noted[access_key_id] = now
        self._noted.move_to_end(access_key_id)
        if len(self._noted) > self._remembered:
            self._noted.popitem(last=False)
        self._pending[access_key_id] = KeyUse(now, service_name, region)
        return True

    async def write(self, service: Service) -> None:
        """Write down what was noted."""
        if self._pending:
            pending, self._pending = self._pending, {}
            await service.store.identities.note_key_uses(pending)
