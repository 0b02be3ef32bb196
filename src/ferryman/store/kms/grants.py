"""Grants of KMS keys in SQL. Every change is one statement."""

from collections.abc import Collection, Sequence

from sqlalchemy import delete, exists, func, insert, literal, select

from ferryman.model.kms import KeyGrant
from ferryman.store.connections import Connections
from ferryman.store.kms.rows import GRANT_COLUMNS, grant_of, grant_values
from ferryman.store.tables import kms_grants, kms_keys


class SqlKmsGrants:
    """`core.ports.kms.KmsGrantStore`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def add(self, grant: KeyGrant, most: int, most_to_one: int) -> bool:
        """See `KmsGrantStore`."""
        values = grant_values(grant)
        columns = [kms_grants.c[name] for name in values]
        literals = [literal(value, column.type) for value, column in zip(values.values(), columns, strict=True)]
        number = select(func.count()).select_from(kms_grants).where(kms_grants.c.key_id == grant.key_id)
        key = exists(select(kms_keys.c.key_id).where(kms_keys.c.key_id == grant.key_id))
        to_one = number.where(kms_grants.c.grantee == grant.grantee)
        room = (number.scalar_subquery() < most, to_one.scalar_subquery() < most_to_one)
        row = select(*literals).where(key, *room)
        return await self._connections.write(insert(kms_grants).from_select(columns, row)) == 1

    async def get(self, grant_id: str) -> KeyGrant | None:
        """See `KmsGrantStore`."""
        rows = await self._connections.read(select(*GRANT_COLUMNS).where(kms_grants.c.grant_id == grant_id))
        return grant_of(rows[0]) if rows else None

    async def to(self, key_id: str, grantees: Collection[str]) -> Sequence[KeyGrant]:
        """See `KmsGrantStore`."""
        own = (kms_grants.c.key_id == key_id, kms_grants.c.grantee.in_(sorted(grantees)))
        statement = select(*GRANT_COLUMNS).where(*own).order_by(kms_grants.c.grant_id)
        return [grant_of(row) for row in await self._connections.read(statement)]

    async def page(self, key_id: str, grantee: str | None, after: str, limit: int) -> Sequence[KeyGrant]:
        """See `KmsGrantStore`."""
        statement = (
            select(*GRANT_COLUMNS)
            .where(kms_grants.c.key_id == key_id, kms_grants.c.grant_id > after)
            .order_by(kms_grants.c.grant_id)
            .limit(limit)
        )
        if grantee is not None:
            statement = statement.where(kms_grants.c.grantee == grantee)
        return [grant_of(row) for row in await self._connections.list_rows(statement)]

    async def remove(self, grant_id: str) -> bool:
        """See `KmsGrantStore`."""
        return await self._connections.write(delete(kms_grants).where(kms_grants.c.grant_id == grant_id)) == 1
