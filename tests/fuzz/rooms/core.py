"""Documents, their parameters, tokens and filters: `ferryman.core`."""

import json
from base64 import b64encode
from types import SimpleNamespace
from typing import Any, cast

from joserfc import jws, jwt
from joserfc.jwk import ECKey

from ferryman.core.access_requests import listing as access_listing
from ferryman.core.channel_tokens import (
    Channel,
    check_channel_token,
    issue_channel_token,
    open_session_token,
    seal_session_token,
)
from ferryman.core.documents import listing as document_listing
from ferryman.core.documents.content import SessionDocument, read_document, resolve
from ferryman.core.documents.parameters import check_values
from ferryman.core.documents.text import SIZE_LIMIT, RuleBroken, read_text, write_text
from ferryman.core.documents.types import read_content, read_values
from ferryman.core.iam.oidc_providers import check_url
from ferryman.core.identity.id_tokens import verify_token
from ferryman.core.identity.node_credentials import authenticate_node
from ferryman.core.identity.temporary_credentials import issue_temporary, open_temporary
from ferryman.core.identity.web_identity import TAGS_CLAIM, _claimed, claim_keys
from ferryman.core.kms.encryption.ciphertexts import BlobKey, NotACiphertext, key_of_blob, seal, unseal
from ferryman.core.kms.grant_tokens import grant_of_token, token_of
from ferryman.core.nodes import actions as nodes
from ferryman.core.nodes import listing as node_listing
from ferryman.core.paging import open_page_token, seal_page_token
from ferryman.core.providers.endpoints import Answer, decode_endpoints, form_content
from ferryman.core.providers.keys import ProviderKeys
from ferryman.core.service import Limits, Service, Settings
from ferryman.core.sessions import listing as session_listing
from ferryman.core.sessions.requests import DescribeSessionsRequest
from ferryman.core.vault import Vault
from ferryman.model.documents import AUTO_APPROVAL_DOCUMENT, DocumentFormat, DocumentType
from ferryman.model.errors import ServiceError, Unfetchable
from ferryman.model.identifiers import Millis, SessionId
from ferryman.model.identity.callers import Caller, CallerKind
from ferryman.model.identity.credential_sessions import SessionKind, TemporarySession
from ferryman.model.identity.roles import OidcProvider
from ferryman.model.sessions import SessionState
from tests.fuzz.awaiting import finished
from tests.fuzz.rooms.core_inputs import _AUTO, _COMMAND, _DOCUMENT, _MANUAL, _SHELL, _YAML, _YAML_WORDS
from tests.fuzz.target import KIB, Target, text_of

NOW = Millis(1_700_000_000_000)
ISSUER = "https://idp.example.org"
_KEY = ECKey.generate_key("P-256", {"kid": "k"})
_PROVIDER = OidcProvider(ISSUER, ("client",), (), NOW)


def _text(data: bytes) -> str:
    """Return what callers' texts are once JSON or a form was read: text without half surrogates."""
    return data.decode("utf-8", "replace")


class _Providers:
    async def named(self, name: str) -> OidcProvider | None:
        return _PROVIDER if name == "idp.example.org" else None


class _Nodes:
    async def get(self, node_id: str) -> None:
        return None


def service(fetched: dict[str, bytes] | None = None) -> Service:
    """Return a service for what is read before a store is asked. `fetched` is what providers answer."""

    async def fetch(url: str) -> bytes:
        if fetched is None or url not in fetched:
            raise Unfetchable("there is nothing")
        return fetched[url]

    return Service(
        settings=Settings("123456789012", "us-east-1", "https://x.example.org", oidc_on_loopback=True),
        store=cast(Any, SimpleNamespace(oidc_providers=_Providers(), nodes=_Nodes())),
        bus=cast(Any, None),
        vault=Vault(bytes(32), bytes),
        clock=lambda: NOW,
        entropy=bytes,
        fetch=fetch,
        provider_keys=ProviderKeys(),
    )


_SERVICE = service()
_CALLER = Caller(CallerKind.USER, "123456789012", "arn:aws:iam::123456789012:user/a", "AIDA", "a")
_SESSION = SessionId("a-00000000000000001")


def _session_document(written: DocumentFormat, data: bytes) -> None:
    """A session document, its parameters and what a session gets of it."""
    value = read_text(_text(data), written)
    assert read_text(write_text(value, written), written) == value
    document = read_document(value)
    given = {name: ["x; rm"] for name, each in document.parameters.items() if each.default is None}
    values = check_values("d", document.parameters, given)
    json.dumps(resolve("d", document, values, SessionDocument(document.session_type), Limits()).content).encode()


def _json_document(data: bytes) -> None:
    _session_document(DocumentFormat.JSON, data)


