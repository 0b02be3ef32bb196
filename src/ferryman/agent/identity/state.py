"""The agent's state directory: who this node is, its key, its cached credentials. 0700, every file 0600.

Files are replaced in one step, never written in place, so a crash or a full disk leaves the old content or the new.
Session workers read the directory, too: the packages that the key needs are imported on first use, which most workers
never reach.
"""

import contextlib
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from ferryman.agent.identity.faults import StateUnusable
from ferryman.agent.machine import Machine, this_machine
from ferryman.model.failures import said_by
from ferryman.model.identifiers import NodeId
from ferryman.model.identity.credentials import Credentials
from ferryman.model.values.secret import Secret
from ferryman.system.private_files import replace_private, write_beside

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

IDENTITY_BYTES = 8192
"""More than the key and registration need."""
_Struct = TypeVar("_Struct", bound=msgspec.Struct)


class Registration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who this node is. `endpoint` is the server's one URL, for every service."""

    endpoint: str
    region: str
    node_id: str
    fingerprint: str
    machine: str
    """Hash of the machine id at registration, empty if there was none: a copy on another machine is known by it."""
    ca_file: str | None = None
    name: str | None = None
    """The computer name that the node reports instead of the host's."""


class RoleCredentials(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Temporary credentials of this node. Times are seconds since the epoch."""

    access_key_id: str
    secret_access_key: str
    session_token: str
    issued_at: float
    expires_at: float

    @property
    def refresh_at(self) -> float:
        """Half of the lifetime: when to request new ones."""
        return (self.issued_at + self.expires_at) / 2

    def credentials(self) -> Credentials:
        """Return the credentials to sign with."""
        return Credentials(self.access_key_id, Secret(self.secret_access_key), Secret(self.session_token))

    def __repr__(self) -> str:
        return f"RoleCredentials({self.access_key_id}, until {datetime.fromtimestamp(self.expires_at, UTC)})"


class StateDirectory:
    """Reads and writes the files; knows their names."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.sessions = self.path / "sessions"
        self.lock_file = self.path / "agent.lock"
        self._registration = self.path / "registration.json"
        self._key = self.path / "key.pem"
        self._next_key = self.path / "next-key.pem"
        self._credentials = self.path / "credentials.json"
        self._machine = self.path / "machine.json"

    def create(self) -> None:
        """Create the directory, closed to others; raises `StateUnusable` if it cannot, or if it is another user's."""
        try:
            for directory in (self.path, self.sessions):
                directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                if stat.S_IMODE(directory.stat().st_mode) != 0o700:  # on a read-only file system nothing can be set
                    directory.chmod(0o700)
        except OSError as error:
            raise StateUnusable(f"cannot use the state directory {self.path}: {error.strerror}") from error

    @property
    def registered(self) -> bool:
        """True once `save_registration` has run."""
        return self._registration.exists()

    def require_writable(self) -> None:
        """Raise `StateUnusable` unless an identity could be saved: check this before using up an activation."""
        probe = self.path / "probe"
        try:
            replace_private(probe, bytes(IDENTITY_BYTES))
            probe.unlink()
        except OSError as error:
            raise _not_writable(self.path, error) from error

    def save_registration(self, registration: Registration, key: "RSAPrivateKey") -> None:
        """Replace the node's identity, entirely or not at all, and drop what the old one cached.

        Raises `StateUnusable` when it cannot be written.
        """
        from ferryman.agent.identity import node_key

        identity = {
            self._machine: msgspec.json.encode(this_machine()),
            self._key: node_key.encoded(key),
            self._registration: msgspec.json.format(msgspec.json.encode(registration)),
        }
        written: list[Path] = []
        try:
            for path, content in identity.items():
                written.append(write_beside(path, content))
            self._credentials.unlink(missing_ok=True)
            self._next_key.unlink(missing_ok=True)
            for temporary, path in zip(written, identity, strict=True):
                temporary.replace(path)
        except OSError as error:
            for temporary in written:
                temporary.unlink(missing_ok=True)
            raise _not_writable(self.path, error) from error

    def registration(self) -> Registration:
        """Return the node's identity; raises `StateUnusable` when there is none or it cannot be read."""
        try:
            return msgspec.json.decode(self._registration.read_bytes(), type=Registration)
        except FileNotFoundError as error:
            raise StateUnusable(
                f"{self.path} holds no registration: run 'ferryman agent register' with an activation first"
            ) from error
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise StateUnusable(f"cannot read {self._registration}: {said_by(error)}") from error

    def require_this_machine(self) -> None:
        """Raise `StateUnusable` if the node was registered on another machine; the text says what to do."""
        registration = self.registration()
        recorded = read_struct(self._machine, Machine) or Machine()
        difference = this_machine().difference_from(Machine(registration.machine, recorded.hardware))
        if difference:
            raise StateUnusable(
                f"{self.path} belongs to node {registration.node_id} on another machine: {difference} differs. If this "
                "is a copy, register this machine as a node of its own with 'ferryman agent register --replace' and an "
                "activation; if the node was moved here, run 'ferryman agent rebind'"
            )

    def record_machine(self) -> None:
        """Record the facts about the machine that an older agent left out at registration, if they can be read."""
        here, recorded = this_machine(), read_struct(self._machine, Machine)
        if recorded is None or (here.hardware and not recorded.hardware):
            with contextlib.suppress(OSError):
                replace_private(self._machine, msgspec.json.encode(here))

    def bind_to_this_machine(self) -> NodeId:
        """Bind the node to this machine, after it was moved, and return its id; raises `StateUnusable`."""
        here = this_machine()
        registration = msgspec.structs.replace(self.registration(), machine=here.machine_id)
        try:
            self._credentials.unlink(missing_ok=True)
            replace_private(self._machine, msgspec.json.encode(here))
            replace_private(self._registration, msgspec.json.format(msgspec.json.encode(registration)))
        except OSError as error:
            raise _not_writable(self.path, error) from error
        return node_id(registration)

    def is_of_this_machine(self) -> bool:
        """Tell whether the node was registered on this machine, as far as the machine can be told from others."""
        try:
            self.require_this_machine()
        except StateUnusable:
            return False
        return True

    def key(self) -> "RSAPrivateKey":
        """Return the node's private key; raises `StateUnusable`."""
        from ferryman.agent.identity import node_key

        return node_key.read(self._key)

    def next_key(self) -> "RSAPrivateKey | None":
        """Return the key that is to replace the node's, None if there is none; raises `StateUnusable`."""
        from ferryman.agent.identity import node_key

        return node_key.read(self._next_key) if self._next_key.exists() else None

    def save_next_key(self, key: "RSAPrivateKey") -> None:
        """Keep a key before the server hears of it: whichever of the two it knows then, the node has it.

        Raises `StateUnusable` when it cannot be written.
        """
        from ferryman.agent.identity import node_key

        try:
            replace_private(self._next_key, node_key.encoded(key))
        except OSError as error:
            raise _not_writable(self._next_key, error) from error

    def adopt_next_key(self) -> None:
        """Make the next key the node's; another process of this node may have done so already. Raises OSError."""
        with contextlib.suppress(FileNotFoundError):
            self._next_key.replace(self._key)

    def save_credentials(self, credentials: RoleCredentials) -> None:
        """Keep temporary credentials for session workers and for the next start. Raises OSError."""
        replace_private(self._credentials, msgspec.json.encode(credentials))

    def credentials(self) -> RoleCredentials | None:
        """Return the stored credentials, None if there are none that can be read."""
        return read_struct(self._credentials, RoleCredentials)


def _not_writable(path: Path, error: OSError) -> StateUnusable:
    return StateUnusable(f"cannot write to {path}: {error.strerror}; free some space there, or make it writable")


def read_struct(path: Path, kind: type[_Struct]) -> _Struct | None:
    """Return the struct that `path` holds as JSON, None when it cannot be read or holds something else."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def node_id(registration: Registration) -> NodeId:
    """Return the registration's node id."""
    return NodeId(registration.node_id)
