"""Tags of resources in SQL."""

from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, Select, bindparam, delete, select

from ferryman.model.tags import ResourceType, check_together
from ferryman.store.connections import Connections, Record
from ferryman.store.tables import tags

TAGS = (
    select(tags.c.resource_id, tags.c.key, tags.c.value)
    .where(
        tags.c.resource_type == bindparam("resource_type"),
        tags.c.resource_id.in_(bindparam("resource_ids", expanding=True)),
    )
    .order_by(tags.c.key)
)
"""The tags of resources of one type: `resource_type`, `resource_ids`."""


def tagged_page_statement(
    resource_type: ResourceType, filters: Sequence[tuple[str, Sequence[str]]], after: str, limit: int
) -> Select[tuple[str]]:
    """Return the statement of `SqlTags.page`."""
    wanted: list[ColumnElement[bool]] = []
    for key, values in filters:
        having = [tags.c.resource_type == resource_type.value, tags.c.key == key]
        if values:
            having.append(tags.c.value.in_(values))
        wanted.append(tags.c.resource_id.in_(select(tags.c.resource_id).where(*having)))
    own = (tags.c.resource_type == resource_type.value, tags.c.resource_id > after)
    return select(tags.c.resource_id).where(*own, *wanted).distinct().order_by(tags.c.resource_id).limit(limit)


class SqlTags:
    """`core.ports.documents.TagStore`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def put(self, resource_type: ResourceType, resource_id: str, given: Mapping[str, str]) -> None:
        """Set these tags, at least one; others stay. Raises AlikeTagKeys, TooManyTags, and then sets none."""
        statement = self._connections.insert(tags).values(
            [
                {"resource_type": resource_type.value, "resource_id": resource_id, "key": key, "value": value}
                for key, value in given.items()
            ]
        )
        replaced = statement.on_conflict_do_update(
            index_elements=[tags.c.resource_type, tags.c.resource_id, tags.c.key],
            set_={"value": statement.excluded.value},
        )
        present = select(tags.c.key, tags.c.value).where(
            tags.c.resource_type == resource_type.value, tags.c.resource_id == resource_id
        )

        def check(rows: Sequence[Record]) -> None:
            check_together(given, {str(key): str(value) for key, value in rows})

        await self._connections.write_checked(present, check, replaced)

    async def of(self, resource_type: ResourceType, resource_ids: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """Return the tags of each of these resources that has any, keys in order."""
        values = {"resource_type": resource_type.value, "resource_ids": list(resource_ids)}
        found: dict[str, dict[str, str]] = {}
        for resource_id, key, value in await self._connections.read(TAGS, values):
            found.setdefault(resource_id, {})[key] = value
        return found

    async def page(
        self, resource_type: ResourceType, filters: Sequence[tuple[str, Sequence[str]]], after: str, limit: int
    ) -> Sequence[str]:
        """Return up to `limit` ids of tagged resources, in order, after `after`; `filters` are (key, values)."""
        rows = await self._connections.list_rows(tagged_page_statement(resource_type, filters, after, limit))
        return [str(resource_id) for (resource_id,) in rows]

    async def remove(self, resource_type: ResourceType, resource_id: str, keys: Sequence[str] | None = None) -> None:
        """Delete the tags with these keys; None for all."""
        statement = delete(tags).where(tags.c.resource_type == resource_type.value, tags.c.resource_id == resource_id)
        if keys is not None:
            statement = statement.where(tags.c.key.in_(keys))
        await self._connections.write(statement)
