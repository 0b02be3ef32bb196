"""Inline policies, managed policies with their versions, and attachments, in SQL."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import (
    CompoundSelect,
    Delete,
    Text,
    and_,
    bindparam,
    delete,
    func,
    insert,
    literal,
    null,
    select,
    union_all,
    update,
)
from sqlalchemy.exc import IntegrityError

from ferryman.core.ports.people.iam import GrantedPolicy
from ferryman.model.errors import ServiceError
from ferryman.model.identity.policies import ManagedPolicy, PolicyVersion
from ferryman.store.connections import Connections
from ferryman.store.tables import (
    group_members,
    inline_policies,
    managed_policies,
    policy_attachments,
    policy_versions,
    roles,
    users,
)

_POLICY_COLUMNS = tuple(managed_policies.c[field.name] for field in fields(ManagedPolicy))
_BUILT_IN = "arn:aws:iam::aws:"
_VERSION_COLUMNS = tuple(policy_versions.c[field.name] for field in fields(PolicyVersion))
_POLICY = select(*_POLICY_COLUMNS).where(managed_policies.c.arn == bindparam("arn"))
_VERSIONS = (
    select(*_VERSION_COLUMNS)
    .where(policy_versions.c.arn == bindparam("arn"))
    .order_by(policy_versions.c.version.desc())
)


def _granted() -> CompoundSelect[Any]:
    """Return the SELECT of all policies of an identity and of its groups, by `identity_id`."""
    owners = union_all(
        select(bindparam("identity_id", type_=Text).label("owner_id")),
        select(group_members.c.group_id).where(group_members.c.user_id == bindparam("identity_id")),
    ).subquery()
    inline = select(
        inline_policies.c.owner_id, inline_policies.c.name, null().cast(Text).label("arn"), inline_policies.c.text
    ).join(owners, owners.c.owner_id == inline_policies.c.owner_id)
    default = and_(
        policy_versions.c.arn == managed_policies.c.arn,
        policy_versions.c.version == managed_policies.c.default_version,
    )
    attached = (
        select(policy_attachments.c.owner_id, null().cast(Text), policy_attachments.c.arn, policy_versions.c.text)
        .join(owners, owners.c.owner_id == policy_attachments.c.owner_id)
        .outerjoin(managed_policies, managed_policies.c.arn == policy_attachments.c.arn)
        .outerjoin(policy_versions, default)
    )
    return union_all(inline, attached)


GRANTED = _granted()
"""All policies of an identity and of its groups: `identity_id`."""


class SqlPolicies:
    """`core.ports.people.iam.PolicyStore`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def granted(self, identity_id: str) -> Sequence[GrantedPolicy]:
        """Return all policies of an identity and of its groups."""
        rows = await self._connections.read(GRANTED, {"identity_id": identity_id})
        return [GrantedPolicy(*row) for row in rows]

    async def put_inline(self, owner_id: str, name: str, text: str) -> None:
        """Set an inline policy."""
        key = {"owner_id": owner_id, "name": name}
        await self._connections.write_all(_inline(owner_id, name), insert(inline_policies).values(**key, text=text))

    async def inline(self, owner_id: str) -> Sequence[tuple[str, str]]:
        """Return an owner's inline policies by name, with their text."""
        statement = (
            select(inline_policies.c.name, inline_policies.c.text)
            .where(inline_policies.c.owner_id == owner_id)
            .order_by(inline_policies.c.name)
        )
        return [(name, text) for name, text in await self._connections.read(statement)]

    async def remove_inline(self, owner_id: str, name: str) -> bool:
        """Delete an inline policy."""
        return await self._connections.write(_inline(owner_id, name)) == 1

    async def attach(self, owner_id: str, arn: str) -> bool:
        """Attach a policy; no effect if it is attached. False if it is neither built in nor in the store."""
        known = select(managed_policies.c.arn).where(managed_policies.c.arn == arn).exists()
        there = literal(arn).startswith(_BUILT_IN, autoescape=True) | known
        attach = insert(policy_attachments).from_select(
            ["owner_id", "arn"], select(literal(owner_id), literal(arn)).where(there)
        )
        return (await self._connections.write_all(_attachment(owner_id, arn), attach))[1] == 1

    async def detach(self, owner_id: str, arn: str) -> bool:
        """Detach a policy."""
        return await self._connections.write(_attachment(owner_id, arn)) == 1

    async def attached(self, owner_id: str) -> Sequence[str]:
        """Return the ARNs of the attached policies, in order."""
        statement = (
            select(policy_attachments.c.arn)
            .where(policy_attachments.c.owner_id == owner_id)
            .order_by(policy_attachments.c.arn)
        )
        return [arn for (arn,) in await self._connections.read(statement)]

    async def holders(self, arn: str) -> Sequence[str]:
        """Return the ids of the identities and groups that the policy is attached to."""
        statement = select(policy_attachments.c.owner_id).where(policy_attachments.c.arn == arn)
        return [owner_id for (owner_id,) in await self._connections.list_rows(statement)]

    async def attachment_counts(self) -> Mapping[str, int]:
        """Return the number of attachments of each attached policy, by ARN."""
        statement = select(policy_attachments.c.arn, func.count()).group_by(policy_attachments.c.arn)
        return {str(arn): int(count) for arn, count in await self._connections.list_rows(statement)}

    async def forget(self, owner_id: str) -> None:
        """Delete an owner's inline policies and attachments."""
        await self._connections.write_all(
            delete(inline_policies).where(inline_policies.c.owner_id == owner_id),
            delete(policy_attachments).where(policy_attachments.c.owner_id == owner_id),
        )

    async def add(self, policy: ManagedPolicy, text: str) -> None:
        """Insert a managed policy with its first version; `ServiceError` EntityAlreadyExists (409)."""
        version = PolicyVersion(policy.arn, policy.default_version, text, policy.created_at)
        try:
            await self._connections.write_all(
                insert(managed_policies).values(asdict(policy)), insert(policy_versions).values(asdict(version))
            )
        except IntegrityError as error:
            message = f"A policy called {policy.name} already exists. Duplicate names are not allowed."
            raise ServiceError("EntityAlreadyExists", message, status=409) from error

    async def get(self, arn: str) -> ManagedPolicy | None:
        """Return a managed policy."""
        rows = await self._connections.read(_POLICY, {"arn": arn})
        return ManagedPolicy(*rows[0]) if rows else None

    async def all(self) -> Sequence[ManagedPolicy]:
        """Return all managed policies of the account by name."""
        statement = select(*_POLICY_COLUMNS).order_by(managed_policies.c.name)
        return [ManagedPolicy(*row) for row in await self._connections.list_rows(statement)]

    async def remove(self, arn: str) -> bool:
        """Delete a managed policy and its versions, unless it is attached or a boundary."""
        used = [
            select(policy_attachments.c.arn).where(policy_attachments.c.arn == arn).exists(),
            *(select(each.c.name).where(each.c.boundary_arn == arn).exists() for each in (users, roles)),
        ]
        unused = [~each for each in used]
        return (
            await self._connections.write(delete(managed_policies).where(managed_policies.c.arn == arn, *unused)) == 1
        )

    async def add_version(self, version: PolicyVersion, *, is_default: bool) -> bool:
        """Insert the next version; False if that number is taken."""
        values: dict[str, object] = {"latest_version": version.version, "updated_at": version.created_at}
        if is_default:
            values["default_version"] = version.version
        try:
            await self._connections.write_all(
                insert(policy_versions).values(asdict(version)),
                update(managed_policies).where(managed_policies.c.arn == version.arn).values(values),
            )
        except IntegrityError:
            return False
        return True

    async def versions(self, arn: str) -> Sequence[PolicyVersion]:
        """A policy's versions, newest first."""
        return [PolicyVersion(*row) for row in await self._connections.read(_VERSIONS, {"arn": arn})]

    async def set_default(self, arn: str, version: int) -> bool:
        """Make a version the default; False if it does not exist."""
        known = select(policy_versions.c.version).where(
            policy_versions.c.arn == arn, policy_versions.c.version == version
        )
        statement = update(managed_policies).where(managed_policies.c.arn == arn, known.exists())
        return await self._connections.write(statement.values(default_version=version)) == 1

    async def remove_version(self, arn: str, version: int) -> bool:
        """Delete a version; False if it is the default or does not exist."""
        default = select(managed_policies.c.default_version).where(managed_policies.c.arn == arn).scalar_subquery()
        statement = delete(policy_versions).where(
            policy_versions.c.arn == arn, policy_versions.c.version == version, policy_versions.c.version != default
        )
        return await self._connections.write(statement) == 1


def _inline(owner_id: str, name: str) -> Delete:
    return delete(inline_policies).where(inline_policies.c.owner_id == owner_id, inline_policies.c.name == name)


def _attachment(owner_id: str, arn: str) -> Delete:
    return delete(policy_attachments).where(policy_attachments.c.owner_id == owner_id, policy_attachments.c.arn == arn)
