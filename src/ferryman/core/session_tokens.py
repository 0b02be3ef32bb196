"""The client's session token: encrypted, single use, valid as long as `Limits.client_wait`, newest only.

Sealed inside are when it lapses, its own id and the caller's id; the session's id is the seal's context, so a token
opens its own session alone. Which token may still be used is the session's `token_id` in the store.
"""

import base64
import binascii
import struct
from dataclasses import dataclass

from ferryman.core.service import Service
from ferryman.core.vault import Unsealable
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis, SessionId
from ferryman.model.secret import Secret

TOKEN_LIMIT = 300
"""Characters, AWS's own limit on TokenValue."""
TOKEN_ID_BYTES = 12
_PURPOSE = "session-token"
_HEAD = struct.Struct(f">Q{TOKEN_ID_BYTES}s")


class TokenLapsed(ServiceError):
    """A token that was valid once."""


@dataclass(frozen=True, slots=True)
class OpenedToken:
    """What a valid token says; whether it was used already only the store knows."""

    token_id: str
    caller_id: str
    expires_at: Millis


def new_token_id(service: Service) -> str:
    """Return a fresh token id, 24 hex digits."""
    return service.entropy(TOKEN_ID_BYTES).hex()


def seal_token(service: Service, session_id: SessionId, caller_id: str, token_id: str) -> Secret:
    """Return the token, at most 300 characters for a caller id of up to 170."""
    expires_at = service.clock() + service.settings.limits.client_wait * 1000
    plaintext = _HEAD.pack(expires_at, bytes.fromhex(token_id)) + caller_id.encode()
    text = base64.b64encode(service.vault.seal(_PURPOSE, plaintext, session_id.encode())).decode()
    if len(text) > TOKEN_LIMIT:
        raise ValueError(f"a session token may have {TOKEN_LIMIT} characters, this one would have {len(text)}")
    return Secret(text)


def open_token(service: Service, session_id: SessionId, token_value: str) -> OpenedToken:
    """Decrypt and check a token; AccessDeniedException if it is not this session's, was altered, or has lapsed."""
    try:
        sealed = base64.b64decode(token_value.encode(), validate=True)
        plaintext = service.vault.open(_PURPOSE, sealed, session_id.encode())
        expires_at, token_id = _HEAD.unpack_from(plaintext)
        caller_id = plaintext[_HEAD.size :].decode()
    except (binascii.Error, UnicodeError, Unsealable, struct.error) as error:
        raise ServiceError(
            "AccessDeniedException", "The session token is not valid for this session; call ResumeSession for another."
        ) from error
    if service.clock() >= expires_at:
        raise TokenLapsed("AccessDeniedException", "The session token has expired; call ResumeSession for another.")
    return OpenedToken(token_id.hex(), caller_id, Millis(expires_at))
