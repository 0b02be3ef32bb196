"""The port of the whole store, which joins those of its parts.

Times are `Millis`. Nothing here blocks the event loop.
"""

from collections.abc import Mapping
from typing import Protocol

from ferryman.core.ports.audit import TrailHeads
from ferryman.core.ports.documents import DocumentStore, TagStore
from ferryman.core.ports.kms import KmsAliasStore, KmsGrantStore, KmsKeyStore
from ferryman.core.ports.nodes import ActivationStore, NodeStore
from ferryman.core.ports.people.access_requests import AccessRequestStore
from ferryman.core.ports.people.browser_sessions import BrowserSessionStore
from ferryman.core.ports.people.iam import GroupStore, OidcProviderStore, PolicyStore, RoleStore
from ferryman.core.ports.people.identities import IdentityStore
from ferryman.core.ports.people.invitations import InvitationStore
from ferryman.core.ports.recordings.outputs import OutputStore
from ferryman.core.ports.recordings.store import RecordingStore
from ferryman.core.ports.sessions import SessionStore
from ferryman.model.values.timing import Timing


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
    def invitations(self) -> InvitationStore:
        """Invitations of users."""

    @property
    def browser_sessions(self) -> BrowserSessionStore:
        """Sessions of browsers in the console."""

    @property
    def groups(self) -> GroupStore:
        """Groups of users."""

    @property
    def policies(self) -> PolicyStore:
        """Policies and their holders."""

    @property
    def roles(self) -> RoleStore:
        """Roles."""

    @property
    def oidc_providers(self) -> OidcProviderStore:
        """OpenID Connect providers."""

    @property
    def documents(self) -> DocumentStore:
        """Documents."""

    @property
    def tags(self) -> TagStore:
        """Tags."""

    @property
    def access_requests(self) -> AccessRequestStore:
        """Access requests."""

    @property
    def recordings(self) -> RecordingStore:
        """Recordings of sessions."""

    @property
    def outputs(self) -> OutputStore:
        """Session logs to be delivered."""

    @property
    def kms_keys(self) -> KmsKeyStore:
        """KMS keys."""

    @property
    def kms_aliases(self) -> KmsAliasStore:
        """Aliases of KMS keys."""

    @property
    def kms_grants(self) -> KmsGrantStore:
        """Grants of KMS keys."""

    @property
    def trail_heads(self) -> TrailHeads:
        """How far the audit trail has got."""

    @property
    def timings(self) -> Mapping[str, Timing]:
        """How long callers have waited, by kind of statement: `read`, `list` or `write`."""

    async def check(self) -> None:
        """Raise `StoreUnavailable` if the database cannot be read and written; for `/healthz`."""
