"""The token that CreateControlChannel and CreateDataChannel answer and the agent's first frame presents."""

import base64
import binascii
import struct
from enum import StrEnum

from ferryman.core.service import Service
from ferryman.core.vault import Unsealable
from ferryman.model.errors import ServiceError
from ferryman.model.identity.callers import Caller
from ferryman.model.secret import Secret

_EXPIRY = struct.Struct(">Q")


class Channel(StrEnum):
    """Which channel a token opens."""

    CONTROL = "control"
    DATA = "data"


def issue_channel_token(service: Service, caller: Caller, channel: Channel, subject_id: str) -> Secret:
    """Return a token for `caller`'s channel of `subject_id`, a node or session id, for `channel_token_life` s."""
    expires_at = service.clock() + service.settings.limits.channel_token_life * 1000
    sealed = service.vault.seal("channel-token", _EXPIRY.pack(expires_at), _context(caller, channel, subject_id))
    return Secret(base64.b64encode(sealed).decode())


def check_channel_token(service: Service, caller: Caller, channel: Channel, subject_id: str, token_value: str) -> None:
    """Raise AccessDeniedException unless the token was issued to `caller` for this channel and has not lapsed."""
    try:
        sealed = base64.b64decode(token_value.encode(), validate=True)
        plaintext = service.vault.open("channel-token", sealed, _context(caller, channel, subject_id))
        (expires_at,) = _EXPIRY.unpack(plaintext)
    except (binascii.Error, UnicodeError, Unsealable, struct.error) as error:
        raise ServiceError("AccessDeniedException", "The channel token is not valid for this channel.") from error
    if service.clock() >= expires_at:
        raise ServiceError("AccessDeniedException", "The channel token has expired; create the channel again.")


def _context(caller: Caller, channel: Channel, subject_id: str) -> bytes:
    return f"{channel}\0{subject_id}\0{caller.user_id}".encode()
