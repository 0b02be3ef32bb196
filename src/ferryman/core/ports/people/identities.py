"""The port through which use cases read and write users and access keys."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from ferryman.core.ports.people.iam import KeyHolder
from ferryman.model.identity.users import AccessKey, LastKeyUse, User, UserChanges


class IdentityStore(Protocol):
    """Users and their access keys."""

    async def add_user(self, user: User) -> None:
        """Insert a user; `ServiceError` EntityAlreadyExists (409) if the name is taken."""

    async def get_user(self, user_id: str) -> User | None:
        """Return the user by id."""

    async def user_named(self, name: str) -> User | None:
        """Return the user by name."""

    async def users(self) -> Sequence[User]:
        """All users by name."""

    async def page(self, path_prefix: str, after: str, limit: int) -> Sequence[User]:
        """Up to `limit` users by name, from just behind `after`, whose path begins with `path_prefix`."""

    async def count(self) -> int:
        """Return how many users there are."""

    async def boundary_counts(self) -> Mapping[str, int]:
        """Return how many users each policy bounds, by ARN; policies that bound none are left out."""

    async def change_user(self, user_id: str, changes: UserChanges) -> bool:
        """Apply the changes; False if unknown, `ServiceError` EntityAlreadyExists (409) if the name is taken."""

    async def bounded_by(self, arn: str) -> Sequence[User]:
        """Return the users with this permissions boundary, by name."""

    async def remove_user(self, user_id: str) -> bool:
        """Delete a user and their keys."""

    async def add_key(self, key: AccessKey) -> None:
        """Insert an access key."""

    async def get_key(self, access_key_id: str) -> AccessKey | None:
        """Return a key by its id."""

    async def key_holder(self, access_key_id: str) -> KeyHolder | None:
        """Return a key with its user, and the user's policies and tags, in one read; None if unknown."""

    async def keys_of(self, user_id: str) -> Sequence[AccessKey]:
        """Return a user's keys, oldest first."""

    async def keys_after(self, access_key_id: str, limit: int) -> Sequence[AccessKey]:
        """Return up to `limit` keys of any users behind `access_key_id`, "" for the first, by id."""

    async def reseal_key(self, access_key_id: str, sealed_before: bytes, sealed: bytes) -> bool:
        """Replace a key's sealed secret if it is still `sealed_before`, atomically; False otherwise."""

    async def set_key_active(self, access_key_id: str, *, active: bool) -> bool:
        """Enable or disable a key."""

    async def note_key_uses(self, uses: Mapping[str, LastKeyUse]) -> None:
        """Store when keys were last used, by id, at least one; deleted keys are ignored."""

    async def remove_key(self, access_key_id: str) -> bool:
        """Delete a key."""
