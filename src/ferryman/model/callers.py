"""Who is calling: the identity that a verified signature stands for, and what it may do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ferryman.model.identifiers import Millis, NodeId
from ferryman.model.policies import PolicyDocument
from ferryman.model.secret import Secret


class CallerKind(StrEnum):
    """What kind of identity signs."""

    USER = "user"
    NODE = "node"


class Role(StrEnum):
    """The two built-in policies by short names: everything, or sessions of one's own."""

    ADMINISTRATOR = "administrator"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from: the peer's address, its User-Agent, whether over TLS."""

    source_ip: str = ""
    user_agent: str = ""
    is_secure: bool = False


NO_ORIGIN = Origin()


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated identity. `name` prefixes session ids; `arn` is their owner; `node_id` is set for nodes only.

    `policies` are all identity policies that bear on it, read when its signature was looked up; without any it may do
    nothing. `tags` are its own, as `aws:PrincipalTag/…`.
    """

    kind: CallerKind
    account_id: str
    arn: str
    user_id: str
    name: str
    node_id: NodeId | None = None
    policies: tuple[PolicyDocument, ...] = field(default=(), repr=False)
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)
    origin: Origin = NO_ORIGIN


@dataclass(frozen=True, slots=True)
class User:
    """A person or program with access keys. `user_id` is `AIDA` and 17 upper-case characters, never reused."""

    user_id: str
    name: str
    created_at: Millis


@dataclass(frozen=True, slots=True)
class AccessKey:
    """A long-lived access key. `sealed_secret` is the secret under the server's key, never in clear."""

    access_key_id: str
    user_id: str
    sealed_secret: bytes
    active: bool
    created_at: Millis


@dataclass(frozen=True, slots=True)
class Credentials:
    """What signs a call."""

    access_key_id: str
    secret_access_key: Secret
    session_token: Secret | None = None


def user_arn(account_id: str, name: str) -> str:
    """Return the ARN of an IAM user of this account."""
    return f"arn:aws:iam::{account_id}:user/{name}"


def node_arn(account_id: str, region: str, node_id: NodeId) -> str:
    """Return the ARN of a managed node of this account."""
    return f"arn:aws:ssm:{region}:{account_id}:managed-instance/{node_id}"


def document_arn(account_id: str, region: str, name: str) -> str:
    """Return the ARN of a session document; AWS-owned ones have no account."""
    owner = "" if name.startswith("AWS-") else account_id
    return f"arn:aws:ssm:{region}:{owner}:document/{name}"


def session_arn(account_id: str, region: str, session_id: str) -> str:
    """Return the ARN of a session of this account."""
    return f"arn:aws:ssm:{region}:{account_id}:session/{session_id}"
