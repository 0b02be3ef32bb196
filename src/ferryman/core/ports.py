"""What use cases need from the outside, as protocols: `store` and `bus` implement them.

One test suite a port runs over every adapter (`tests/contract`).

Times are `Millis`. Nothing here blocks the event loop.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from ferryman.core.access_ports import AccessRequestStore
from ferryman.core.iam_ports import GroupStore, KeyHolder, OidcProviderStore, PolicyStore, RoleStore
from ferryman.model.callers import AccessKey, KeyUse, User, UserChanges
from ferryman.model.documents import DocumentType, DocumentVersion, StoredDocument, WhichVersion
from ferryman.model.identifiers import ActivationId, Millis, NodeId, SessionId
from ferryman.model.nodes import Activation, ManagedNode, NodeInformation
from ferryman.model.sessions import AccessType, Session, SessionQuota, SessionState, SessionStatus, SessionUsage
from ferryman.model.tags import ResourceType

Clock = Callable[[], Millis]
Entropy = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class SessionQuery:
    """Filters of DescribeSessions; None means any. `ended_since` bounds History; `owner` is an ARN."""

    state: SessionState
    ended_since: Millis | None = None
    invoked_after: Millis | None = None
    invoked_before: Millis | None = None
    target: str | None = None
    owner: str | None = None
    owner_name: str | None = None
    status: SessionStatus | None = None
    session_id: str | None = None
    access_type: AccessType | None = None


@dataclass(frozen=True, slots=True)
class SessionPosition:
    """Where a page ended: newest StartDate first, SessionId (ascending) breaking ties."""

    started_at: Millis
    session_id: SessionId


@dataclass(frozen=True, slots=True)
class SessionChanges:
    """Members to set along with a transition; None leaves a member as it is. `token_id` "" clears it."""

    details: str | None = None
    ended_at: Millis | None = None
    deadline_at: Millis | None = None
    token_id: str | None = None


NO_CHANGES = SessionChanges()


class NodeMember(StrEnum):
    """What nodes are selected by."""

    NODE_ID = "node_id"
    AGENT_VERSION = "agent_version"
    PLATFORM_TYPE = "platform_type"
    ACTIVATION_ID = "activation_id"
    IAM_ROLE = "iam_role"
    COMPUTER_NAME = "computer_name"
    IP_ADDRESS = "ip_address"


@dataclass(frozen=True, slots=True)
class Wildcard:
    """A value with `*` (any text) and `?` (one character); a backslash takes either, and itself, as it is."""

    text: str


Values = tuple[str | Wildcard, ...]


@dataclass(frozen=True, slots=True)
class NodeQuery:
    """Filters of listings of nodes: all must hold, any value of each will do.

    `members` are (member, values), `tags` are (key, values), `tag_keys` are lists of keys. `names` are values of the
    tag Name or, where a node has none, of its own name. `named_or_tagged` are lists of keys: a node has such a tag, or
    a name of its own.
    """

    members: tuple[tuple[NodeMember, Values], ...] = ()
    tags: tuple[tuple[str, Values], ...] = ()
    tag_keys: tuple[Values, ...] = ()
    names: tuple[Values, ...] = ()
    named_or_tagged: tuple[Values, ...] = ()


ANY_NODE = NodeQuery()


class ActivationMember(StrEnum):
    """What activations are selected by."""

    ACTIVATION_ID = "activation_id"
    DEFAULT_NODE_NAME = "default_node_name"
    IAM_ROLE = "iam_role"


ActivationQuery = tuple[tuple[ActivationMember, tuple[str, ...]], ...]
"""Filters of DescribeActivations: all must hold, any value of each will do."""


@dataclass(frozen=True, slots=True)
class ActivationPosition:
    """Where a page ended: newest first, ActivationId (ascending) breaking ties."""

    created_at: Millis
    activation_id: ActivationId


class SessionStore(Protocol):
    """Sessions. Every write is durable when it returns."""

    async def add(
        self, session: Session, document_content: str | None = None, quota: SessionQuota | None = None
    ) -> SessionUsage | None:
        """Insert a session, and the document that its node is to run, as JSON; its id must be new.

        Returns None; if the session would exceed `quota`, nothing is inserted, and what is used of it is returned.
        """

    async def document_content(self, session_id: SessionId) -> str | None:
        """Return what the session's node is to run; None once it ended, or for no such session."""

    async def get(self, session_id: SessionId) -> Session | None:
        """Return the session, or None."""

    async def transition(
        self, session_id: SessionId, to: SessionStatus, changes: SessionChanges = NO_CHANGES
    ) -> Session | None:
        """Move to `to` if the status machine allows it from where the session is now, atomically.

        Returns the session after the change; None when there is no such session or the table forbids the step.
        """

    async def issue_token(self, session_id: SessionId, token_id: str, deadline_at: Millis) -> Session | None:
        """Replace the session's client token and deadline if it is still resumable; None otherwise."""

    async def consume_token(self, session_id: SessionId, token_id: str) -> Session | None:
        """Clear a resumable session's token if it is `token_id`; the session for exactly one caller per token."""

    async def disconnect(self, deadlines: Mapping[SessionId, Millis]) -> frozenset[SessionId]:
        """Move those of these sessions that are Connected to Disconnected, with their new deadlines, all at once.

        Returns which were.
        """

    async def set_deadline(self, session_id: SessionId, deadline_at: Millis) -> None:
        """Set when the sweep must next look at an active session."""

    async def move_times(self, by: int) -> int:
        """The clock was set by so many milliseconds: move the start and the deadline of every active session with it.

        A deadline is not moved past `access_ends_at`. Returns how many sessions there are.
        """

    async def due(self, now: Millis, limit: int) -> Sequence[Session]:
        """Active sessions whose deadline has come, earliest first."""

    async def page(self, query: SessionQuery, after: SessionPosition | None, limit: int) -> Sequence[Session]:
        """Up to `limit` sessions that match, from just behind `after`. Cost does not grow with history."""

    async def active_on(self, node_id: NodeId) -> Sequence[Session]:
        """Active sessions of one node."""

    async def active_by(self, access_request_id: str) -> Sequence[Session]:
        """Active sessions that were started by an access request."""

    async def prune(self, ended_before: Millis, limit: int) -> int:
        """Delete up to `limit` ended sessions that ended before; returns how many."""


