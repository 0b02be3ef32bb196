"""Verifying signatures: SigV4 of users, roles and nodes, and the agent's RSA scheme for two operations."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from ferryman.awsapi.dispatch import ApiCall
from ferryman.core.identity.callers import authenticate
from ferryman.core.identity.credentials import RefusedCredentials
from ferryman.core.nodes.actions import find_node
from ferryman.core.service import Service
from ferryman.model.errors import ServiceError
from ferryman.model.identity.callers import Caller, CallerKind, Origin
from ferryman.model.nodes import ManagedNode
from ferryman.model.values.timestamps import from_millis
from ferryman.server.listener.connection import recognise
from ferryman.signing.canonical import SignableRequest
from ferryman.signing.errors import InvalidSignature, MissingAuthenticationToken, SignatureError, SignatureMismatch
from ferryman.signing.parsed_signature import ParsedSignature, parse
from ferryman.signing.rsa import decode_public_key, is_rsa, verify_rsa
from ferryman.signing.sigv4 import verify, verify_scope

PRESIGNED = frozenset({("sts", "GetCallerIdentity")})
"""The calls that AWS's clients presign, to prove an identity to a third party. Whoever reads such a URL can repeat the
call, so no others are accepted."""


def signable(request: web.Request, body: bytes) -> SignableRequest:
    """Return the request as it was signed: the raw target and every header as sent."""
    path, _, query = request.raw_path.partition("?")
    return SignableRequest(request.method, path, query, list(_headers(request.raw_headers)), body)


def origin_of(request: web.Request) -> Origin:
    """Return where a request came from, for conditions in policies."""
    return Origin(request.remote or "", request.headers.get("User-Agent", ""), request.secure)


def _headers(raw: Iterable[tuple[bytes, bytes]]) -> Iterable[tuple[str, str]]:
    for name, value in raw:
        yield name.decode("utf-8", "surrogateescape"), value.decode("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signed a request, and whether in its query: then whoever read the URL may have sent it."""

    caller: Caller
    presigned: bool

    @property
    def holder(self) -> str:
        """Whose key it was if they sent the request themselves; "" if others may have."""
        return "" if self.presigned else self.caller.person_id


class RefusedSigner(ServiceError):
    """The signature is valid, but its credentials are no longer accepted. `signer` may be named, not admitted."""

    def __init__(self, refused: RefusedCredentials, signer: Signer) -> None:
        super().__init__(refused.code, refused.message, status=refused.status)
        self.signer = signer


async def authenticate_caller(service: Service, request: SignableRequest, call: ApiCall) -> Signer:
    """Return the user or node whose SigV4 signature the request carries, scoped to the call's service.

    Raises `SignatureError` (missing, incomplete, wrong, stale), `ServiceError` UnrecognizedClientException or
    ExpiredTokenException; as `RefusedSigner` if the signature shows whose credentials are no longer accepted.
    """
    parsed = parse(request)
    if is_rsa(parsed):
        raise InvalidSignature(f"{call.operation} is not signed with a node's key; use the node's credentials.")
    _refuse_presigned(parsed, call)
    return await _verified_signer(service, request, parsed, call.service)


async def authenticate_node(service: Service, request: SignableRequest, call: ApiCall) -> ManagedNode:
    """Return the node whose RSA signature the request carries; raises as `authenticate_caller`."""
    parsed = parse(request)
    if not is_rsa(parsed):
        raise InvalidSignature(f"{call.operation} must be signed with the node's own key.")
    _refuse_presigned(parsed, call)
    verify_scope(parsed, service.settings.region, call.service)
    node = await find_node(service, parsed.access_key_id)
    try:
        public_key = decode_public_key(node.public_key)
    except ValueError as error:
        raise SignatureMismatch from error
    verify_rsa(request, parsed, public_key, _now(service))
    return node


async def authenticate_upgrade(service: Service, request: web.Request) -> Signer | None:
    """Return who signed a WebSocket upgrade, in a header or presigned; None if it is unsigned.

    A presigned one is counted as its signer's once the token in its opening has shown that they sent it. Raises as
    `authenticate_caller`.
    """
    to_verify = signable(request, b"")
    try:
        parsed = parse(to_verify)
    except MissingAuthenticationToken:
        return None
    signer = await _verified_signer(service, to_verify, parsed, "ssmmessages")
    if not signer.presigned:
        caller = signer.caller
        recognise(request, caller.node_id or caller.person_id, node=caller.kind is CallerKind.NODE)
    return signer


def _refuse_presigned(parsed: ParsedSignature, call: ApiCall) -> None:
    """Raise `InvalidSignature` for a presigned call that AWS's clients never presign."""
    if parsed.expires is not None and (call.service, call.operation) not in PRESIGNED:
        raise InvalidSignature(
            f"{call.operation} cannot be called with a presigned URL: only GetCallerIdentity and WebSocket upgrades "
            "can. Sign the request in its Authorization header."
        )


async def _verified_signer(service: Service, request: SignableRequest, parsed: ParsedSignature, scope: str) -> Signer:
    verify_scope(parsed, service.settings.region, scope)
    token = parsed.session_token
    presigned = parsed.expires is not None
    try:
        known = await authenticate(service, parsed.access_key_id, None if token is None else token.reveal())
    except RefusedCredentials as refused:
        try:
            verify(request, parsed, refused.holder.secret, _now(service))
        except SignatureError:
            raise refused from None
        raise RefusedSigner(refused, Signer(refused.holder.caller, presigned)) from refused
    verify(request, parsed, known.secret, _now(service))
    return Signer(known.caller, presigned)


def _now(service: Service) -> datetime:
    return from_millis(service.clock())
