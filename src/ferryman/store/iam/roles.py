"""Roles and OpenID Connect providers in SQL."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from ferryman.model.errors import ServiceError
from ferryman.model.identity.roles import IamRole, OidcProvider, RoleChanges
from ferryman.store.connections import Connections, Record
from ferryman.store.iam.name_pages import boundary_counts, count, name_page
from ferryman.store.tables import oidc_providers, roles

_ROLE_COLUMNS = tuple(roles.c[field.name] for field in fields(IamRole))
_ROLE = select(*_ROLE_COLUMNS).where(roles.c.role_id == bindparam("role_id"))
_ROLE_NAMED = select(*_ROLE_COLUMNS).where(roles.c.name == bindparam("name"))
_PROVIDER_COLUMNS = (
    oidc_providers.c.url,
    oidc_providers.c.client_ids,
    oidc_providers.c.thumbprints,
    oidc_providers.c.created_at,
)


class SqlRoles:
    """`core.ports.people.iam.RoleStore`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def add(self, role: IamRole) -> None:
        """Insert a role; `ServiceError` EntityAlreadyExists (409) if the name is in use."""
        try:
            await self._connections.write(insert(roles), _columns(role))
        except IntegrityError as error:
            message = f"Role with name {role.name} already exists."
            raise ServiceError("EntityAlreadyExists", message, status=409) from error

    async def get(self, role_id: str) -> IamRole | None:
        """Return the role by id."""
        return _first_role(await self._connections.read(_ROLE, {"role_id": role_id}))

    async def named(self, name: str) -> IamRole | None:
        """Return the role by name."""
        return _first_role(await self._connections.read(_ROLE_NAMED, {"name": name}))

    async def all(self) -> Sequence[IamRole]:
        """All roles by name."""
        statement = select(*_ROLE_COLUMNS).order_by(roles.c.name)
        return [_role(row) for row in await self._connections.list_rows(statement)]

    async def page(self, path_prefix: str, after: str, limit: int) -> Sequence[IamRole]:
        """Return up to `limit` roles by name, starting after `after`, whose path begins with `path_prefix`."""
        statement, values = name_page(roles, _ROLE_COLUMNS, path_prefix, after, limit)
        return [_role(row) for row in await self._connections.list_rows(statement, values)]

    async def count(self) -> int:
        """Return the number of roles."""
        return int((await self._connections.list_rows(count(roles)))[0][0])

    async def boundary_counts(self) -> Mapping[str, int]:
        """How many roles each policy is the permissions boundary of, by ARN; those that bound one only."""
        return {str(arn): int(number) for arn, number in await self._connections.list_rows(boundary_counts(roles))}

    async def change(self, role_id: str, changes: RoleChanges) -> bool:
        """Update the given members; False if the role does not exist."""
        values = _columns(changes)
        if not values:
            return await self.get(role_id) is not None
        values = values or {"role_id": role_id}
        return await self._connections.write(update(roles).where(roles.c.role_id == role_id).values(values)) == 1

    async def remove(self, role_id: str) -> bool:
        """Delete a role; False if there is none."""
        return await self._connections.write(delete(roles).where(roles.c.role_id == role_id)) == 1


class SqlOidcProviders:
    """`core.ports.people.iam.OidcProviderStore`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def add(self, provider: OidcProvider) -> None:
        """Insert a provider; `ServiceError` EntityAlreadyExists (409) if the name is in use."""
        try:
            await self._connections.write(insert(oidc_providers), {"name": provider.name, **_values(provider)})
        except IntegrityError as error:
            message = f"Provider with url {provider.url} already exists."
            raise ServiceError("EntityAlreadyExists", message, status=409) from error

    async def named(self, name: str) -> OidcProvider | None:
        """Return the provider by name: its URL without the scheme."""
        rows = await self._connections.read(select(*_PROVIDER_COLUMNS).where(oidc_providers.c.name == name))
        return _provider(rows[0]) if rows else None

    async def all(self) -> Sequence[OidcProvider]:
        """All providers by name."""
        statement = select(*_PROVIDER_COLUMNS).order_by(oidc_providers.c.name)
        return [_provider(row) for row in await self._connections.list_rows(statement)]

    async def replace(self, old: OidcProvider, new: OidcProvider) -> bool:
        """Make a provider `new` if it is still `old`; False otherwise."""
        was = [oidc_providers.c[name] == value for name, value in _values(old).items()]
        statement = update(oidc_providers).where(oidc_providers.c.name == old.name, *was).values(_values(new))
        return await self._connections.write(statement) == 1

    async def remove(self, name: str) -> bool:
        """Delete a provider; False if there is none."""
        return await self._connections.write(delete(oidc_providers).where(oidc_providers.c.name == name)) == 1


def _columns(given: IamRole | RoleChanges) -> dict[str, object]:
    values: dict[str, object] = {name: value for name, value in asdict(given).items() if value is not None}
    if given.principal_ids is not None:
        values["principal_ids"] = "\n".join(f"{arn} {identity_id}" for arn, identity_id in given.principal_ids.items())
    return values


def _first_role(rows: Sequence[Record]) -> IamRole | None:
    return _role(rows[0]) if rows else None


def _role(row: Record) -> IamRole:
    members = dict(zip((field.name for field in fields(IamRole)), row, strict=True))
    members["principal_ids"] = dict(line.split(" ") for line in members["principal_ids"].splitlines())
    return IamRole(**members)


def _values(provider: OidcProvider) -> dict[str, object]:
    return {
        "url": provider.url,
        "client_ids": "\n".join(provider.client_ids),
        "thumbprints": "\n".join(provider.thumbprints),
        "created_at": provider.created_at,
    }


def _provider(row: Record) -> OidcProvider:
    url, client_ids, thumbprints, created_at = row
    return OidcProvider(url, tuple(client_ids.splitlines()), tuple(thumbprints.splitlines()), created_at)
