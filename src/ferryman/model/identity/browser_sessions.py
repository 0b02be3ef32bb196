"""Sessions of browsers in the web console, and the links that sign a browser in."""

from dataclasses import dataclass, field

from ferryman.model.identifiers import Millis


@dataclass(frozen=True, slots=True)
class BrowserSession:
    """A browser that somebody signed in with. It dies with the credentials in `sealed`, if it does not end before.

    `token_hash` is the SHA-256 of the cookie's value, `person_id` is `Caller.person_id`, and `sealed` says which
    credentials it continues, without their secret. `used_at` is written about once a minute.
    """

    token_hash: bytes
    person_id: str
    sealed: bytes = field(repr=False)
    signed_in_at: Millis
    used_at: Millis
    expires_at: Millis


@dataclass(frozen=True, slots=True)
class BrowserLink:
    """A link that signs one browser in, once. `token_hash` is the SHA-256 of its token, `sealed` as in a session."""

    token_hash: bytes
    person_id: str
    sealed: bytes = field(repr=False)
    expires_at: Millis
