"""The value that every use case gets: settings, ports, vault, clock and source of randomness."""

from dataclasses import dataclass, field

from ferryman.core.changes import Changes
from ferryman.core.document_tasks import DocumentWorker, NoDocumentWorker
from ferryman.core.ports.audit import AuditTrail, NoNotices, NoRecordedEvents, Notices, NoTrail, RecordedEvents
from ferryman.core.ports.bus import Bus
from ferryman.core.ports.kms import NO_CUSTODY, KeyCustody
from ferryman.core.ports.recordings.outputs import NoDestinations, OutputDestinations
from ferryman.core.ports.recordings.recorder import NoRecorder, Recorder
from ferryman.core.ports.recordings.search import NoSearch, RecordingSearch
from ferryman.core.ports.runtime import Clock, Entropy
from ferryman.core.ports.store import Store
from ferryman.core.ports.tracing import NO_TRACING, Tracing
from ferryman.core.providers.endpoints import Post, ProviderEndpoints, post_nothing
from ferryman.core.providers.keys import Fetch, ProviderKeys, fetch_nothing
from ferryman.core.ratelimits.token_bucket import TokenBuckets
from ferryman.core.record_budget import RecordBudget
from ferryman.core.steady_clock import ClockSteps, UnsetClock
from ferryman.core.vault import Vault
from ferryman.core.watch_tickets import WatchTickets
from ferryman.model.arns import Arns
from ferryman.model.identity.console_providers import ConsoleProvider


@dataclass(frozen=True, slots=True)
class Limits:
    """Times in seconds unless the name says otherwise."""

    client_wait: int = 60
    """A session whose client never connects is Failed after this long; also the validity of a client token."""
    node_return: int = 10
    """A session whose node is not connected when its client is, is Failed after this long unless the node returns."""
    terminate_wait: int = 10
    """A Terminating session is Terminated after this long if the agent does not confirm."""
    idle_timeout_minutes: int = 20
    max_duration_minutes: int | None = None
    history_days: int = 30
    page_token_life: int = 24 * 3600
    node_credentials_life: int = 3600
    node_key_days: int | None = None
    """A node with an older key is asked to rotate it; None for never."""
    inactive_days: int = 30
    """A node that was not heard from for longer is Inactive instead of ConnectionLost."""
    channel_token_life: int = 60
    waiting_sessions: int = 100
    """Sessions of one person that wait for their client."""
    waiting_bytes: int = 2 * 1024 * 1024
    """Bytes of those sessions' documents, with parameters substituted."""
    sessions_on_node: int = 200
    """Active sessions of one person on one node."""
    calls_per_second: float = 500
    """API calls of one operation by one caller, after their burst."""
    calls_burst: float = 1000
    connections_per_caller: int = 256
    """Open connections of one user or node, not counting channels."""
    connections_per_address: int = 1024
    """Open connections of all users from one address together."""
    request_memory: int = 32 * 1024 * 1024
    """Bytes of unanswered requests of unauthenticated peers, and as many again of authenticated ones."""
    body_bytes: int = 1024 * 1024
    frame_bytes: int = 1024 * 1024
    """The largest WebSocket message a peer may send; AWS's agent stays below 150 KB."""


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """`required`: refuse what cannot be recorded. `agent_calls`: record the calls that keep agents connected.

    `commands`: record the commands in the parameters of session documents.
    """

    required: bool = True
    agent_calls: bool = False
    commands: bool = False


ACCESS_REQUESTS = (60, 1 / 60)
"""Requests for access that one person may make: how many at once, and per second. Each notifies approvers."""


@dataclass(frozen=True, slots=True)
class AccessSettings:
    """`end_sessions`: sessions end together with the just-in-time access that started them."""

    end_sessions: bool = True


@dataclass(frozen=True, slots=True)
class WatchingSettings:
    """Whether sessions can be watched live, and by how many.

    `announce`: the person whose session is watched is notified. `sessions_per_person` are what one person may watch on
    one server at a time. A session that needs observers may lack them for `observer_grace` seconds before it pauses,
    and for `observer_wait` seconds more, or before it starts, until it ends.
    """

    enabled: bool = True
    announce: bool = True
    watchers_per_session: int = 10
    sessions_per_person: int = 10
    observer_grace: int = 30
    observer_wait: int = 300


@dataclass(frozen=True, slots=True)
class ConsoleSettings:
    """The web console: whether there is one, where, and how long a browser stays signed in.

    `path` is the console's on the server, without a slash at its end; `public_url` is `http[s]://host[:port]`, where
    browsers reach it, if not at the server's. A session of a browser ends `idle_seconds` after its last call, and
    `session_seconds` after it began. `providers` are those that people sign in with.
    """

    enabled: bool = True
    path: str = "/console"
    public_url: str = ""
    idle_seconds: int = 1800
    session_seconds: int = 12 * 3600
    providers: tuple[ConsoleProvider, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """This server's identity. `public_url` is `http[s]://host[:port]`, where clients and agents reach it."""

    account_id: str
    region: str
    public_url: str
    limits: Limits = field(default_factory=Limits)
    audit: AuditSettings = field(default_factory=AuditSettings)
    oidc_on_loopback: bool = False
    """Allow OpenID Connect providers on this machine to use plain HTTP."""
    access: AccessSettings = field(default_factory=AccessSettings)
    watching: WatchingSettings = field(default_factory=WatchingSettings)
    console: ConsoleSettings = field(default_factory=ConsoleSettings)

    @property
    def websocket_url(self) -> str:
        """`ws[s]://host[:port]`."""
        return "ws" + self.public_url.removeprefix("http").rstrip("/")


@dataclass(frozen=True, slots=True)
class Service:
    """One value passed to every use case."""

    settings: Settings
    store: Store
    bus: Bus
    vault: Vault
    clock: Clock
    entropy: Entropy
    trail: AuditTrail = field(default_factory=NoTrail)
    fetch: Fetch = fetch_nothing
    post_form: Post = post_nothing
    provider_keys: ProviderKeys = field(default_factory=ProviderKeys)
    provider_endpoints: ProviderEndpoints = field(default_factory=ProviderEndpoints)
    notices: Notices = field(default_factory=NoNotices)
    watch_tickets: WatchTickets = field(default_factory=WatchTickets)
    document_worker: DocumentWorker = field(default_factory=NoDocumentWorker)
    clock_steps: ClockSteps = field(default_factory=UnsetClock)
    """How far `clock` has been moved with the machine's clock."""
    records: RecordBudget = field(default_factory=RecordBudget)
    recorder: Recorder = field(default_factory=NoRecorder)
    recording_search: RecordingSearch = field(default_factory=NoSearch)
    custody: KeyCustody = NO_CUSTODY
    """Which KMS key wraps the data keys of recordings."""
    outputs: OutputDestinations = field(default_factory=NoDestinations)
    access_requests: TokenBuckets[str] = field(default_factory=lambda: TokenBuckets(*ACCESS_REQUESTS))
    """How many access requests a person may still make."""
    recorded_events: RecordedEvents = field(default_factory=NoRecordedEvents)
    tracing: Tracing = NO_TRACING
    """Traces calls and sessions."""
    server_name: str = ""
    """This server's name among several on one store; empty if it is the only one."""
    changes: Changes = field(default_factory=Changes)
    """What has changed since open pages of the console were last notified."""

    @property
    def arns(self) -> Arns:
        """The ARNs of this server's account and region."""
        return Arns(self.settings.account_id, self.settings.region)
