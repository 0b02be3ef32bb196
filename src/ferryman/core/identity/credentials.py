"""Credentials that use cases issue and recognize."""

from dataclasses import dataclass

from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis
from ferryman.model.identity.callers import Caller
from ferryman.model.identity.credentials import Credentials
from ferryman.model.values.secret import Secret


@dataclass(frozen=True, slots=True)
class TemporaryCredentials:
    """New temporary credentials and their expiry. `packed_percent` is how much of the token policies and tags use."""

    credentials: Credentials
    expires_at: Millis
    packed_percent: int


@dataclass(frozen=True, slots=True)
class Authenticated:
    """The caller whose key signed, and the secret of that key."""

    caller: Caller
    secret: Secret


class RefusedCredentials(ServiceError):
    """Credentials that the server issued but no longer accepts: expired, or of a key that was disabled.

    `holder` is whose they are. Only a valid signature shows that they sent the request.
    """

    def __init__(self, error: ServiceError, holder: Authenticated) -> None:
        super().__init__(error.code, error.message, status=error.status)
        self.holder = holder
