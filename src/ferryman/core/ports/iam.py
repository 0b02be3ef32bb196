"""What the use cases of IAM need from the store; `core.ports` has the rest, and the rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ferryman.model.identity.groups import Group
from ferryman.model.identity.policies import ManagedPolicy, PolicyVersion
from ferryman.model.identity.roles import IamRole, OidcProvider, RoleChanges
from ferryman.model.identity.users import AccessKey, User


@dataclass(frozen=True, slots=True)
class GrantedPolicy:
    """A policy that an identity or one of its groups, `owner_id`, has.

    Inline: `name` and `text`. Attached: `arn`, and `text` of its default version, None if the store has none such.
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
    """Policies, and who has them. Owners are users, groups and roles by id; every change is atomic."""

    async def granted(self, identity_id: str) -> Sequence[GrantedPolicy]:
        """Return all policies of an identity and of its groups."""

    async def put_inline(self, owner_id: str, name: str, text: str) -> None:
        """Set an inline policy."""

    async def inline(self, owner_id: str) -> Sequence[tuple[str, str]]:
        """Return an owner's inline policies by name, with their text."""

    async def remove_inline(self, owner_id: str, name: str) -> bool:
        """Delete an inline policy; False if there is none."""

    async def attach(self, owner_id: str, arn: str) -> bool:
        """Attach a policy; nothing if it is. False if it is neither built in nor in the store."""

    async def detach(self, owner_id: str, arn: str) -> bool:
        """Detach a policy; False if it was not attached."""

    async def attached(self, owner_id: str) -> Sequence[str]:
        """Return the ARNs of what is attached, in order."""

    async def holders(self, arn: str) -> Sequence[str]:
        """Return the ids of those that it is attached to."""

    async def attachment_counts(self) -> Mapping[str, int]:
        """Return to how many each policy is attached, by ARN; those that are attached only."""

    async def forget(self, owner_id: str) -> None:
        """Delete an owner's inline policies and attachments."""

    async def add(self, policy: ManagedPolicy, text: str) -> None:
        """Insert a managed policy with its first version; `ServiceError` EntityAlreadyExists (409)."""

    async def get(self, arn: str) -> ManagedPolicy | None:
        """Return a managed policy of the account."""

    async def all(self) -> Sequence[ManagedPolicy]:
        """All managed policies of the account by name."""

    async def remove(self, arn: str) -> bool:
        """Delete a managed policy and its versions; False if there is none, or it is attached or a boundary."""

    async def add_version(self, version: PolicyVersion, *, is_default: bool) -> bool:
        """Insert the next version; False if that number is taken, or there is no such policy."""

    async def versions(self, arn: str) -> Sequence[PolicyVersion]:
        """A policy's versions, newest first."""

    async def set_default(self, arn: str, version: int) -> bool:
        """Make a version the default; False if there is none such."""

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
        """How many roles there are."""

    async def boundary_counts(self) -> Mapping[str, int]:
        """How many roles each policy is the permissions boundary of, by ARN; those that bound one only."""

    async def change(self, role_id: str, changes: RoleChanges) -> bool:
        """Set what changes; False if there is no such role."""

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
        """Make a provider `new` if it is still `old`; False otherwise."""

    async def remove(self, name: str) -> bool:
        """Delete a provider; False if there is none."""


class GroupStore(Protocol):
    """Groups and who is in them."""

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
        """How many groups there are."""

    async def rename(self, group_id: str, name: str, path: str) -> bool:
        """Set name and path; `ServiceError` EntityAlreadyExists (409) if the name is taken."""

    async def remove(self, group_id: str) -> bool:
        """Delete a group that nobody is in; False if there is none such."""

    async def add_member(self, group_id: str, user_id: str) -> bool:
        """Put a user into a group; nothing if they are. False if either is gone."""

    async def remove_member(self, group_id: str, user_id: str) -> bool:
        """Take a user out of a group; False if they were not in it."""

    async def members(self, group_id: str) -> Sequence[User]:
        """Who is in a group, by name."""

    async def members_page(self, group_id: str, after: str, limit: int) -> Sequence[User]:
        """Up to `limit` of those in a group, by name, from just behind `after`."""

    async def of(self, user_id: str) -> Sequence[Group]:
        """A user's groups, by name."""
