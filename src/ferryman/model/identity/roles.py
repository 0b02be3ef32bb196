"""Roles, which identities assume for a limited time, and the OpenID Connect providers whose users may assume them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ferryman.model.identifiers import Millis


@dataclass(frozen=True, slots=True)
class IamRole:
    """A role. `role_id` is `AROA` and 17 characters, never reused; `max_session_duration` is in seconds.

    `boundary_arn` is the managed policy that bounds it, empty without one. `principal_ids` are the ids that users and
    roles had whom the trust policy names, by ARN, when it was set.
    """

    role_id: str
    name: str
    path: str
    description: str
    trust_policy: str
    max_session_duration: int
    created_at: Millis
    boundary_arn: str = ""
    principal_ids: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RoleChanges:
    """Members to set; None leaves one as it is. `boundary_arn` "" removes the boundary."""

    description: str | None = None
    trust_policy: str | None = None
    max_session_duration: int | None = None
    boundary_arn: str | None = None
    principal_ids: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class OidcProvider:
    """A provider by its issuer's URL. `client_ids` are the audiences of tokens that it may vouch with.

    `thumbprints` are kept as given and not used: TLS is verified by certificate authorities.
    """

    url: str
    client_ids: tuple[str, ...]
    thumbprints: tuple[str, ...]
    created_at: Millis

    @property
    def name(self) -> str:
        """The URL without its scheme, as ARNs and condition keys have it."""
        return self.url.partition("://")[2]
