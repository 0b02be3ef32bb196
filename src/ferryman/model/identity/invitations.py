"""Invitations: permission to get an access key of a user, once."""

from dataclasses import dataclass

from ferryman.model.identifiers import Millis


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation that was not redeemed yet. `token_hash` is the SHA-256 of its id and token."""

    invitation_id: str
    """A UUID."""
    token_hash: bytes
    user_id: str
    created_by: str
    """The ARN of who created it."""
    created_at: Millis
    expires_at: Millis
