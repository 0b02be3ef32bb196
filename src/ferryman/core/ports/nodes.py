"""The ports through which use cases read and write managed nodes and activations."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from ferryman.model.identifiers import ActivationId, Millis, NodeId
from ferryman.model.nodes import Activation, ManagedNode, NodeInformation


class NodeMember(StrEnum):
    """Properties that nodes are selected by."""

    NODE_ID = "node_id"
    AGENT_VERSION = "agent_version"
    PLATFORM_TYPE = "platform_type"
    ACTIVATION_ID = "activation_id"
    IAM_ROLE = "iam_role"
    COMPUTER_NAME = "computer_name"
    IP_ADDRESS = "ip_address"


@dataclass(frozen=True, slots=True)
class Wildcard:
    """A pattern with `*` (any text) and `?` (one character); a backslash escapes either, and itself."""

    text: str


Values = tuple[str | Wildcard, ...]


@dataclass(frozen=True, slots=True)
class NodeQuery:
    """Filters of listings of nodes: all must match, by any of their values.

    `members` are (member, values), `tags` are (key, values), `tag_keys` are lists of keys. `names` are values of the
    tag Name or, if a node has none, of its own name. `named_or_tagged` are lists of keys: a node matches if it has such
    a tag, or a name of its own.
    """

    members: tuple[tuple[NodeMember, Values], ...] = ()
    tags: tuple[tuple[str, Values], ...] = ()
    tag_keys: tuple[Values, ...] = ()
    names: tuple[Values, ...] = ()
    named_or_tagged: tuple[Values, ...] = ()


ANY_NODE = NodeQuery()


class ActivationMember(StrEnum):
    """Properties that activations are selected by."""

    ACTIVATION_ID = "activation_id"
    DEFAULT_NODE_NAME = "default_node_name"
    IAM_ROLE = "iam_role"


ActivationQuery = tuple[tuple[ActivationMember, tuple[str, ...]], ...]
"""Filters of DescribeActivations: all must match, by any of their values."""


@dataclass(frozen=True, slots=True)
class ActivationPosition:
    """Where a page ended: newest first, ActivationId (ascending) breaking ties."""

    created_at: Millis
    activation_id: ActivationId


class NodeStore(Protocol):
    """Managed nodes."""

    async def add(self, node: ManagedNode) -> None:
        """Insert a node; its id must be new."""

    async def get(self, node_id: NodeId) -> ManagedNode | None:
        """Return the node, or None."""

    async def update_information(self, node_id: NodeId, information: NodeInformation, now: Millis) -> bool:
        """Store the reported information and when; empty members keep their previous values. False if unknown."""

    async def replace_key(self, node_id: NodeId, old_key: str, new_key: str, now: Millis) -> bool:
        """Make `new_key` the node's public key, of age 0, if `old_key` still is, atomically; False otherwise."""

    async def set_role(self, node_id: NodeId, iam_role: str) -> bool:
        """Change the node's role; False if unknown."""

    async def page(self, query: NodeQuery, after: NodeId | None, limit: int) -> Sequence[ManagedNode]:
        """Return up to `limit` matching nodes behind `after`, in order of id."""

    async def pings(self, query: NodeQuery, after: NodeId | None, limit: int) -> Sequence[tuple[NodeId, Millis | None]]:
        """Return the same nodes, but only their ids and when each was last heard from."""

    async def remove(self, node_id: NodeId) -> bool:
        """Deregister; False if unknown."""


class ActivationStore(Protocol):
    """Activations."""

    async def add(self, activation: Activation) -> None:
        """Insert an activation."""

    async def get(self, activation_id: ActivationId) -> Activation | None:
        """Return the activation, or None."""

    async def claim(self, activation_id: ActivationId, now: Millis) -> bool:
        """Use one registration if the activation has not expired and its limit is not reached, atomically."""

    async def page(self, query: ActivationQuery, after: ActivationPosition | None, limit: int) -> Sequence[Activation]:
        """Return up to `limit` matching activations behind `after`, newest first."""

    async def remove(self, activation_id: ActivationId) -> bool:
        """Delete; False if unknown."""
