"""Nodes' temporary credentials. Stateless: everything needed to verify them is sealed in their session token.

An agent uses credentials until their stated expiry, even after newer ones were issued and across restarts of the server
(`protocol/agent.md` §1.12), so nothing about them may be forgotten, and nothing is stored. Deregistering a node still
invalidates them immediately, because every call checks that the node is registered.
"""

import base64
import binascii

import msgspec

from ferryman.core.identity.credentials import Authenticated, RefusedCredentials
from ferryman.core.identity.temporary_credentials import expired, unrecognized
from ferryman.core.service import Service
from ferryman.core.vault import Unsealable
from ferryman.model.identifiers import Millis, NodeId
from ferryman.model.identity.callers import Caller, CallerKind
from ferryman.model.identity.credentials import Credentials
from ferryman.model.values.secret import Secret

_PURPOSE = "node-credentials"


class _Content(msgspec.Struct, frozen=True, array_like=True):
    node_id: str
    secret_access_key: str
    expires_at: int


def issue_credentials(service: Service, node_id: NodeId) -> tuple[Credentials, Millis]:
    """Return new credentials of the node and when they expire, `Limits.node_credentials_life` seconds from now."""
    expires_at = Millis(service.clock() + service.settings.limits.node_credentials_life * 1000)
    access_key_id = "ASIA" + base64.b32encode(service.entropy(10)).decode()
    secret = base64.b64encode(service.entropy(30)).decode()
    plaintext = msgspec.msgpack.encode(_Content(node_id, secret, expires_at))
    sealed = service.vault.seal(_PURPOSE, plaintext, access_key_id.encode())
    token = base64.b64encode(sealed).decode()
    return Credentials(access_key_id, Secret(secret), Secret(token)), expires_at


async def authenticate_node(service: Service, access_key_id: str, session_token: str) -> Authenticated:
    """Return the node that these credentials belong to.

    Raises UnrecognizedClientException for a token from elsewhere, of another key, altered, or of a node that is no
    longer registered; ExpiredTokenException.
    """
    try:
        sealed = base64.b64decode(session_token.encode(), validate=True)
        plaintext = service.vault.open(_PURPOSE, sealed, access_key_id.encode())
        content = msgspec.msgpack.decode(plaintext, type=_Content)
    except (binascii.Error, UnicodeError, Unsealable, msgspec.DecodeError) as error:
        raise unrecognized() from error
    node_id, is_expired = NodeId(content.node_id), service.clock() >= content.expires_at
    if await service.store.nodes.get(node_id) is None:
        raise expired() if is_expired else unrecognized()
    known = Authenticated(node_caller(service, node_id), Secret(content.secret_access_key))
    if is_expired:
        raise RefusedCredentials(expired(), known)
    return known


def node_caller(service: Service, node_id: NodeId) -> Caller:
    """Return a node as a caller."""
    settings = service.settings
    arn = service.arns.node(node_id)
    return Caller(CallerKind.NODE, settings.account_id, arn, node_id, node_id, node_id=node_id)
