"""What a call is signed with."""

from dataclasses import dataclass

from ferryman.model.values.secret import Secret


@dataclass(frozen=True, slots=True)
class Credentials:
    """What signs a call."""

    access_key_id: str
    secret_access_key: Secret
    session_token: Secret | None = None
