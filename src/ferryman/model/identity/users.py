"""Users and their access keys."""

from dataclasses import dataclass

from ferryman.model.identifiers import Millis


@dataclass(frozen=True, slots=True)
class User:
    """A person or program with access keys. `user_id` is `AIDA` and 17 upper-case characters, never reused.

    `path` begins and ends with a slash. `boundary_arn` is the managed policy that bounds it, empty without one.
    """

    user_id: str
    name: str
    created_at: Millis
    path: str = "/"
    boundary_arn: str = ""


@dataclass(frozen=True, slots=True)
class UserChanges:
    """Members to set; None leaves one as it is. `boundary_arn` "" removes the boundary."""

    name: str | None = None
    path: str | None = None
    boundary_arn: str | None = None


@dataclass(frozen=True, slots=True)
class LastKeyUse:
    """When a key last signed a call, to the minute, and of which service in which region."""

    at: Millis
    service: str
    region: str


@dataclass(frozen=True, slots=True)
class AccessKey:
    """A long-lived access key. `sealed_secret` is the secret, encrypted with the server's key."""

    access_key_id: str
    user_id: str
    sealed_secret: bytes
    active: bool
    created_at: Millis
    last_use: LastKeyUse | None = None