def _yaml_document(data: bytes) -> None:
    _session_document(DocumentFormat.YAML, data)


def _approval_policy(data: bytes) -> None:
    refused: Exception | None = None
    for name, kind, written in (
        (AUTO_APPROVAL_DOCUMENT, DocumentType.AUTO_APPROVAL, DocumentFormat.JSON),
        ("m", DocumentType.MANUAL_APPROVAL, DocumentFormat.JSON),
        ("m", DocumentType.MANUAL_APPROVAL, DocumentFormat.YAML),
    ):
        try:
            value, _ = read_values(_text(data), written, kind)
            read_content(value, name, kind)
        except RuleBroken as error:
            refused = error
    if refused is not None:
        raise refused


def _parameter_values(data: bytes) -> None:
    """Values for a document whose parameters have every rule."""
    document = read_document(json.loads(_DOCUMENT))
    first, _, second = _text(data).partition("\n")
    values = check_values("d", document.parameters, {"port": [first], "names": second.split("\n")})
    json.dumps(resolve("d", document, values, SessionDocument(document.session_type), Limits()).content).encode()


def _sealed(data: bytes) -> None:
    """Every token that the server made and gets back; the input under a seal, too, so that its content is read."""
    text, refused = text_of(data), None
    sealed = _SERVICE.vault.seal("session-token", data, _SESSION.encode())
    for forged in (text, b64encode(data).decode(), b64encode(sealed).decode()):
        for read in (
            lambda token: open_page_token(_SERVICE, _CALLER, "ListDocuments", ["x"], token),
            lambda token: open_session_token(_SERVICE, _SESSION, token),
            lambda token: open_temporary(_SERVICE, "ASIA", token),
            lambda token: check_channel_token(_SERVICE, _CALLER, Channel.DATA, _SESSION, token),
            lambda token: finished(authenticate_node(_SERVICE, "ASIA", token)),
            lambda token: grant_of_token(_SERVICE, token),
        ):
            try:
                read(forged)
            except ServiceError as error:
                refused = error
    if refused is not None:
        raise refused


def _blob(data: bytes) -> None:
    key_of_blob(data)
    unseal(bytes(32), data, {"k": "v"})


def _web_identity(data: bytes) -> None:
    """A token, with the provider's documents behind it: three lines."""
    token, _, documents = data.partition(b"\n")
    discovery, _, keys = documents.partition(b"\n")
    fetched = {f"{ISSUER}/.well-known/openid-configuration": discovery, f"{ISSUER}/keys": keys}
    identity = finished(verify_token(service(fetched), _text(token)))
    _claimed(identity.claims)
    claim_keys(identity)


def _claims(data: bytes) -> None:
    """What is in a genuine token is still its provider's, or a person's, to choose."""
    token = jws.serialize_compact({"alg": "ES256", "kid": "k"}, data, _KEY)
    identity = finished(verify_token(service(_FETCHED), token))
    _claimed(identity.claims)
    claim_keys(identity)


_DISCOVERY = json.dumps({"issuer": ISSUER, "jwks_uri": f"{ISSUER}/keys"}).encode()
_KEYS = json.dumps({"keys": [_KEY.as_dict(private=False)]}).encode()
_FETCHED = {f"{ISSUER}/.well-known/openid-configuration": _DISCOVERY, f"{ISSUER}/keys": _KEYS}
_GENUINE = {
    "iss": ISSUER,
    "sub": "alice",
    "aud": ["client", "other"],
    "exp": NOW // 1000 + 60,
    "iat": NOW // 1000,
    "nbf": NOW // 1000,
    "email": "a@example.org",
    "groups": ["x", "y"],
    TAGS_CLAIM: {"principal_tags": {"team": ["blue"]}, "transitive_tag_keys": ["team"]},
    "https://aws.amazon.com/source_identity": "alice",
}
_TOKEN = jwt.encode({"alg": "ES256", "kid": "k"}, cast(Any, _GENUINE), _KEY).encode()


def _node_filter(key: str, values: tuple[str, ...]) -> None:
    node_listing._check_filter(key, values)
    node_listing._query([(key, values)])


def _filters(data: bytes) -> None:
    """A line KEY, then lines of values, as filters of every listing."""
    key, *values = _text(data).split("\n")
    refused = None
    several = tuple(values)
    for read in (
        lambda: _node_filter(key, several),
        lambda: session_listing._query(
            DescribeSessionsRequest(SessionState.ACTIVE, filters=tuple((key, value) for value in values))
        ),
        lambda: access_listing._query([(key, operator, several) for operator in ("Equal", "GreaterThan")]),
        lambda: document_listing._FILTERS.get(key),
        lambda: check_url(_SERVICE, key),
    ):
        try:
            read()
        except ServiceError as error:
            refused = error
    if refused is not None:
        raise refused