class NodeStore(Protocol):
    """Managed nodes."""

    async def add(self, node: ManagedNode) -> None:
        """Insert a node; its id must be new."""

    async def get(self, node_id: NodeId) -> ManagedNode | None:
        """Return the node, or None."""

    async def update_information(self, node_id: NodeId, information: NodeInformation, now: Millis) -> bool:
        """Store what the node says of itself and when; empty members keep what was there. False if unknown."""

    async def replace_key(self, node_id: NodeId, old_key: str, new_key: str, now: Millis) -> bool:
        """Make `new_key` the node's public key, of age 0, if `old_key` still is, atomically; False otherwise."""

    async def set_role(self, node_id: NodeId, iam_role: str) -> bool:
        """Change the node's role; False if unknown."""

    async def page(self, query: NodeQuery, after: NodeId | None, limit: int) -> Sequence[ManagedNode]:
        """Up to `limit` nodes that match, in order of id, from just behind `after`."""

    async def pings(self, query: NodeQuery, after: NodeId | None, limit: int) -> Sequence[tuple[NodeId, Millis | None]]:
        """The same nodes, only their ids and when each was last heard of."""

    async def remove(self, node_id: NodeId) -> bool:
        """Deregister; False if unknown."""


class ActivationStore(Protocol):
    """Activations."""

    async def add(self, activation: Activation) -> None:
        """Insert an activation."""

    async def get(self, activation_id: ActivationId) -> Activation | None:
        """Return the activation, or None."""

    async def claim(self, activation_id: ActivationId, now: Millis) -> bool:
        """Take one registration if the activation has not expired and its limit is not reached, atomically."""

    async def page(self, query: ActivationQuery, after: ActivationPosition | None, limit: int) -> Sequence[Activation]:
        """Up to `limit` activations that match, newest first, from just behind `after`."""

    async def remove(self, activation_id: ActivationId) -> bool:
        """Delete; False if unknown."""


