"""Invitations in SQL. The foreign key deletes a user's invitations with the user."""

from collections.abc import Sequence
from dataclasses import asdict, fields

from sqlalchemy import delete, exists, func, insert, literal, select

from ferryman.model.identifiers import Millis
from ferryman.model.identity.invitations import Invitation
from ferryman.model.identity.users import AccessKey
from ferryman.store.connections import Connections
from ferryman.store.tables import access_keys, invitations

_COLUMNS = tuple(invitations.c[field.name] for field in fields(Invitation))


class SqlInvitations:
    """`core.ports.people.invitations.InvitationStore`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def add(self, invitation: Invitation) -> None:
        """Insert an invitation, and delete those of its user that had expired when it was created."""
        expired = delete(invitations).where(
            invitations.c.user_id == invitation.user_id, invitations.c.expires_at <= invitation.created_at
        )
        await self._connections.write_all(expired, insert(invitations).values(asdict(invitation)))

    async def get(self, invitation_id: str) -> Invitation | None:
        """Return an invitation, also an expired one."""
        rows = await self._connections.read(select(*_COLUMNS).where(invitations.c.invitation_id == invitation_id))
        return Invitation(*rows[0]) if rows else None

    async def of(self, user_id: str) -> Sequence[Invitation]:
        """Return a user's invitations, newest first, also expired ones."""
        order = (invitations.c.created_at.desc(), invitations.c.invitation_id)
        statement = select(*_COLUMNS).where(invitations.c.user_id == user_id).order_by(*order)
        return [Invitation(*row) for row in await self._connections.list_rows(statement)]

    async def redeem(self, invitation_id: str, now: Millis, key: AccessKey, most_keys: int) -> bool:
        """Delete an invitation that has not expired and insert the key, as one change.

        False if it is not there, or the user has `most_keys` already; then the invitation stays.
        """
        valid = (invitations.c.invitation_id == invitation_id, invitations.c.expires_at > now)
        values = {name: value for name, value in asdict(key).items() if name != "last_use"}
        columns = [access_keys.c[name] for name in values]
        # The key is inserted only while the invitation is there; the deletion ends that, in the same transaction.
        number = select(func.count()).select_from(access_keys).where(access_keys.c.user_id == key.user_id)
        has_room = number.scalar_subquery() < most_keys
        inserted = insert(access_keys).from_select(
            columns,
            select(
                *(literal(value, column.type) for value, column in zip(values.values(), columns, strict=True))
            ).where(exists().where(*valid), has_room),
        )
        was_inserted = exists().where(access_keys.c.access_key_id == key.access_key_id)
        deleted = delete(invitations).where(invitations.c.invitation_id == invitation_id, was_inserted)
        return (await self._connections.write_all(inserted, deleted))[0] == 1

    async def remove(self, invitation_id: str, user_id: str) -> bool:
        """Delete an invitation of a user; False if there is none."""
        statement = delete(invitations).where(
            invitations.c.invitation_id == invitation_id, invitations.c.user_id == user_id
        )
        return await self._connections.write(statement) == 1
