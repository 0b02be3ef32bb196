"""Users, their access keys, and who stands behind an access key id. Called by the operator's own commands."""

from collections.abc import Sequence

from ferryman.core.requests import Authenticated
from ferryman.core.service import Service
from ferryman.model.callers import AccessKey, Caller, Credentials, Role, User


async def authenticate(service: Service, access_key_id: str, session_token: str | None) -> Authenticated:
    """Return whose key this is and its secret, to verify the signature with.

    Raises UnrecognizedClientException (unknown, disabled, foreign or altered), ExpiredTokenException.
    """
    raise NotImplementedError


def caller_of(service: Service, user: User) -> Caller:
    """Return the caller that a user is."""
    raise NotImplementedError


async def create_user(service: Service, name: str, role: Role) -> User:
    """Make a user. `name` is 1–64 of IAM's characters (`[\\w+=,.@-]`). Raises ValidationException, EntityAlreadyExists."""
    raise NotImplementedError


async def find_user(service: Service, name: str) -> User:
    """Return the user of that name; NoSuchEntity (404) if there is none."""
    raise NotImplementedError


async def list_users(service: Service) -> Sequence[User]:
    """Return all users by name."""
    raise NotImplementedError


async def delete_user(service: Service, name: str) -> None:
    """Delete a user and their keys. Raises NoSuchEntity."""
    raise NotImplementedError


async def set_role(service: Service, name: str, role: Role) -> None:
    """Change a user's role. Raises NoSuchEntity."""
    raise NotImplementedError


async def create_access_key(service: Service, user_name: str) -> Credentials:
    """Make an access key; its secret is shown this once. At most two a user: LimitExceeded. Raises NoSuchEntity."""
    raise NotImplementedError


async def list_access_keys(service: Service, user_name: str) -> Sequence[AccessKey]:
    """Return a user's keys, oldest first. Raises NoSuchEntity."""
    raise NotImplementedError


async def set_access_key_active(service: Service, access_key_id: str, *, active: bool) -> None:
    """Enable or disable a key. Raises NoSuchEntity."""
    raise NotImplementedError


async def delete_access_key(service: Service, access_key_id: str) -> None:
    """Delete a key. Raises NoSuchEntity."""
    raise NotImplementedError
