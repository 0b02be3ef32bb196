"""The port through which use cases read and write invitations."""

from collections.abc import Sequence
from typing import Protocol

from ferryman.model.identifiers import Millis
from ferryman.model.identity.invitations import Invitation
from ferryman.model.identity.users import AccessKey


class InvitationStore(Protocol):
    """Invitations that are neither redeemed nor revoked; those of a user go with the user."""

    async def add(self, invitation: Invitation) -> None:
        """Insert an invitation, and delete those of its user that had expired when it was created."""

    async def get(self, invitation_id: str) -> Invitation | None:
        """Return an invitation, also an expired one."""

    async def of(self, user_id: str) -> Sequence[Invitation]:
        """Return a user's invitations, newest first, also expired ones."""

    async def redeem(self, invitation_id: str, now: Millis, key: AccessKey, most_keys: int) -> bool:
        """Delete an invitation that has not expired and insert the key, as one change.

        False if it is not there, or the user has `most_keys` already; then the invitation stays.
        """

    async def remove(self, invitation_id: str, user_id: str) -> bool:
        """Delete an invitation of a user; False if there is none."""
