"""Credentials that calls are signed with."""

from dataclasses import dataclass

from ferryman.model.values.secret import Secret


@dataclass(frozen=True, slots=True)
class Credentials:
    """An access key, its secret and, for temporary credentials, their token."""

    access_key_id: str
    secret_access_key: Secret
    session_token: Secret | None = None
