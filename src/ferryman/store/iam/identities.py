"""Users and access keys in SQL. The foreign key deletes a user's keys with the user."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from ferryman.core.ports.people.iam import GrantedPolicy, KeyHolder
from ferryman.model.errors import ServiceError
from ferryman.model.identity.users import AccessKey, LastKeyUse, User, UserChanges
from ferryman.model.tags import ResourceType
from ferryman.store.connections import Connections, Reader, Record
from ferryman.store.iam.name_pages import boundary_counts, count, name_page
from ferryman.store.iam.policies import GRANTED
from ferryman.store.tables import access_keys, users
from ferryman.store.tags import TAGS

_USER_COLUMNS = tuple(users.c[field.name] for field in fields(User))
_KEY_COLUMNS = (
    access_keys.c.access_key_id,
    access_keys.c.user_id,
    access_keys.c.sealed_secret,
    access_keys.c.active,
    access_keys.c.created_at,
    access_keys.c.last_used_at,
    access_keys.c.last_used_service,
    access_keys.c.last_used_region,
)
_KEY = select(*_KEY_COLUMNS).where(access_keys.c.access_key_id == bindparam("access_key_id"))
_USER = select(*_USER_COLUMNS).where(users.c.user_id == bindparam("user_id"))
_USER_NAMED = select(*_USER_COLUMNS).where(users.c.name == bindparam("name"))


class SqlIdentities:
    """`core.ports.people.identities.IdentityStore`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def add_user(self, user: User) -> None:
        """Insert a user; `ServiceError` EntityAlreadyExists (409) if the name is in use."""
        try:
            await self._connections.write(insert(users), asdict(user))
        except IntegrityError as error:
            raise _name_taken(user.name) from error

    async def get_user(self, user_id: str) -> User | None:
        """Return the user by id."""
        return _user(await self._connections.read(_USER, {"user_id": user_id}))

    async def user_named(self, name: str) -> User | None:
        """Return the user by name."""
        return _user(await self._connections.read(_USER_NAMED, {"name": name}))

    async def users(self) -> Sequence[User]:
        """Return all users by name."""
        return [User(*row) for row in await self._connections.list_rows(select(*_USER_COLUMNS).order_by(users.c.name))]

    async def page(self, path_prefix: str, after: str, limit: int) -> Sequence[User]:
        """Return up to `limit` users by name, starting after `after`, whose path begins with `path_prefix`."""
        statement, values = name_page(users, _USER_COLUMNS, path_prefix, after, limit)
        return [User(*row) for row in await self._connections.list_rows(statement, values)]

    async def count(self) -> int:
        """Return the number of users."""
        return int((await self._connections.list_rows(count(users)))[0][0])

    async def boundary_counts(self) -> Mapping[str, int]:
        """Return the number of users that each permissions boundary applies to, by ARN."""
        return {str(arn): int(number) for arn, number in await self._connections.list_rows(boundary_counts(users))}

    async def change_user(self, user_id: str, changes: UserChanges) -> bool:
        """Update the given members; `ServiceError` EntityAlreadyExists (409) if the name is in use."""
        values = {name: value for name, value in asdict(changes).items() if value is not None} or {"user_id": user_id}
        try:
            return await self._connections.write(update(users).where(users.c.user_id == user_id).values(values)) == 1
        except IntegrityError as error:
            raise _name_taken(str(changes.name)) from error

    async def bounded_by(self, arn: str) -> Sequence[User]:
        """Return the users with this permissions boundary, by name."""
        statement = select(*_USER_COLUMNS).where(users.c.boundary_arn == arn).order_by(users.c.name)
        return [User(*row) for row in await self._connections.list_rows(statement)]

    async def remove_user(self, user_id: str) -> bool:
        """Delete a user and their keys."""
        return await self._connections.write(delete(users).where(users.c.user_id == user_id)) == 1

    async def add_key(self, key: AccessKey) -> None:
        """Insert an access key."""
        values = {name: value for name, value in asdict(key).items() if name != "last_use"}
        await self._connections.write(insert(access_keys), values)

    async def get_key(self, access_key_id: str) -> AccessKey | None:
        """Return a key by its id."""
        rows = await self._connections.read(_KEY, {"access_key_id": access_key_id})
        return _key(rows[0]) if rows else None

    async def key_holder(self, access_key_id: str) -> KeyHolder | None:
        """Return a key with its user and everything that affects the user's permissions, in one read."""

        def run(read: Reader) -> KeyHolder | None:
            keys = read(_KEY, {"access_key_id": access_key_id})
            key = _key(keys[0]) if keys else None
            user = None if key is None else _user(read(_USER, {"user_id": key.user_id}))
            if key is None or user is None:
                return None
            policies = read(GRANTED, {"identity_id": user.user_id})
            tags = read(TAGS, {"resource_type": ResourceType.USER.value, "resource_ids": [user.user_id]})
            named = {name: value for _, name, value in tags}
            return KeyHolder(key, user, [GrantedPolicy(*row) for row in policies], named)

        return await self._connections.read_together(run)

    async def keys_of(self, user_id: str) -> Sequence[AccessKey]:
        """A user's keys, oldest first."""
        statement = (
            select(*_KEY_COLUMNS)
            .where(access_keys.c.user_id == user_id)
            .order_by(access_keys.c.created_at, access_keys.c.access_key_id)
        )
        return [_key(row) for row in await self._connections.read(statement)]

    async def keys_after(self, access_key_id: str, limit: int) -> Sequence[AccessKey]:
        """Return up to `limit` keys of all users, in order of id, starting after `access_key_id`, "" for the first."""
        following = select(*_KEY_COLUMNS).where(access_keys.c.access_key_id > access_key_id)
        statement = following.order_by(access_keys.c.access_key_id).limit(limit)
        return [_key(row) for row in await self._connections.read(statement)]

    async def reseal_key(self, access_key_id: str, sealed_before: bytes, sealed: bytes) -> bool:
        """Replace a key's encrypted secret if it still is `sealed_before`, atomically; False otherwise."""
        same = (access_keys.c.access_key_id == access_key_id) & (access_keys.c.sealed_secret == sealed_before)
        return await self._connections.write(update(access_keys).where(same).values(sealed_secret=sealed)) == 1

    async def set_key_active(self, access_key_id: str, *, active: bool) -> bool:
        """Enable or disable a key."""
        statement = update(access_keys).where(access_keys.c.access_key_id == access_key_id).values(active=active)
        return await self._connections.write(statement) == 1

    async def note_key_uses(self, uses: Mapping[str, LastKeyUse]) -> None:
        """Store when keys were last used, in one transaction; keys that do not exist are ignored."""
        await self._connections.write_all(
            *(
                update(access_keys)
                .where(access_keys.c.access_key_id == access_key_id)
                .values(last_used_at=use.at, last_used_service=use.service, last_used_region=use.region)
                for access_key_id, use in uses.items()
            )
        )

    async def remove_key(self, access_key_id: str) -> bool:
        """Delete a key."""
        statement = delete(access_keys).where(access_keys.c.access_key_id == access_key_id)
        return await self._connections.write(statement) == 1


def _user(rows: Sequence[Record]) -> User | None:
    return User(*rows[0]) if rows else None


def _key(row: Record) -> AccessKey:
    access_key_id, user_id, sealed_secret, active, created_at, used_at, service, region = row
    use = None if used_at is None else LastKeyUse(used_at, service, region)
    return AccessKey(access_key_id, user_id, sealed_secret, active, created_at, use)


def _name_taken(name: str) -> ServiceError:
    return ServiceError("EntityAlreadyExists", f"User with name {name} already exists.", status=409)
