"""Results that many operations have: times, tags and credentials, from our values to AWS's members."""

from collections.abc import Mapping
from datetime import datetime

from ferryman.model.identifiers import Millis
from ferryman.model.identity.credentials import Credentials
from ferryman.model.values.timestamps import from_millis
from ferryman.server.operations.context import Result


def as_datetime(millis: Millis | None) -> datetime | None:
    """Return a timestamp, aware and in UTC, or None."""
    return None if millis is None else from_millis(millis)


def tag_list(tags: Mapping[str, str]) -> list[Result]:
    """Return tags, sorted by key."""
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def credentials_result(credentials: Credentials, expires_at: Millis, expiration: str = "Expiration") -> Result:
    """Return temporary credentials; `expiration` is what the operation's model calls the time at which they expire."""
    token = credentials.session_token
    return {
        "AccessKeyId": credentials.access_key_id,
        "SecretAccessKey": credentials.secret_access_key.reveal(),
        "SessionToken": None if token is None else token.reveal(),
        expiration: as_datetime(expires_at),
    }
