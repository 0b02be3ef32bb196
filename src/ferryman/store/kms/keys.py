"""KMS keys and their generations in SQL. Everything that a call needs about a key is read in one trip to a thread."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Executable,
    Integer,
    String,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal,
    select,
    tuple_,
    update,
)
from sqlalchemy.exc import IntegrityError

from ferryman.model.identifiers import Millis
from ferryman.model.kms import ALIAS_PREFIX, FoundKey, KeyGeneration, KeyState, KmsKey
from ferryman.model.tags import ResourceType
from ferryman.store.connections import Connections, Reader
from ferryman.store.kms.rows import (
    GENERATION_COLUMNS,
    KEY_COLUMNS,
    generation_of,
    generation_values,
    key_of,
    key_values,
)
from ferryman.store.tables import kms_aliases, kms_key_generations, kms_keys, tags

_NAME = bindparam("name", type_=String)
_IS_GENERATION = and_(
    kms_key_generations.c.key_id == kms_keys.c.key_id,
    kms_key_generations.c.generation == func.coalesce(bindparam("generation", type_=Integer), kms_keys.c.generation),
)
_WITH_GENERATION = select(*KEY_COLUMNS, *GENERATION_COLUMNS).outerjoin(kms_key_generations, _IS_GENERATION)
_BY_ID = _WITH_GENERATION.where(kms_keys.c.key_id == _NAME)
_BY_ALIAS = _WITH_GENERATION.where(
    kms_keys.c.key_id == select(kms_aliases.c.key_id).where(kms_aliases.c.name == _NAME).scalar_subquery()
)
_KEY_ID = bindparam("key_id", type_=String)
_NAMES = (
    select(literal("alias"), kms_aliases.c.name, literal(""))
    .where(kms_aliases.c.key_id == _KEY_ID)
    .union_all(
        select(literal("tag"), tags.c.key, tags.c.value).where(
            tags.c.resource_type == ResourceType.KMS_KEY.value, tags.c.resource_id == _KEY_ID
        )
    )
)
"""The aliases and the tags of a key."""


class SqlKmsKeys:
    """`core.ports.kms.KmsKeyStore`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def add(self, key: KmsKey, generation: KeyGeneration, most: int) -> bool:
        """See `KmsKeyStore`."""
        values = key_values(key)
        columns = [kms_keys.c[name] for name in values]
        literals = [literal(value, column.type) for value, column in zip(values.values(), columns, strict=True)]
        room = select(func.count()).select_from(kms_keys).scalar_subquery() < most
        inserted = insert(kms_keys).from_select(columns, select(*literals).where(room))
        first = _insert_generation(key.key_id, generation, exists().where(kms_keys.c.key_id == key.key_id))
        return (await self._connections.write_all(inserted, first))[0] == 1

    async def find(self, name: str, generation: int | None = None) -> FoundKey | None:
        """See `KmsKeyStore`."""
        statement = _BY_ALIAS if name.startswith(ALIAS_PREFIX) else _BY_ID

        def run(read: Reader) -> FoundKey | None:
            rows = read(statement, {"name": name, "generation": generation})
            if not rows:
                return None
            key, of_generation = key_of(rows[0]), rows[0][len(KEY_COLUMNS) :]
            names = read(_NAMES, {"key_id": key.key_id})
            return FoundKey(
                key,
                None if of_generation[0] is None else generation_of(of_generation),
                tuple(sorted(str(each) for kind, each, _ in names if kind == "alias")),
                {str(each): str(value) for kind, each, value in names if kind == "tag"},
            )

        return await self._connections.read_together(run)

    async def page(self, after: str, limit: int) -> Sequence[str]:
        """See `KmsKeyStore`."""
        statement = select(kms_keys.c.key_id).where(kms_keys.c.key_id > after).order_by(kms_keys.c.key_id).limit(limit)
        return [str(key_id) for (key_id,) in await self._connections.list_rows(statement)]

    async def change(self, key: KmsKey, to: KmsKey) -> bool:
        """See `KmsKeyStore`."""
        values = {name: value for name, value in key_values(to).items() if name not in ("key_id", "generation")}
        return await self._connections.write(update(kms_keys).where(*_is(key)).values(values)) == 1

    async def rotate(self, key: KmsKey, generation: KeyGeneration, next_rotation_at: Millis | None) -> bool:
        """See `KmsKeyStore`."""
        unchanged = (
            kms_keys.c.key_id == key.key_id,
            kms_keys.c.generation == generation.generation - 1,
            kms_keys.c.state == KeyState.ENABLED.value,
        )
        added = _insert_generation(key.key_id, generation, exists().where(*unchanged))
        newest = update(kms_keys).where(*unchanged)
        counted = newest.values(generation=generation.generation, next_rotation_at=next_rotation_at)
        try:
            return (await self._connections.write_all(added, counted))[1] == 1
        except IntegrityError:  # another rotation was faster by so little that both saw the older generation
            return False

    async def generations(self, key_id: str) -> Sequence[KeyGeneration]:
        """See `KmsKeyStore`."""
        table = kms_key_generations
        statement = select(*GENERATION_COLUMNS).where(table.c.key_id == key_id).order_by(table.c.generation)
        return [generation_of(row) for row in await self._connections.list_rows(statement)]

    async def due_for_deletion(self, now: Millis, limit: int) -> Sequence[KmsKey]:
        """See `KmsKeyStore`."""
        is_due = (kms_keys.c.deletion_at <= now, kms_keys.c.state == KeyState.PENDING_DELETION.value)
        return await self._due(kms_keys.c.deletion_at, limit, *is_due)

    async def due_for_rotation(self, now: Millis, limit: int) -> Sequence[KmsKey]:
        """See `KmsKeyStore`."""
        is_due = (kms_keys.c.next_rotation_at <= now, kms_keys.c.state == KeyState.ENABLED.value)
        return await self._due(kms_keys.c.next_rotation_at, limit, *is_due)

    async def delete(self, key: KmsKey) -> bool:
        """See `KmsKeyStore`."""
        of_key = (tags.c.resource_type == ResourceType.KMS_KEY.value, tags.c.resource_id == key.key_id)
        statements: tuple[Executable, ...] = (
            delete(tags).where(*of_key, exists().where(*_is(key))),
            delete(kms_keys).where(*_is(key)),
        )
        return (await self._connections.write_all(*statements))[1] == 1

    async def generations_after(self, after: tuple[str, int], limit: int) -> Sequence[tuple[str, KeyGeneration]]:
        """See `KmsKeyStore`."""
        table = kms_key_generations
        place = (table.c.key_id, table.c.generation)
        statement = (
            select(table.c.key_id, *GENERATION_COLUMNS).where(tuple_(*place) > after).order_by(*place).limit(limit)
        )
        return [(str(row[0]), generation_of(row[1:])) for row in await self._connections.list_rows(statement)]

    async def reseal(self, key_id: str, generation: int, before: bytes, after: bytes) -> bool:
        """See `KmsKeyStore`."""
        table = kms_key_generations
        same = (table.c.key_id == key_id, table.c.generation == generation, table.c.sealed == before)
        return await self._connections.write(update(table).where(*same).values(sealed=after)) == 1

    async def _due(self, order: "ColumnElement[Any]", limit: int, *which: "ColumnElement[bool]") -> Sequence[KmsKey]:
        statement = select(*KEY_COLUMNS).where(*which).order_by(order).limit(limit)
        return [key_of(row) for row in await self._connections.read(statement)]


def _is(key: KmsKey) -> list["ColumnElement[bool]"]:
    return [kms_keys.c[name].is_not_distinct_from(value) for name, value in key_values(key).items()]


def _insert_generation(key_id: str, generation: KeyGeneration, if_true: "ColumnElement[bool]") -> Executable:
    values = generation_values(key_id, generation)
    columns = [kms_key_generations.c[name] for name in values]
    literals = [literal(value, column.type) for value, column in zip(values.values(), columns, strict=True)]
    return insert(kms_key_generations).from_select(columns, select(*literals).where(if_true))
