"""Requests and results of the actions on managed nodes and activations."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ferryman.model.identifiers import ActivationId, Millis
from ferryman.model.identity.credentials import Credentials
from ferryman.model.nodes import Activation, ManagedNode, PingStatus
from ferryman.model.values.secret import Secret


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
    """The result of CreateActivation; only now can the code be seen."""

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
    """The result of RequestManagedInstanceRoleToken (`protocol/agent.md` §1.11)."""

    credentials: Credentials
    expires_at: Millis
    update_key_pair: bool = False


@dataclass(frozen=True, slots=True)
class DescribeNodesRequest:
    """DescribeInstanceInformation. `filters` are (key, values) of either of its two filter lists; 5 to 50 a page."""

    max_results: int | None = None
    next_token: str | None = None
    filters: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class NodeView:
    """A row of DescribeInstanceInformation. `is_latest_version` is None if unknown: another vendor's agent."""

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
    """A row of DescribeActivations. An `expired` activation registers no further nodes, whatever its limit."""

    activation: Activation
    expired: bool
    tags: Mapping[str, str] = field(default_factory=dict)
