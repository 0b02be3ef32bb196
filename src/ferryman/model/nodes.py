"""Managed nodes and the activations that admit them."""

from dataclasses import asdict, dataclass
from enum import StrEnum

from ferryman.model.identifiers import ActivationId, Millis, NodeId


class PingStatus(StrEnum):
    """Online: the control channel is up. ConnectionLost: it was up recently. Inactive: long ago, or never."""

    ONLINE = "Online"
    CONNECTION_LOST = "ConnectionLost"
    INACTIVE = "Inactive"


@dataclass(frozen=True, slots=True)
class NodeInformation:
    """What a node reports about itself in UpdateInstanceInformation; empty before the first report."""

    agent_name: str = ""
    agent_version: str = ""
    platform_type: str = ""
    platform_name: str = ""
    platform_version: str = ""
    computer_name: str = ""
    ip_address: str = ""

    def cut(self) -> "NodeInformation":
        """Return it with what is longer than `LONGEST_INFORMATION` cut off: a node may report anything."""
        return NodeInformation(**{name: value[: LONGEST_INFORMATION[name]] for name, value in asdict(self).items()})


LONGEST_INFORMATION = {
    "agent_name": 128,
    "agent_version": 64,
    "platform_type": 32,
    "platform_name": 256,
    "platform_version": 256,
    "computer_name": 256,
    "ip_address": 64,
}
"""Characters of each member that are kept."""


@dataclass(frozen=True, slots=True)
class ManagedNode:
    """A registered machine. `public_key` is base64 DER SubjectPublicKeyInfo, what its RSA requests are verified by.

    It has been in use since `key_since`.
    """

    node_id: NodeId
    public_key: str
    fingerprint: str
    activation_id: ActivationId
    iam_role: str
    registered_at: Millis
    key_since: Millis
    name: str | None = None
    last_ping_at: Millis | None = None
    information: NodeInformation = NodeInformation()


@dataclass(frozen=True, slots=True)
class Activation:
    """Permission to register up to `registration_limit` nodes before `expires_at`. Only the code's hash is kept."""

    activation_id: ActivationId
    code_hash: bytes
    iam_role: str
    description: str | None
    default_node_name: str | None
    registration_limit: int
    registrations: int
    created_at: Millis
    expires_at: Millis
