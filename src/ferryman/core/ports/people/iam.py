"""The ports through which use cases read and write IAM's resources other than users and keys."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ferryman.model.identity.groups import Group
from ferryman.model.identity.policies import ManagedPolicy, PolicyVersion
from ferryman.model.identity.roles import IamRole, OidcProvider, RoleChanges
from ferryman.model.identity.users import AccessKey, User


@dataclass(frozen=True, slots=True)
class GrantedPolicy:
    """A policy of an identity or of one of its groups, `owner_id`.

    Inline: `name` and `text`. Attached: `arn`, and `text` of its default version, None if the store does not have it.
    """

    owner_id: str
    name: str | None
    arn: str | None
    text: str | None


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """An access key with its user, and the user's policies and tags: what authenticating a call reads."""

    key: AccessKey
    user: User
    policies: Sequence[GrantedPolicy]
    tags: Mapping[str, str]


class PolicyStore(Protocol):
    """Policies and their holders. Owners are ids of users, groups and roles; every change is atomic."""

    async def granted(self, identity_id: str) -> Sequence[GrantedPolicy]:
        """Return all policies of an identity and of its groups."""

    async def put_inline(self, owner_id: str, name: str, text: str) -> None:
        """Set an inline policy."""

    async def inline(self, owner_id: str) -> Sequence[tuple[str, str]]:
        """Return an owner's inline policies by name, with their text."""

    async def remove_inline(self, owner_id: str, name: str) -> bool:
        """Delete an inline policy; False if there is none."""

    async def attach(self, owner_id: str, arn: str) -> bool:
        """Attach a policy; no effect if it is attached. False if it is neither built in nor in the store."""

    async def detach(self, owner_id: str, arn: str) -> bool:
        """Detach a policy; False if it was not attached."""

    async def attached(self, owner_id: str) -> Sequence[str]:
        """Return the ARNs of the attached policies, in order."""

    async def holders(self, arn: str) -> Sequence[str]:
        """Return the ids of the holders that a policy is attached to."""

    async def attachment_counts(self) -> Mapping[str, int]:
        """Return how many holders each policy is attached to, by ARN; unattached policies are left out."""

    async def forget(self, owner_id: str) -> None:
        """Delete an owner's inline policies and attachments."""

    async def add(self, policy: ManagedPolicy, text: str) -> None:
        """Insert a managed policy with its first version; `ServiceError` EntityAlreadyExists (409)."""

    async def get(self, arn: str) -> ManagedPolicy | None:
        """Return a managed policy of the account."""

    async def all(self) -> Sequence[ManagedPolicy]:
        """Return all managed policies of the account by name."""

    async def remove(self, arn: str) -> bool:
        """Delete a managed policy and its versions; False if there is none, or it is attached or a boundary."""

    async def add_version(self, version: PolicyVersion, *, is_default: bool) -> bool:
        """Insert the next version; False if that number is taken, or there is no such policy."""

    async def versions(self, arn: str) -> Sequence[PolicyVersion]:
        """Return a policy's versions, newest first."""

    async def set_default(self, arn: str, version: int) -> bool:
        """Make a version the default; False if it does not exist."""

    async def remove_version(self, arn: str, version: int) -> bool:
        """Delete a version; False if it is the default or there is none."""


class RoleStore(Protocol):
    """Roles."""

    async def add(self, role: IamRole) -> None:
        """Insert a role; `ServiceError` EntityAlreadyExists (409) if the name is taken."""

    async def get(self, role_id: str) -> IamRole | None:
        """Return the role by id."""

    async def named(self, name: str) -> IamRole | None:
        """Return the role by name."""

    async def all(self) -> Sequence[IamRole]:
        """All roles by name."""

    async def page(self, path_prefix: str, after: str, limit: int) -> Sequence[IamRole]:
        """Up to `limit` roles by name, from just behind `after`, whose path begins with `path_prefix`."""

    async def count(self) -> int:
        """Return how many roles there are."""

    async def boundary_counts(self) -> Mapping[str, int]:
        """Return how many roles each policy bounds, by ARN; policies that bound none are left out."""

    async def change(self, role_id: str, changes: RoleChanges) -> bool:
        """Apply the changes; False if there is no such role."""

    async def remove(self, role_id: str) -> bool:
        """Delete a role; False if there is none."""


class OidcProviderStore(Protocol):
    """OpenID Connect providers by name, which is the URL without its scheme."""

    async def add(self, provider: OidcProvider) -> None:
        """Insert a provider; `ServiceError` EntityAlreadyExists (409) if there is one of that name."""

    async def named(self, name: str) -> OidcProvider | None:
        """Return the provider by name."""

    async def all(self) -> Sequence[OidcProvider]:
        """All providers by name."""

    async def replace(self, old: OidcProvider, new: OidcProvider) -> bool:
        """Replace a provider if it is still `old`; False otherwise."""

    async def remove(self, name: str) -> bool:
        """Delete a provider; False if there is none."""


class GroupStore(Protocol):
    """Groups and their members."""

    async def add(self, group: Group) -> None:
        """Insert a group; `ServiceError` EntityAlreadyExists (409) if the name is taken."""

    async def get(self, group_id: str) -> Group | None:
        """Return the group by id."""

    async def named(self, name: str) -> Group | None:
        """Return the group by name."""

    async def all(self) -> Sequence[Group]:
        """All groups by name."""

    async def page(self, path_prefix: str, after: str, limit: int) -> Sequence[Group]:
        """Up to `limit` groups by name, from just behind `after`, whose path begins with `path_prefix`."""

    async def count(self) -> int:
        """Return how many groups there are."""

    async def rename(self, group_id: str, name: str, path: str) -> bool:
        """Set name and path; `ServiceError` EntityAlreadyExists (409) if the name is taken."""

    async def remove(self, group_id: str) -> bool:
        """Delete a group without members; False if there is none such."""

    async def add_member(self, group_id: str, user_id: str) -> bool:
        """Add a user to a group; no effect on a member. False if the user or group no longer exists."""

    async def remove_member(self, group_id: str, user_id: str) -> bool:
        """Remove a user from a group; False if they were not a member."""

    async def members(self, group_id: str) -> Sequence[User]:
        """Return the members of a group, by name."""

    async def members_page(self, group_id: str, after: str, limit: int) -> Sequence[User]:
        """Return up to `limit` members of a group behind `after`, by name."""

    async def of(self, user_id: str) -> Sequence[Group]:
        """Return a user's groups, by name."""
