"""Aliases of KMS keys in SQL. Every change is one statement."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, delete, exists, func, insert, literal, select, update
from sqlalchemy.exc import IntegrityError

from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis
from ferryman.model.kms import KeyAlias
from ferryman.store.connections import Connections
from ferryman.store.tables import kms_aliases, kms_keys

_COLUMNS = (kms_aliases.c.name, kms_aliases.c.key_id, kms_aliases.c.created_at, kms_aliases.c.updated_at)


class SqlKmsAliases:
    """`core.ports.kms.KmsAliasStore`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def add(self, alias: KeyAlias, most: int) -> bool:
        """See `KmsAliasStore`."""
        values = (alias.name, alias.key_id, alias.created_at, alias.updated_at)
        literals = [literal(value, column.type) for value, column in zip(values, _COLUMNS, strict=True)]
        row = select(*literals).where(*_room(alias.key_id, most))
        try:
            return await self._connections.write(insert(kms_aliases).from_select(_COLUMNS, row)) == 1
        except IntegrityError as error:
            raise ServiceError(
                "AlreadyExistsException", f"An alias with the name {alias.name} already exists"
            ) from error

    async def get(self, name: str) -> KeyAlias | None:
        """See `KmsAliasStore`."""
        rows = await self._connections.read(select(*_COLUMNS).where(kms_aliases.c.name == name))
        return KeyAlias(*rows[0]) if rows else None

    async def move(self, name: str, before: str, key_id: str, now: Millis, most: int) -> bool:
        """See `KmsAliasStore`."""
        moved = update(kms_aliases).where(*_is(name, before), *_room(key_id, most))
        return await self._connections.write(moved.values(key_id=key_id, updated_at=now)) == 1

    async def remove(self, name: str, key_id: str) -> bool:
        """See `KmsAliasStore`."""
        return await self._connections.write(delete(kms_aliases).where(*_is(name, key_id))) == 1

    async def page(self, key_id: str | None, after: str, limit: int) -> Sequence[KeyAlias]:
        """See `KmsAliasStore`."""
        statement = select(*_COLUMNS).where(kms_aliases.c.name > after).order_by(kms_aliases.c.name).limit(limit)
        if key_id is not None:
            statement = statement.where(kms_aliases.c.key_id == key_id)
        return [KeyAlias(*row) for row in await self._connections.list_rows(statement)]


def _is(name: str, key_id: str) -> list[ColumnElement[bool]]:
    return [kms_aliases.c.name == name, kms_aliases.c.key_id == key_id]


def _room(key_id: str, most: int) -> list[ColumnElement[bool]]:
    """The key exists, and another alias fits."""
    others = kms_aliases.alias()
    number = select(func.count()).select_from(others).where(others.c.key_id == key_id).scalar_subquery()
    return [number < most, exists(select(kms_keys.c.key_id).where(kms_keys.c.key_id == key_id))]
