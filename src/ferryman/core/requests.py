"""What use cases are asked and what they answer: plain values, snake_case, validated against AWS's model beforehand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

from ferryman.core.document_kinds import Content
from ferryman.model.callers import Caller, Credentials
from ferryman.model.documents import DocumentFormat, DocumentType, StoredDocument
from ferryman.model.identifiers import ActivationId, Millis, SessionId
from ferryman.model.nodes import Activation, ManagedNode, PingStatus
from ferryman.model.secret import Secret
from ferryman.model.sessions import SessionState

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """One page of a listing; `next_token` is None on the last."""

    items: tuple[Item, ...]
    next_token: str | None = None


@dataclass(frozen=True, slots=True)
class StartSessionRequest:
    """StartSession. `parameters` maps a name to its values; an absent document means the account's shell."""

    target: str
    document_name: str | None = None
    reason: str | None = None
    parameters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SessionTicket:
    """What StartSession and ResumeSession answer. `token_value`: at most 300 characters, empty if all is over."""

    session_id: SessionId
    token_value: Secret
    stream_url: str


@dataclass(frozen=True, slots=True)
class DescribeSessionsRequest:
    """DescribeSessions. `filters` are (key, value) as sent; `max_results` is 1 to 200, None for 50."""

    state: SessionState
    max_results: int | None = None
    next_token: str | None = None
    filters: tuple[tuple[str, str], ...] = ()


class ConnectionStatus(StrEnum):
    """GetConnectionStatus's two answers, in AWS's spelling."""

    CONNECTED = "connected"
    NOT_CONNECTED = "notconnected"


@dataclass(frozen=True, slots=True)
class CreateActivationRequest:
    """CreateActivation. `expires_at` None means in 24 hours; `registration_limit` is 1 to 1000; nodes get `tags`."""

    iam_role: str
    description: str | None = None
    default_instance_name: str | None = None
    registration_limit: int = 1
    expires_at: Millis | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ActivationTicket:
    """What CreateActivation answers; the code is shown this once."""

    activation_id: ActivationId
    activation_code: Secret


@dataclass(frozen=True, slots=True)
class RegisterNodeRequest:
    """RegisterManagedInstance (`protocol/agent.md` §1.2). `public_key` is base64 DER SubjectPublicKeyInfo, RSA."""

    activation_id: str
    activation_code: Secret
    public_key: str
    public_key_type: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class RoleToken:
    """What RequestManagedInstanceRoleToken answers (`protocol/agent.md` §1.11)."""

    credentials: Credentials
    expires_at: Millis
    update_key_pair: bool = False


@dataclass(frozen=True, slots=True)
class TemporaryCredentials:
    """New temporary credentials and when they expire. `packed_percent` is how full policies and tags made the token."""

    credentials: Credentials
    expires_at: Millis
    packed_percent: int


@dataclass(frozen=True, slots=True)
class DescribeNodesRequest:
    """DescribeInstanceInformation. `filters` are (key, values) of either of its two filter lists; 5 to 50 a page."""

    max_results: int | None = None
    next_token: str | None = None
    filters: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class NodeView:
    """A row of DescribeInstanceInformation. `is_latest_version` is None where nobody knows: another maker's agent."""

    node: ManagedNode
    ping_status: PingStatus
    is_latest_version: bool | None


@dataclass(frozen=True, slots=True)
class DescribeActivationsRequest:
    """DescribeActivations. `filters` are (key, values) as sent; 1 to 50 a page, 50 if absent."""

    max_results: int | None = None
    next_token: str | None = None
    filters: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class ActivationView:
    """A row of DescribeActivations. `expired`: it registers no more nodes, whatever its limit."""

    activation: Activation
    expired: bool
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Authenticated:
    """Whose key signed, and the secret that the signature must have been made with."""

    caller: Caller
    secret: Secret


@dataclass(frozen=True, slots=True)
class DocumentDraft:
    """What CreateDocument and UpdateDocument are given of a document; an updated one keeps its type."""

    name: str
    content: str
    format: DocumentFormat = DocumentFormat.JSON
    version_name: str | None = None
    display_name: str | None = None
    target_type: str | None = None
    type: DocumentType = DocumentType.SESSION


@dataclass(frozen=True, slots=True)
class DocumentView:
    """A version of a document for its readers. `owner` is the account's id, or Amazon for a built-in one."""

    stored: StoredDocument
    document: Content
    owner: str
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DocumentSummary:
    """A row of ListDocuments: the default version of a document."""

    stored: StoredDocument
    owner: str
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ListDocumentsRequest:
    """ListDocuments. `filters` are (key, values) of either of its two filter lists; 1 to 50 a page."""

    max_results: int | None = None
    next_token: str | None = None
    filters: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class ListDocumentVersionsRequest:
    """ListDocumentVersions; 1 to 50 a page."""

    name: str
    max_results: int | None = None
    next_token: str | None = None
