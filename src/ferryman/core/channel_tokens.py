"""The tokens that open channels: a client's session token, and the tokens of the agent's control and data channels.

A token is sealed by the vault and carries its own expiry. What it is bound to is the seal's context, so a token used
for anything else cannot be opened.
"""

import base64
import binascii
import struct
from dataclasses import dataclass
from enum import StrEnum

from ferryman.core.service import Service
from ferryman.core.vault import Unsealable
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis, SessionId
from ferryman.model.identity.callers import Caller
from ferryman.model.values.secret import Secret

SESSION_TOKEN_LIMIT = 300
"""Characters, AWS's own limit on TokenValue."""
TOKEN_ID_BYTES = 12
_SESSION, _CHANNEL = "session-token", "channel-token"
_SESSION_HEAD = struct.Struct(f">Q{TOKEN_ID_BYTES}s")
_EXPIRY = struct.Struct(">Q")
_MALFORMED = (binascii.Error, UnicodeError, Unsealable, struct.error)


class Channel(StrEnum):
    """The agent's channel that a token opens."""

    CONTROL = "control"
    DATA = "data"


class SessionTokenExpired(ServiceError):
    """The session token was valid once."""


@dataclass(frozen=True, slots=True)
class SessionToken:
    """The content of a valid session token. Only the store knows whether it was already used."""

    token_id: str
    caller_id: str
    expires_at: Millis


def new_token_id(service: Service) -> str:
    """Return a fresh token id, 24 hex digits."""
    return service.entropy(TOKEN_ID_BYTES).hex()


def seal_session_token(service: Service, session_id: SessionId, caller_id: str, token_id: str) -> Secret:
    """Return the client's token for one session, valid for `Limits.client_wait`.

    Only the newest token of a session can be used, and only once: the session's `token_id` in the store names it. A
    token has at most 300 characters for a caller id of up to 170.
    """
    expires_at = service.clock() + service.settings.limits.client_wait * 1000
    content = _SESSION_HEAD.pack(expires_at, bytes.fromhex(token_id)) + caller_id.encode()
    token = _seal(service, _SESSION, content, session_id.encode())
    if len(token) > SESSION_TOKEN_LIMIT:
        raise ValueError(f"a session token may have {SESSION_TOKEN_LIMIT} characters, this one would have {len(token)}")
    return Secret(token)


def open_session_token(service: Service, session_id: SessionId, token_value: str) -> SessionToken:
    """Decrypt and check a session token.

    Raises AccessDeniedException if it belongs to another session, was altered, or (SessionTokenExpired) has expired.
    """
    try:
        content = _open(service, _SESSION, token_value, session_id.encode())
        expires_at, token_id = _SESSION_HEAD.unpack_from(content)
        caller_id = content[_SESSION_HEAD.size :].decode()
    except _MALFORMED as error:
        raise ServiceError(
            "AccessDeniedException", "The session token is not valid for this session; call ResumeSession for another."
        ) from error
    if service.clock() >= expires_at:
        raise SessionTokenExpired(
            "AccessDeniedException", "The session token has expired; call ResumeSession for another."
        )
    return SessionToken(token_id.hex(), caller_id, Millis(expires_at))


def issue_channel_token(service: Service, caller: Caller, channel: Channel, subject_id: str) -> Secret:
    """Return the token that the first frame of the agent's channel must present.

    `subject_id` is a node id for a control channel, a session id for a data channel. The token is valid for
    `Limits.channel_token_life` and for `caller` alone.
    """
    expires_at = service.clock() + service.settings.limits.channel_token_life * 1000
    return Secret(_seal(service, _CHANNEL, _EXPIRY.pack(expires_at), _binding(caller, channel, subject_id)))


def check_channel_token(service: Service, caller: Caller, channel: Channel, subject_id: str, token_value: str) -> None:
    """Raise AccessDeniedException unless the token was issued to `caller` for this channel and has not expired."""
    try:
        (expires_at,) = _EXPIRY.unpack(_open(service, _CHANNEL, token_value, _binding(caller, channel, subject_id)))
    except _MALFORMED as error:
        raise ServiceError("AccessDeniedException", "The channel token is not valid for this channel.") from error
    if service.clock() >= expires_at:
        raise ServiceError("AccessDeniedException", "The channel token has expired; create the channel again.")


def _seal(service: Service, purpose: str, content: bytes, context: bytes) -> str:
    return base64.b64encode(service.vault.seal(purpose, content, context)).decode()


def _open(service: Service, purpose: str, token: str, context: bytes) -> bytes:
    return service.vault.open(purpose, base64.b64decode(token.encode(), validate=True), context)


def _binding(caller: Caller, channel: Channel, subject_id: str) -> bytes:
    return f"{channel}\0{subject_id}\0{caller.user_id}".encode()
