"""Sessions of browsers: a cookie's value stands for credentials, whose secret the server does not keep.

Who may do what is looked up at every call, as for a signature: the session ends with its key, user or role.
"""

import base64
from dataclasses import dataclass
from hashlib import sha256

import msgspec

from ferryman.core.identity.callers import current_caller
from ferryman.core.maintenance.pruning import prune
from ferryman.core.service import Service
from ferryman.core.vault import Unsealable
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis
from ferryman.model.identity.browser_sessions import BrowserSession
from ferryman.model.identity.callers import Caller
from ferryman.model.identity.credential_sessions import TemporarySession
from ferryman.model.values.secret import Secret

TOKEN_BYTES = 32
TOKEN_LENGTH = 43
"""Characters of a token: its random bytes in base64url without padding."""
SESSIONS_A_PERSON = 20
"""Browsers that one person is signed in with; signing in with another ends the oldest."""
NOTED_MILLIS = 60_000
"""How old the noted time of the last use may be. An idle session ends up to this much early, but never late."""
_PURPOSE = "browser-session"


class NotSignedIn(ServiceError):
    """There is no session, or it has ended."""

    def __init__(self, message: str = "You are not signed in, or your session has ended. Sign in.") -> None:
        super().__init__("NotSignedIn", message, status=401)


class _Continued(msgspec.Struct, frozen=True, array_like=True):
    """The credentials that a browser signed in with."""

    access_key_id: str
    session: TemporarySession | None


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session that has not ended, and who it is now."""

    session: BrowserSession
    caller: Caller

    def idle_expires_at(self, service: Service) -> Millis:
        """When it ends unless it is used before."""
        idle = Millis(self.session.used_at + service.settings.console.idle_seconds * 1000)
        return min(idle, self.session.expires_at)


def new_token(service: Service) -> Secret:
    """Return 256 random bits as text."""
    return Secret(base64.urlsafe_b64encode(service.entropy(TOKEN_BYTES)).decode().rstrip("="))


def token_hash(token: str) -> bytes:
    """Return the form in which the store keeps a token. A plain hash is enough: 256 random bits are too many to
    guess."""
    return sha256(token.encode(errors="replace")).digest()


async def begin_browser_session(service: Service, caller: Caller) -> tuple[Secret, BrowserSession]:
    """Sign a browser in as a caller that was authenticated; returns the cookie's value, which nobody can read later.

    The session ends at the latest with the caller's temporary credentials.
    """
    token, now = new_token(service), service.clock()
    ends = [now + service.settings.console.session_seconds * 1000]
    if caller.session is not None:
        ends.append(caller.session.expires_at)
    hashed = token_hash(token.reveal())
    sealed = sealed_credentials(service, caller.access_key_id, caller.session, hashed)
    session = BrowserSession(hashed, caller.person_id, sealed, now, now, Millis(min(ends)))
    await service.store.browser_sessions.add(session, SESSIONS_A_PERSON)
    return token, session


async def find_browser_session(service: Service, token: str) -> SignedIn:
    """Return the session of a cookie's value; raises `NotSignedIn` if it has ended or never was."""
    if len(token) != TOKEN_LENGTH:
        raise NotSignedIn
    hashed, now = token_hash(token), service.clock()
    session = await service.store.browser_sessions.get(hashed)
    if session is None or now >= session.expires_at:
        raise NotSignedIn
    if now >= session.used_at + service.settings.console.idle_seconds * 1000:
        await service.store.browser_sessions.remove(hashed)
        raise NotSignedIn("You were signed out because the console was not used for a while. Sign in.")
    return SignedIn(session, await continued_caller(service, session.sealed, hashed))


async def note_browser_use(service: Service, session: BrowserSession) -> None:
    """Note that a session was used, unless that was noted a moment ago."""
    now = service.clock()
    if now >= session.used_at + min(NOTED_MILLIS, service.settings.console.idle_seconds * 1000 // 4):
        await service.store.browser_sessions.note_use(session.token_hash, now)


async def end_browser_session(service: Service, token: str) -> None:
    """Sign out: from now on no server accepts the cookie."""
    if len(token) == TOKEN_LENGTH:
        await service.store.browser_sessions.remove(token_hash(token))


async def prune_browser_sessions(service: Service) -> int:
    """Delete some sessions and links that have expired; call it about once a minute. Returns how many."""
    if not service.clock_steps.settled:
        return 0
    return await prune(service.store.browser_sessions.prune, service.clock())


def sealed_credentials(service: Service, access_key_id: str, session: TemporarySession | None, context: bytes) -> bytes:
    """Return the credentials that a session or a link continues, sealed so that nobody else can write them."""
    plaintext = msgspec.msgpack.encode(_Continued(access_key_id, session))
    return service.vault.seal(_PURPOSE, plaintext, context)


async def continued_caller(service: Service, sealed: bytes, context: bytes) -> Caller:
    """Return who a session or a link is for, as policies are today.

    Raises `NotSignedIn` if the credentials have expired, were disabled or deleted, or belong to nobody any longer.
    """
    try:
        plaintext = service.vault.open(_PURPOSE, sealed, context)
    except Unsealable as error:
        raise NotSignedIn from error
    continued = msgspec.msgpack.decode(plaintext, type=_Continued)
    try:
        return await current_caller(service, continued.access_key_id, continued.session)
    except ServiceError as error:
        raise NotSignedIn("Your credentials have expired or are disabled. Sign in again.") from error
