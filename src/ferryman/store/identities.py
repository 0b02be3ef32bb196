"""Users and access keys in SQL. A user's keys go with the user, by the foreign key."""

from collections.abc import Sequence
from dataclasses import asdict, fields

from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from ferryman.model.callers import AccessKey, User
from ferryman.model.errors import ServiceError
from ferryman.store.connections import Connections
from ferryman.store.tables import access_keys, users

_USER_COLUMNS = tuple(users.c[field.name] for field in fields(User))
_KEY_COLUMNS = tuple(access_keys.c[field.name] for field in fields(AccessKey))


class SqlIdentities:
    """`core.ports.IdentityStore`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def add_user(self, user: User) -> None:
        """Insert a user; `ServiceError` EntityAlreadyExists (409) if the name is taken."""
        try:
            await self._connections.write(insert(users), asdict(user))
        except IntegrityError as error:
            raise ServiceError(
                "EntityAlreadyExists", f"User with name {user.name} already exists.", status=409
            ) from error

    async def get_user(self, user_id: str) -> User | None:
        """Return the user by id."""
        return await self._one_user(users.c.user_id == user_id)

    async def user_named(self, name: str) -> User | None:
        """Return the user by name."""
        return await self._one_user(users.c.name == name)

    async def users(self) -> Sequence[User]:
        """All users by name."""
        return [User(*row) for row in await self._connections.read(select(*_USER_COLUMNS).order_by(users.c.name))]

    async def remove_user(self, user_id: str) -> bool:
        """Delete a user and their keys."""
        return await self._connections.write(delete(users).where(users.c.user_id == user_id)) == 1

    async def add_key(self, key: AccessKey) -> None:
        """Insert an access key."""
        await self._connections.write(insert(access_keys), asdict(key))

    async def get_key(self, access_key_id: str) -> AccessKey | None:
        """Return a key by its id."""
        rows = await self._connections.read(select(*_KEY_COLUMNS).where(access_keys.c.access_key_id == access_key_id))
        return AccessKey(*rows[0]) if rows else None

    async def keys_of(self, user_id: str) -> Sequence[AccessKey]:
        """A user's keys, oldest first."""
        statement = (
            select(*_KEY_COLUMNS)
            .where(access_keys.c.user_id == user_id)
            .order_by(access_keys.c.created_at, access_keys.c.access_key_id)
        )
        return [AccessKey(*row) for row in await self._connections.read(statement)]

    async def set_key_active(self, access_key_id: str, *, active: bool) -> bool:
        """Enable or disable a key."""
        statement = update(access_keys).where(access_keys.c.access_key_id == access_key_id).values(active=active)
        return await self._connections.write(statement) == 1

    async def remove_key(self, access_key_id: str) -> bool:
        """Delete a key."""
        statement = delete(access_keys).where(access_keys.c.access_key_id == access_key_id)
        return await self._connections.write(statement) == 1

    async def _one_user(self, condition: ColumnElement[bool]) -> User | None:
        rows = await self._connections.read(select(*_USER_COLUMNS).where(condition))
        return User(*rows[0]) if rows else None
