"""Groups and their members in SQL. The foreign keys delete memberships with the group and with the user."""

from collections.abc import Sequence
from dataclasses import asdict, fields

from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from ferryman.model.errors import ServiceError
from ferryman.model.identity.groups import Group
from ferryman.model.identity.users import User
from ferryman.store.connections import Connections
from ferryman.store.iam.name_pages import MEMBERS, count, name_page
from ferryman.store.tables import group_members, groups, users

_GROUP_COLUMNS = tuple(groups.c[field.name] for field in fields(Group))
_USER_COLUMNS = tuple(users.c[field.name] for field in fields(User))


class SqlGroups:
    """`core.ports.people.iam.GroupStore`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def add(self, group: Group) -> None:
        """Insert a group; `ServiceError` EntityAlreadyExists (409) if the name is in use."""
        try:
            await self._connections.write(insert(groups), asdict(group))
        except IntegrityError as error:
            raise _name_taken(group.name) from error

    async def get(self, group_id: str) -> Group | None:
        """Return the group by id."""
        return await self._one(groups.c.group_id == group_id)

    async def named(self, name: str) -> Group | None:
        """Return the group by name."""
        return await self._one(groups.c.name == name)

    async def all(self) -> Sequence[Group]:
        """Return all groups by name."""
        statement = select(*_GROUP_COLUMNS).order_by(groups.c.name)
        return [Group(*row) for row in await self._connections.list_rows(statement)]

    async def page(self, path_prefix: str, after: str, limit: int) -> Sequence[Group]:
        """Return up to `limit` groups by name, starting after `after`, whose path begins with `path_prefix`."""
        statement, values = name_page(groups, _GROUP_COLUMNS, path_prefix, after, limit)
        return [Group(*row) for row in await self._connections.list_rows(statement, values)]

    async def count(self) -> int:
        """Return the number of groups."""
        return int((await self._connections.list_rows(count(groups)))[0][0])

    async def rename(self, group_id: str, name: str, path: str) -> bool:
        """Set name and path; `ServiceError` EntityAlreadyExists (409) if the name is in use."""
        statement = update(groups).where(groups.c.group_id == group_id).values(name=name, path=path)
        try:
            return await self._connections.write(statement) == 1
        except IntegrityError as error:
            raise _name_taken(name) from error

    async def remove(self, group_id: str) -> bool:
        """Delete a group without members; False if it does not exist."""
        members = select(group_members.c.user_id).where(group_members.c.group_id == group_id)
        return (
            await self._connections.write(delete(groups).where(groups.c.group_id == group_id, ~members.exists())) == 1
        )

    async def add_member(self, group_id: str, user_id: str) -> bool:
        """Add a user to a group; no effect if they are in it. False if either does not exist."""
        key = (group_members.c.group_id == group_id, group_members.c.user_id == user_id)
        add = insert(group_members).values(group_id=group_id, user_id=user_id)
        try:
            await self._connections.write_all(delete(group_members).where(*key), add)
        except IntegrityError:
            return False
        return True

    async def remove_member(self, group_id: str, user_id: str) -> bool:
        """Remove a user from a group; False if they were not in it."""
        key = (group_members.c.group_id == group_id, group_members.c.user_id == user_id)
        return await self._connections.write(delete(group_members).where(*key)) == 1

    async def members(self, group_id: str) -> Sequence[User]:
        """Return the members of a group, by name."""
        statement = (
            select(*_USER_COLUMNS)
            .join(group_members, group_members.c.user_id == users.c.user_id)
            .where(group_members.c.group_id == group_id)
            .order_by(users.c.name)
        )
        return [User(*row) for row in await self._connections.list_rows(statement)]

    async def members_page(self, group_id: str, after: str, limit: int) -> Sequence[User]:
        """Return up to `limit` members of a group, by name, starting after `after`."""
        values = {"group_id": group_id, "after": after, "page_limit": limit}
        return [User(*row) for row in await self._connections.list_rows(MEMBERS, values)]

    async def of(self, user_id: str) -> Sequence[Group]:
        """A user's groups, by name."""
        statement = (
            select(*_GROUP_COLUMNS)
            .join(group_members, group_members.c.group_id == groups.c.group_id)
            .where(group_members.c.user_id == user_id)
            .order_by(groups.c.name)
        )
        return [Group(*row) for row in await self._connections.read(statement)]

    async def _one(self, condition: ColumnElement[bool]) -> Group | None:
        rows = await self._connections.read(select(*_GROUP_COLUMNS).where(condition))
        return Group(*rows[0]) if rows else None


def _name_taken(name: str) -> ServiceError:
    return ServiceError("EntityAlreadyExists", f"Group with name {name} already exists.", status=409)
