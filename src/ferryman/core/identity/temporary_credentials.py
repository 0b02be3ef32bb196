"""Temporary credentials of users, roles and approved access requests.

Stateless, like nodes' credentials: everything needed to verify them is sealed in their session token. The token
contains session policies and tags, compressed to at most `PACKED_LIMIT` bytes because it travels in a header. The
identity is looked up at every call (`core.identity.callers`), so deleting it invalidates its credentials immediately.
"""

import base64
import binascii
import zlib

import msgspec

from ferryman.core.identity.credentials import TemporaryCredentials
from ferryman.core.service import Service
from ferryman.core.vault import Unsealable
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis
from ferryman.model.identity.credential_sessions import SessionKind, TemporarySession
from ferryman.model.identity.credentials import Credentials
from ferryman.model.values.secret import Secret

PREFIX = "FQ."
"""Tells these session tokens from those of nodes."""
PACKED_LIMIT = 3072
"""Bytes of session policies and tags, compressed, which bounds the token."""
TOKEN_LIMIT = 6144
"""Bytes of the longest session token: a header may have 8,190."""
_PURPOSE = "temporary-credentials"


class _Packed(msgspec.Struct, frozen=True, array_like=True):
    policies: tuple[str, ...]
    policy_arns: tuple[str, ...]
    tags: dict[str, str]
    transitive_keys: tuple[str, ...]


class _Content(msgspec.Struct, frozen=True, array_like=True):
    secret_access_key: str
    kind: SessionKind
    identity_id: str
    issued_at: int
    expires_at: int
    name: str
    access_key_id: str
    source_identity: str
    provider: str
    subject: str
    access_request_id: str
    packed: bytes
    person_id: str = ""
    padding: bytes = b""


def issue_temporary(service: Service, session: TemporarySession, minimum_token_size: int = 0) -> TemporaryCredentials:
    """Return new credentials of a session, `ASIA…`, valid until it expires.

    The session token has at least `minimum_token_size` bytes, up to 4,096: clients use that to test large tokens.
    Raises PackedPolicyTooLarge if its policies and tags do not fit into a token.
    """
    packed = zlib.compress(msgspec.msgpack.encode(_packed(session)), 9)
    percent = -(-len(packed) * 100 // PACKED_LIMIT)
    if percent > 100:
        raise ServiceError(
            "PackedPolicyTooLarge",
            f"Session policies and tags take {percent} percent of what a session token holds. Shorten them.",
        )
    access_key_id = "ASIA" + base64.b32encode(service.entropy(10)).decode()
    secret = base64.b64encode(service.entropy(30)).decode()
    content = _Content(
        secret,
        session.kind,
        session.identity_id,
        session.issued_at,
        session.expires_at,
        session.name,
        session.access_key_id,
        session.source_identity,
        session.provider,
        session.subject,
        session.access_request_id,
        packed,
        session.person_id,
    )
    token = _sealed(service, content, access_key_id)
    lacking = minimum_token_size - len(token)
    if lacking > 0:
        content = msgspec.structs.replace(content, padding=bytes(-(-lacking * 3 // 4)))
        token = _sealed(service, content, access_key_id)
    return TemporaryCredentials(Credentials(access_key_id, Secret(secret), Secret(token)), session.expires_at, percent)


def _sealed(service: Service, content: _Content, access_key_id: str) -> str:
    sealed = service.vault.seal(_PURPOSE, msgspec.msgpack.encode(content), access_key_id.encode())
    return PREFIX + base64.b64encode(sealed).decode()


def token_utilization(token_size: int) -> int:
    """Return `token_size` in percent of the longest session token, rounded up."""
    return min(100, -(-token_size * 100 // TOKEN_LIMIT))


def open_temporary(service: Service, access_key_id: str, session_token: str) -> tuple[Secret, TemporarySession]:
    """Return the secret and the session of credentials, which may have expired.

    Raises UnrecognizedClientException for a token from elsewhere, of another key or altered.
    """
    try:
        sealed = base64.b64decode(session_token.removeprefix(PREFIX).encode(), validate=True)
        plaintext = service.vault.open(_PURPOSE, sealed, access_key_id.encode())
        content = msgspec.msgpack.decode(plaintext, type=_Content)
        packed = msgspec.msgpack.decode(zlib.decompress(content.packed), type=_Packed)
    except (binascii.Error, UnicodeError, Unsealable, msgspec.DecodeError, zlib.error) as error:
        raise unrecognized() from error
    session = TemporarySession(
        content.kind,
        content.identity_id,
        Millis(content.issued_at),
        Millis(content.expires_at),
        content.name,
        content.access_key_id,
        source_identity=content.source_identity,
        provider=content.provider,
        subject=content.subject,
        access_request_id=content.access_request_id,
        person_id=content.person_id,
        policies=packed.policies,
        policy_arns=packed.policy_arns,
        tags=packed.tags,
        transitive_keys=packed.transitive_keys,
    )
    return Secret(content.secret_access_key), session


def is_temporary(session_token: str) -> bool:
    """Return whether a session token is one of these, not a node's."""
    return session_token.startswith(PREFIX)


def unrecognized() -> ServiceError:
    """Return the error for credentials that are not recognized."""
    return ServiceError("UnrecognizedClientException", "The security token included in the request is invalid.")


def expired() -> ServiceError:
    """Return the error for credentials whose time is over."""
    return ServiceError("ExpiredTokenException", "The security token included in the request is expired")


def _packed(session: TemporarySession) -> _Packed:
    return _Packed(session.policies, session.policy_arns, dict(session.tags), session.transitive_keys)
