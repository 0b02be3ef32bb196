"""The session that temporary credentials belong to, as their session token describes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ferryman.model.identifiers import Millis
from ferryman.model.sessions import AccessType

SOURCE_IDENTITY_LIMIT = 256
"""Characters."""


class SessionKind(StrEnum):
    """How an identity got temporary credentials."""

    USER = "user"
    """GetSessionToken: the user itself, for a limited time."""
    ROLE = "role"
    """AssumeRole."""
    WEB_IDENTITY = "web-identity"
    """AssumeRoleWithWebIdentity."""
    ACCESS_REQUEST = "access-request"
    """An approved access request: the requester, on the approved nodes."""


@dataclass(frozen=True, slots=True)
class TemporarySession:
    """The session that temporary credentials were made for, as they describe it; permissions are looked up at every
    call.

    `identity_id` is the user's or role's id, `name` a role session's name. `access_key_id` is the user's key that the
    credentials were made with; they end with it. `policies` (JSON texts) and `policy_arns` are the session policies;
    none of either means the session was made without. `tags` are session tags, of which `transitive_keys` reach the
    next role. `provider` and `subject` are a web identity's. `person_id` is who took on the first of the roles
    that led here (`Caller.person_id`), empty for users.
    """

    kind: SessionKind
    identity_id: str
    issued_at: Millis
    expires_at: Millis
    name: str = ""
    access_key_id: str = ""
    policies: tuple[str, ...] = ()
    policy_arns: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    transitive_keys: tuple[str, ...] = ()
    source_identity: str = ""
    provider: str = ""
    subject: str = ""
    access_request_id: str = ""
    person_id: str = ""

    @property
    def access_type(self) -> AccessType:
        """How sessions started with the credentials are marked."""
        is_request = self.kind is SessionKind.ACCESS_REQUEST
        return AccessType.JUST_IN_TIME if is_request else AccessType.STANDARD