class IdentityStore(Protocol):
    """Users and their access keys."""

    async def add_user(self, user: User) -> None:
        """Insert a user; `ServiceError` EntityAlreadyExists (409) if the name is taken."""

    async def get_user(self, user_id: str) -> User | None:
        """Return the user by id."""

    async def user_named(self, name: str) -> User | None:
        """Return the user by name."""

    async def users(self) -> Sequence[User]:
        """All users by name."""

    async def page(self, path_prefix: str, after: str, limit: int) -> Sequence[User]:
        """Up to `limit` users by name, from just behind `after`, whose path begins with `path_prefix`."""

    async def count(self) -> int:
        """How many users there are."""

    async def boundary_counts(self) -> Mapping[str, int]:
        """How many users each policy is the permissions boundary of, by ARN; those that bound one only."""

    async def change_user(self, user_id: str, changes: UserChanges) -> bool:
        """Set what changes; False if unknown, `ServiceError` EntityAlreadyExists (409) if the name is taken."""

    async def bounded_by(self, arn: str) -> Sequence[User]:
        """The users whose permissions boundary it is, by name."""

    async def remove_user(self, user_id: str) -> bool:
        """Delete a user and their keys."""

    async def add_key(self, key: AccessKey) -> None:
        """Insert an access key."""

    async def get_key(self, access_key_id: str) -> AccessKey | None:
        """Return a key by its id."""

    async def key_holder(self, access_key_id: str) -> KeyHolder | None:
        """Return a key with its user and what bears on the user, in one read; None if unknown."""

    async def keys_of(self, user_id: str) -> Sequence[AccessKey]:
        """A user's keys, oldest first."""

    async def keys_after(self, access_key_id: str, limit: int) -> Sequence[AccessKey]:
        """Up to `limit` keys of anybody, in order of id, from just behind `access_key_id`, "" for the first."""

    async def reseal_key(self, access_key_id: str, sealed_before: bytes, sealed: bytes) -> bool:
        """Replace how a key's secret is sealed, if it still is `sealed_before`, atomically; False otherwise."""

    async def set_key_active(self, access_key_id: str, *, active: bool) -> bool:
        """Enable or disable a key."""

    async def note_key_uses(self, uses: Mapping[str, KeyUse]) -> None:
        """Remember when keys were last used, by id, at least one; those that are gone are left out."""

    async def remove_key(self, access_key_id: str) -> bool:
        """Delete a key."""


class DocumentStore(Protocol):
    """The account's session documents. Every change is atomic."""

    async def add(self, document: StoredDocument) -> bool:
        """Insert a document's first version; False if the name is taken."""

    async def append(self, document: StoredDocument) -> int | None:
        """Insert the next version if the latest still is `document.latest_version`; returns its number, or None.

        The number in `document` is not looked at: numbers of deleted versions are not used again. Raises ServiceError
        DuplicateDocumentVersionName.
        """

    async def count(self) -> int:
        """How many documents there are."""

    async def get(self, name: str, which: WhichVersion) -> StoredDocument | None:
        """Return that version, None if there is none such, or no such document."""

    async def all(self, kind: DocumentType | None = None) -> Sequence[StoredDocument]:
        """Return the default version of every document, or of every one of a type, by name."""

    async def versions(self, name: str, before: int | None, limit: int) -> Sequence[DocumentVersion]:
        """Return up to `limit` versions below the number `before`, newest first."""

    async def set_default(self, name: str, version: int) -> bool:
        """Make this the default version; False if there is no such version."""

    async def remove(self, name: str) -> bool:
        """Delete a document and all its versions; False if there is none."""

    async def remove_version(self, name: str, version: int) -> bool:
        """Delete one version; False if it is the default or there is none."""


