"""What the use cases of IAM need from the store; `core.ports` has the rest, and the rules."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ferryman.model.policies import ManagedPolicy, PolicyVersion


@dataclass(frozen=True, slots=True)
class GrantedPolicy:
    """A policy that an identity or one of its groups, `owner_id`, has.

    Inline: `name` and `text`. Attached: `arn`, and `text` of its default version, None if the store has none such.
    """

    owner_id: str
    name: str | None
    arn: str | None
    text: str | None


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

    async def attach(self, owner_id: str, arn: str) -> None:
        """Attach a policy; nothing if it is."""

    async def detach(self, owner_id: str, arn: str) -> bool:
        """Detach a policy; False if it was not attached."""

    async def attached(self, owner_id: str) -> Sequence[str]:
        """Return the ARNs of what is attached, in order."""

    async def holders(self, arn: str) -> Sequence[str]:
        """Return the ids of those that it is attached to."""

    async def forget(self, owner_id: str) -> None:
        """Delete an owner's inline policies and attachments."""

    async def add(self, policy: ManagedPolicy, text: str) -> None:
        """Insert a managed policy with its first version; `ServiceError` EntityAlreadyExists (409)."""

    async def get(self, arn: str) -> ManagedPolicy | None:
        """Return a managed policy of the account."""

    async def all(self) -> Sequence[ManagedPolicy]:
        """All managed policies of the account by name."""

    async def remove(self, arn: str) -> bool:
        """Delete a managed policy and its versions; False if there is none."""

    async def add_version(self, version: PolicyVersion, *, is_default: bool) -> bool:
        """Insert the next version; False if that number is taken, or there is no such policy."""

    async def versions(self, arn: str) -> Sequence[PolicyVersion]:
        """A policy's versions, newest first."""

    async def set_default(self, arn: str, version: int) -> bool:
        """Make a version the default; False if there is none such."""

    async def remove_version(self, arn: str, version: int) -> bool:
        """Delete a version; False if it is the default or there is none."""
