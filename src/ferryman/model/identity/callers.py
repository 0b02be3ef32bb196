"""The caller: the identity that a verified signature belongs to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256

from ferryman.model.identifiers import NodeId
from ferryman.model.identity.credential_sessions import TemporarySession
from ferryman.model.identity.policies import PolicyDocument
from ferryman.model.sessions import AccessType


class CallerKind(StrEnum):
    """The kind of identity that signs."""

    USER = "user"
    ROLE = "role"
    """A session of a role."""
    NODE = "node"


class BuiltinRole(StrEnum):
    """Short names for two built-in policies: everything, or sessions of one's own."""

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

    `policies` are all identity policies that apply to it, read when its signature was looked up; without any it may do
    nothing. `boundary` and `session_policies`, unless None, must allow an action as well; an empty tuple of session
    policies allows nothing. `tags` are its own and its session's, as `aws:PrincipalTag/…`. `session` is set if it signs
    with temporary credentials, `role_arn` if it is a role's session. `access_key_id` is the key that signed.
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
    boundary: PolicyDocument | None = field(default=None, repr=False)
    session_policies: tuple[PolicyDocument, ...] | None = field(default=None, repr=False)
    session: TemporarySession | None = field(default=None, repr=False, hash=False)
    role_arn: str = ""
    access_key_id: str = ""

    @property
    def owner_id(self) -> str:
        """The id by which it owns sessions: `user_id`, and for a role's session also the person who assumed the role.

        The name of a role's session is the caller's to choose; two people who choose the same stay apart.
        """
        session = self.session
        if session is None or not (session.subject or session.person_id):
            return self.user_id
        known = f"{session.provider}\n{session.subject}" if session.subject else session.person_id
        return f"{self.user_id}#{sha256(known.encode()).hexdigest()[:16]}"

    @property
    def person_id(self) -> str:
        """The person behind the call, as far as is known: a user, or a web identity, whatever roles they have assumed
        since.

        Two sessions of a role with the same name may belong to different people.
        """
        session = self.session
        if session is None:
            return self.user_id
        if session.person_id:
            return session.person_id
        if session.subject:
            return "web:" + sha256(f"{session.provider}\n{session.subject}".encode()).hexdigest()[:32]
        return session.identity_id if self.kind is CallerKind.USER else self.user_id

    @property
    def lasting_id(self) -> str:
        """The caller, whatever key, session token or role session name they use now: for a role, the role and the
        person."""
        if self.kind is not CallerKind.ROLE:
            return self.user_id
        return f"{self.user_id.partition(':')[0]} {self.person_id}"

    @property
    def access_type(self) -> AccessType:
        """The AccessType of its sessions."""
        return AccessType.STANDARD if self.session is None else self.session.access_type