class TagStore(Protocol):
    """Tags of resources."""

    async def put(self, resource_type: ResourceType, resource_id: str, given: Mapping[str, str]) -> None:
        """Set these tags, at least one; others stay.

        `model.tags.check_together` is asked of the stored tags in the same transaction: raises AlikeTagKeys,
        TooManyTags, and then sets none.
        """

    async def of(self, resource_type: ResourceType, resource_ids: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """Return the tags of each of these resources that has any, keys in order."""

    async def page(
        self, resource_type: ResourceType, filters: Sequence[tuple[str, Sequence[str]]], after: str, limit: int
    ) -> Sequence[str]:
        """Up to `limit` ids of tagged resources, in order, from just behind `after`.

        `filters` are (key, values): all must hold; any value will do, and none means that the key is enough.
        """

    async def remove(self, resource_type: ResourceType, resource_id: str, keys: Sequence[str] | None = None) -> None:
        """Delete the tags with these keys; None for all."""


class Store(Protocol):
    """The stores of one database."""

    @property
    def sessions(self) -> SessionStore:
        """Sessions."""

    @property
    def nodes(self) -> NodeStore:
        """Managed nodes."""

    @property
    def activations(self) -> ActivationStore:
        """Activations."""

    @property
    def identities(self) -> IdentityStore:
        """Users and keys."""

    @property
    def groups(self) -> GroupStore:
        """Groups of users."""

    @property
    def policies(self) -> PolicyStore:
        """Policies, and who has them."""

    @property
    def roles(self) -> RoleStore:
        """Roles."""

    @property
    def oidc_providers(self) -> OidcProviderStore:
        """OpenID Connect providers."""

    @property
    def documents(self) -> DocumentStore:
        """Session documents."""

    @property
    def tags(self) -> TagStore:
        """Tags."""

    @property
    def access_requests(self) -> AccessRequestStore:
        """Access requests."""

    async def check(self) -> None:
        """Raise `StoreUnavailable` if the database cannot be read and written; for `/healthz`."""


class NoResponders(Exception):
    """Nobody is subscribed to the subject: the node or the session's relay is on no server."""


Handler = Callable[[bytes], Awaitable[bytes]]
"""Gets a message's payload, returns the reply (empty for none)."""


class Subscription(Protocol):
    """One subscriber of one subject."""

    async def close(self) -> None:
        """Stop receiving; idempotent."""


class Bus(Protocol):
    """Messages between servers, by subject. At most once; a handler runs for one message at a time."""

    async def subscribe(self, subject: str, handler: Handler) -> Subscription:
        """Receive what is sent to `subject` from the moment this returns."""

    async def request(self, subject: str, payload: bytes, *, timeout: float) -> bytes:
        """Send to the newest subscriber and return its reply. `NoResponders` at once when there is none, `TimeoutError`
        after `timeout` seconds."""

    async def subscribed(self, subjects: Sequence[str], *, timeout: float) -> frozenset[str]:
        """Return which of the subjects have a subscriber: a request to any other meets `NoResponders`.

        What no server has answered for after `timeout` seconds counts as having none.
        """

    async def publish(self, subject: str, payload: bytes) -> None:
        """Send to every subscriber; nobody listening is no error."""


Entry = dict[str, Any]
"""A record of the audit trail: texts, whole numbers, booleans, None, lists and maps of these."""


class Unrecorded(Exception):
    """The entry is not in the trail."""


class AuditTrail(Protocol):
    """What happened, in order, for good. An entry belongs to the trail once it is given."""

    @property
    def failure(self) -> str | None:
        """Why the trail cannot be written at the moment; None while it can."""

    def note(self, entry: Entry) -> None:
        """Put an entry into the trail soon."""

    async def keep(self, entry: Entry) -> None:
        """Put an entry into the trail and return when it is there; raises `Unrecorded`."""


class Notices(Protocol):
    """Who is told of access requests. Best effort: what cannot be delivered is given up after some tries."""

    def put(self, entry: Entry) -> None:
        """Tell soon; of too many that wait the oldest are dropped."""
