"""Invitations: an administrator creates one for a user, and whoever has its token gets an access key of the user, once.

Operations of Ferryman's own: AWS has none for this. Creating one needs the permission to create access keys, too, so
that an invitation gives nobody more than its creator could have given.
"""

import base64
import hashlib
import hmac
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from ferryman.core.authorization.decisions import require
from ferryman.core.iam.access_keys import KEYS_A_USER, new_key
from ferryman.core.iam.resources import no_such
from ferryman.core.iam.users import user_keys
from ferryman.core.service import Service
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis
from ferryman.model.identity.callers import Caller
from ferryman.model.identity.credentials import Credentials
from ferryman.model.identity.invitations import Invitation
from ferryman.model.identity.users import User
from ferryman.model.values.secret import Secret

DEFAULT_SECONDS = 24 * 3600
INVITATIONS_A_USER = 5
"""Pending invitations of one user: enough to lose some, and few enough to list."""
_UNKNOWN = ServiceError("InvalidInvitation", "The invitation is not valid: it was redeemed or revoked, or is mistyped.")


@dataclass(frozen=True, slots=True)
class InvitationTicket:
    """A new invitation and its token, which is shown only now."""

    invitation: Invitation
    token: Secret


async def create_invitation(
    service: Service, caller: Caller, user_name: str, seconds: int | None
) -> tuple[User, InvitationTicket]:
    """CreateInvitation: its token has 32 characters (160 bits), is shown only now and stored as a hash.

    Raises AccessDeniedException (also without permission for iam:CreateAccessKey), NoSuchEntity, LimitExceeded.
    """
    user = await _user_for(service, caller, user_name, "ferryman:CreateInvitation", "iam:CreateAccessKey")
    now = service.clock()
    pending = [each for each in await service.store.invitations.of(user.user_id) if each.expires_at > now]
    if len(pending) >= INVITATIONS_A_USER:
        message = f"{user.name} has {INVITATIONS_A_USER} invitations already. Revoke one first."
        raise ServiceError("LimitExceeded", message, status=409)
    invitation_id = str(uuid.UUID(bytes=service.entropy(16), version=4))
    token = base64.b32encode(service.entropy(20)).decode().lower()
    life = DEFAULT_SECONDS if seconds is None else seconds
    invitation = Invitation(
        invitation_id, _hash(invitation_id, token), user.user_id, caller.arn, now, Millis(now + life * 1000)
    )
    await service.store.invitations.add(invitation)
    return user, InvitationTicket(invitation, Secret(token))


async def list_invitations(service: Service, caller: Caller, user_name: str) -> tuple[User, Sequence[Invitation]]:
    """ListInvitations: a user's pending ones, newest first, without their tokens.

    Raises AccessDeniedException, NoSuchEntity.
    """
    user = await _user_for(service, caller, user_name, "ferryman:ListInvitations")
    now = service.clock()
    return user, [each for each in await service.store.invitations.of(user.user_id) if each.expires_at > now]


async def delete_invitation(service: Service, caller: Caller, user_name: str, invitation_id: str) -> None:
    """DeleteInvitation: from now on nobody can redeem it. Raises AccessDeniedException, NoSuchEntity."""
    user = await _user_for(service, caller, user_name, "ferryman:DeleteInvitation")
    if not await service.store.invitations.remove(invitation_id, user.user_id):
        raise no_such(f"invitation with id {invitation_id}")


async def redeem_invitation(service: Service, invitation_id: str, token: Secret) -> tuple[User, Credentials]:
    """RedeemInvitation, unsigned: the token is the credential. The key and the end of the invitation are one change.

    Raises InvalidInvitation (unknown, redeemed, revoked, or the wrong token, with the same message),
    InvitationExpired, LimitExceeded (the user has all the keys that a user may have; the invitation stays).
    """
    found = await service.store.invitations.get(invitation_id)
    given = _hash(invitation_id, token.reveal())
    if not hmac.compare_digest(given, found.token_hash if found else _hash("", "")) or found is None:
        raise ServiceError(_UNKNOWN.code, _UNKNOWN.message)
    now = service.clock()
    if found.expires_at <= now:
        raise ServiceError("InvitationExpired", "The invitation has expired. Ask for another.")
    user = await service.store.identities.get_user(found.user_id)
    if user is None:
        raise ServiceError(_UNKNOWN.code, _UNKNOWN.message)
    key, credentials = await new_key(service, user)
    if not await service.store.invitations.redeem(invitation_id, now, key, KEYS_A_USER):
        await new_key(service, user)  # raises LimitExceeded if another invitation of the user was redeemed meanwhile
        raise ServiceError(_UNKNOWN.code, _UNKNOWN.message)
    return user, credentials


async def _user_for(service: Service, caller: Caller, name: str, *actions: str) -> User:
    """Return the user if `caller` may perform all `actions` on it; who may not does not learn whether it exists."""
    user = await service.store.identities.user_named(name)
    arn = service.arns.user(name, "/" if user is None else user.path)
    keys = {} if user is None else await user_keys(service, user)
    for action in actions:
        require(service, caller, action, arn, keys, shown=service.arns.user(name))
    if user is None:
        raise no_such(f"user with name {name}")
    return user


def _hash(invitation_id: str, token: str) -> bytes:
    """A plain hash is enough: a token is 160 random bits, too many to guess."""
    return hashlib.sha256(f"{invitation_id}\0{token}".encode()).digest()
