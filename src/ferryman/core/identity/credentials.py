"""Credentials as use cases hand them out and recognise them."""

from dataclasses import dataclass

from ferryman.model.identifiers import Millis
from ferryman.model.identity.callers import Caller, Credentials
from ferryman.model.secret import Secret


@dataclass(frozen=True, slots=True)
class TemporaryCredentials:
    """New temporary credentials and when they expire. `packed_percent` is how full policies and tags made the token."""

    credentials: Credentials
    expires_at: Millis
    packed_percent: int


@dataclass(frozen=True, slots=True)
class Authenticated:
    """Whose key signed, and the secret that the signature must have been made with."""

    caller: Caller
    secret: Secret