def _agent_version(data: bytes) -> None:
    node_listing._numbers(_text(data))


def _registered_key(data: bytes) -> None:
    nodes._check_key(_text(data), "Rsa")


_SANDBOXED = 2.0
"""YAML and Cedar are read in a process of their own, which is ended when it takes too long."""
_BLOB = seal(bytes(32), BlobKey("01234567-89ab-4def-8123-456789abcdef", 1), b"p", {"k": "v"}, bytes)
_TOKENS = (
    seal_page_token(_SERVICE, _CALLER, "ListDocuments", ["x"], ["d"]).encode(),
    token_of(_SERVICE, "g").encode(),
    seal_session_token(_SERVICE, _SESSION, "AIDA", "00" * 12).reveal().encode(),
    issue_channel_token(_SERVICE, _CALLER, Channel.DATA, _SESSION).reveal().encode(),
    cast(
        str,
        issue_temporary(
            _SERVICE, TemporarySession(SessionKind.USER, "AIDA", NOW, Millis(NOW + 10**6), access_key_id="AKIA")
        ).credentials.session_token.reveal(),  # type: ignore[union-attr]
    ).encode(),
)

TARGETS = (
    Target(
        "core.document.json",
        _json_document,
        (_DOCUMENT, _SHELL, _COMMAND),
        (RuleBroken, ServiceError),
        (b"{{ x }}", b"{{ssm:x}}", b'"allowedPattern":"(a*)*b"', b'"properties":'),
        SIZE_LIMIT,
        costly=True,
    ),
    Target(
        "core.document.yaml",
        _yaml_document,
        (*_YAML, _DOCUMENT),
        (RuleBroken, ServiceError),
        _YAML_WORDS,
        SIZE_LIMIT,
        costly=True,
        seconds=_SANDBOXED,
    ),
    Target(
        "core.document.approval_policy",
        _approval_policy,
        (_MANUAL, _AUTO),
        (RuleBroken,),
        (b'"Approvers":', b"arn:aws:iam::1:user/x", b"permit(principal,action,resource);"),
        SIZE_LIMIT,
        costly=True,
        seconds=_SANDBOXED,
    ),
    Target(
        "core.document.parameter_values",
        _parameter_values,
        (b"22\na\nb", b"65535\n"),
        (ServiceError,),
        (b"{{ ssm:x }}", b"{{ names }}", b"\n"),
        64 * KIB,
    ),
    Target("core.kms.blob", _blob, (_BLOB,), (NotACiphertext,), (b"\1",), 8 * KIB),
    Target(
        "core.console.provider",
        decode_endpoints,
        (
            b'{"issuer":"https://a","authorization_endpoint":"https://a/x","token_endpoint":"https://a/y",'
            b'"token_endpoint_auth_methods_supported":["client_secret_post"]}',
        ),
        (Unfetchable,),
        (b'"issuer":', b"null", b"[", b"{}"),
    ),
    Target("core.console.answer", lambda data: form_content(Answer(200, data)), (b'{"id_token":"x"}', b"[")),
    Target("core.tokens", _sealed, _TOKENS, (ServiceError,), (b"=", b"IQoJ"), 16 * KIB),
    Target(
        "core.web_identity.token",
        _web_identity,
        (b"\n".join((_TOKEN, _DISCOVERY, _KEYS)),),
        (ServiceError,),
        (b'"keys":', b'"kty":"RSA"', b'"n":"', b'"crv":"', b".", b"=", b'"jwks_uri":'),
        64 * KIB,
    ),
    Target(
        "core.web_identity.claims",
        _claims,
        (json.dumps(_GENUINE).encode(),),
        (ServiceError,),
        (b'"principal_tags":', b'"aud":', b'"exp":', b'"azp":'),
        64 * KIB,
    ),
    Target(
        "core.filters",
        _filters,
        (
            b"tag:env\nprod",
            b"InstanceIds\nmi-0123456789abcdef0",
            b"InvokedAfter\n2018-08-29T00:00:00Z",
            b"CreatedTime\n2018-08-29T00:00:00+23:59",
            b"https://idp.example.org:443/x",
            b"http://127.0.0.1:80/x",
        ),
        (ServiceError,),
        (b"PingStatus", b"Status", b"Owner", b"AccessType", b"0001-01-01T00:00:00+23:59", b"tag-key", b"http://[::1"),
    ),
    Target("core.agent_version", _agent_version, (b"3.3.0.0", b"0.1.0"), limit=64),
    Target(
        "core.registered_key",
        _registered_key,
        (b64encode(bytes(64)), b"MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA"),
        (ServiceError,),
        (),
        16 * KIB,
    ),
)
