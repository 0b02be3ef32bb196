"""Invitations as addresses: `https://HOST/invite#ID.TOKEN[.FINGERPRINT]`; and redeeming one for an access key.

The part after the `#` is never sent to a server as part of an address, so it is in no log of a proxy or server. The
fingerprint is that of the server's own authority: whoever sent the invitation vouches for it.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from ferryman.model.errors import ServiceError
from ferryman.model.failures import Failure
from ferryman.model.identity.credentials import Credentials
from ferryman.model.values.secret import Secret

PATH = "/invite"
REDEEM_TARGET = "Ferryman.RedeemInvitation"
_FRAGMENT = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.([a-z0-9]{16,64})(?:\.([0-9a-f]{64}))?")


@dataclass(frozen=True, slots=True)
class InvitationAddress:
    """An invitation: the server's address, its id and token, and the fingerprint of the server's authority or ""."""

    server: str
    invitation_id: str
    token: Secret
    ca_sha256: str = ""

    @property
    def url(self) -> str:
        """The address, which holds the token."""
        parts = [self.invitation_id, self.token.reveal(), *([self.ca_sha256] if self.ca_sha256 else [])]
        return f"{self.server.rstrip('/')}{PATH}#{'.'.join(parts)}"


@dataclass(frozen=True, slots=True)
class Redeemed:
    """The user that the invitation was for, and their new access key."""

    user_name: str
    credentials: Credentials


def is_invitation(text: str) -> bool:
    """Whether an address is an invitation's, perhaps a mistyped one."""
    return f"{PATH}#" in text


def parse_invitation(text: str) -> InvitationAddress:
    """Return an invitation. Raises Failure that does not repeat the token."""
    server, _, fragment = text.partition(f"{PATH}#")
    found = _FRAGMENT.fullmatch(fragment)
    if found is None:
        raise Failure(
            "The invitation is not complete",
            f"the part after {PATH}# is not an id and a token",
            "Copy the whole address, and write it in quotes",
        )
    return InvitationAddress(server, found[1], Secret(found[2]), found[3] or "")


async def redeem(invitation: InvitationAddress, ca_file: Path | None) -> Redeemed:
    """Exchange an invitation for an access key of its user. Raises Failure."""
    from ferryman.client.login.discovery import USER_AGENT
    from ferryman.transport.errors import Unreachable
    from ferryman.transport.http import HttpClient
    from ferryman.transport.trust import Trust

    members = {"InvitationId": invitation.invitation_id, "InvitationToken": invitation.token.reveal()}
    trusted = Trust(ca_file) if invitation.server.startswith("https:") else None
    try:
        async with HttpClient(invitation.server, user_agent=USER_AGENT, trusted=trusted) as client:
            answer = await client.call(REDEEM_TARGET, members, None)
    except ServiceError as error:
        raise Failure(
            "The invitation was refused", error.message.rstrip("."), "Ask your administrator for another"
        ) from error
    except Unreachable as error:
        raise Failure(
            "The server cannot be reached", str(error), "Try again: the invitation may still be valid"
        ) from error
    name, key, secret = (answer.get(each) for each in ("UserName", "AccessKeyId", "SecretAccessKey"))
    if not (isinstance(name, str) and _is_word(key) and _is_word(secret)):
        raise Failure("The server's answer cannot be used", "it holds no access key", "Ask for another invitation")
    return Redeemed(name, Credentials(str(key), Secret(str(secret))))


def _is_word(value: object) -> bool:
    """Whether a value fits on one line of the credentials file."""
    return isinstance(value, str) and re.fullmatch(r"[!-~]{1,200}", value) is not None
