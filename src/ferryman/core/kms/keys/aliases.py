"""Aliases of keys. A call on an alias needs permission for the alias and for its key."""

import re

from ferryman.core.authorization.decisions import require
from ferryman.core.authorization.request_context import Keys
from ferryman.core.kms.access import KeyUse, find_key, require_kept
from ferryman.core.kms.listings import read_marked_page
from ferryman.core.kms.names import no_such_key
from ferryman.core.paging import Listing, Page
from ferryman.core.service import Service
from ferryman.model.errors import ServiceError
from ferryman.model.identity.callers import Caller
from ferryman.model.kms import ALIAS_PREFIX, RESERVED_PREFIX, KeyAlias

ALIASES_A_KEY = 50
_NAME = re.compile(r"alias/[a-zA-Z0-9/_-]+")


async def create_alias(service: Service, caller: Caller, name: str, key: str) -> None:
    """CreateAlias. `key` is an id or the ARN of a key.

    Raises AccessDeniedException, InvalidAliasNameException, NotAuthorizedException (a reserved name),
    AlreadyExistsException, NotFoundException, LimitExceededException, KMSInvalidStateException.
    """
    _require_alias(service, caller, "kms:CreateAlias", name)
    found = await find_key(service, caller, KeyUse("kms:CreateAlias", key))
    _check_name(name)
    _check_target(service, key)
    require_kept(service, found)
    now = service.clock()
    if not await service.store.kms_aliases.add(KeyAlias(name, found.key.key_id, now, now), ALIASES_A_KEY):
        raise _too_many()


async def update_alias(service: Service, caller: Caller, name: str, key: str) -> None:
    """UpdateAlias: the alias names another key from now on. It needs permission for both keys. Raises as above."""
    _require_alias(service, caller, "kms:UpdateAlias", name)
    after = await find_key(service, caller, KeyUse("kms:UpdateAlias", key))
    _check_name(name)
    _check_target(service, key)
    before = await find_key(service, caller, KeyUse("kms:UpdateAlias", name))
    require_kept(service, after)
    moved_at = service.clock()
    if await service.store.kms_aliases.move(name, before.key.key_id, after.key.key_id, moved_at, ALIASES_A_KEY):
        return
    found = await service.store.kms_aliases.get(name)
    if found is None:
        raise no_such_key(service, name)
    raise _too_many() if found.key_id == before.key.key_id else _moved(name)


async def delete_alias(service: Service, caller: Caller, name: str) -> None:
    """DeleteAlias: its key stays. Raises AccessDeniedException, NotFoundException, NotAuthorizedException."""
    _require_alias(service, caller, "kms:DeleteAlias", name)
    if not name.startswith(ALIAS_PREFIX):
        raise _invalid_name()
    if name.startswith(RESERVED_PREFIX):
        raise _reserved()
    found = await find_key(service, caller, KeyUse("kms:DeleteAlias", name))
    if not await service.store.kms_aliases.remove(name, found.key.key_id):
        raise no_such_key(service, name) if await service.store.kms_aliases.get(name) is None else _moved(name)


async def list_aliases(
    service: Service, caller: Caller, key: str | None, marker: str | None, limit: int
) -> Page[KeyAlias]:
    """ListAliases: of one key or of all, by name. Raises AccessDeniedException, NotFoundException,
    InvalidMarkerException."""
    require(service, caller, "kms:ListAliases", "*")
    key_id: str | None = None
    if key is not None:
        key_id = (await find_key(service, caller, KeyUse("kms:ListAliases", key))).key.key_id

    async def read(after: str, most: int) -> "list[KeyAlias]":
        return list(await service.store.kms_aliases.page(key_id, after, most))

    listing = Listing(service, caller, "kms:ListAliases", [key_id])
    return await read_marked_page(listing, read, lambda alias: alias.name, marker, limit)


def _require_alias(service: Service, caller: Caller, action: str, name: str) -> None:
    """Require the caller's own policies to allow the call on the alias itself, which has no policy."""
    keys: Keys = {"kms:CallerAccount": caller.account_id}
    require(service, caller, action, service.arns.kms_alias(name), keys)


def _check_name(name: str) -> None:
    if name.startswith(RESERVED_PREFIX):
        raise _reserved()
    if not _NAME.fullmatch(name):
        raise _invalid_name()


def _check_target(service: Service, key: str) -> None:
    """An alias names a key, not another alias."""
    if key.startswith((ALIAS_PREFIX, service.arns.kms_alias(ALIAS_PREFIX))):
        raise ServiceError("ValidationException", "Aliases must refer to keys. Not aliases.")


def _invalid_name() -> ServiceError:
    message = f'Alias must start with the prefix "{ALIAS_PREFIX}" and may have letters, digits, "/", "_" and "-".'
    return ServiceError("InvalidAliasNameException", message)


def _reserved() -> ServiceError:
    return ServiceError("NotAuthorizedException", f"Names that begin with {RESERVED_PREFIX} are reserved for AWS.")


def _moved(name: str) -> ServiceError:
    """The permission was for the key that the alias named before."""
    message = f"Others are changing the alias {name} at the same time; try again."
    return ServiceError("KMSInternalException", message, status=500)


def _too_many() -> ServiceError:
    return ServiceError("LimitExceededException", f"A key may have at most {ALIASES_A_KEY} aliases.")
