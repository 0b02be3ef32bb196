"""WatchSession and ListWatchers: who may watch a session live, and who does."""

from dataclasses import dataclass, field, replace
from typing import Final

import msgspec

from ferryman.core.authorization.admission import WrongToken
from ferryman.core.authorization.decisions import require_session
from ferryman.core.authorization.request_context import NO_KEYS, Keys, resource_keys
from ferryman.core.identity.callers import current_caller
from ferryman.core.messages import (
    Watcher,
    WatchersProbe,
    WatchGrant,
    decode_watch_grant,
    decode_watchers,
    encode,
    session_subject,
)
from ferryman.core.ports.bus import NoResponders
from ferryman.core.service import Service
from ferryman.core.sessions.document import encryption_key, type_of
from ferryman.core.watch_tickets import redeem
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import SessionId
from ferryman.model.identity.callers import Caller, Origin
from ferryman.model.session_types import SessionType
from ferryman.model.sessions import RESUMABLE, Session
from ferryman.model.tags import ResourceType
from ferryman.model.values.secret import Secret

WATCH = "ferryman:WatchSession"
_LIST = "ferryman:ListWatchers"
_WAIT = 2.0


@dataclass(frozen=True, slots=True)
class WatchTicket:
    """The result of WatchSession. The token is for one use, within 60 seconds. `announced`: the person is notified."""

    session_id: SessionId
    token_value: Secret
    stream_url: str
    announced: bool


class NotAdmitted(WrongToken):
    """The token of a watcher is not valid."""

    def __init__(self) -> None:
        super().__init__("The token was used already or has expired; call WatchSession again.")


_PROOF: Final = object()


@dataclass(frozen=True, slots=True)
class AuthorizedWatcher:
    """Proof that `caller` may watch `session`, as it was then. Only `admit_watcher` makes it."""

    session: Session
    caller: Caller
    grant: WatchGrant = field(repr=False)
    proof: object = field(repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.proof is not _PROOF:
            raise TypeError("an AuthorizedWatcher is made by ferryman.core.sessions.watching only")


async def watch_session(service: Service, caller: Caller, session_id: SessionId) -> WatchTicket:
    """WatchSession: a token and the URL of a stream that shows the session from now on.

    Raises AccessDeniedException, also for a session that does not exist, to callers who could not watch it;
    DoesNotExistException if it does not exist or has ended; ValidationException if it has nothing to watch, or if
    watching is switched off.
    """
    session = await _watchable(service, caller, session_id)
    if not service.settings.watching.enabled:
        raise ServiceError("ValidationException", "Sessions cannot be watched here: watching.enabled is false.")
    if session is None or session.status not in RESUMABLE:
        raise ServiceError("DoesNotExistException", f"Session {session_id} does not exist or has ended.")
    document = await service.store.sessions.document_content(session_id)
    if document is not None and type_of(document) is SessionType.PORT:
        raise ServiceError("ValidationException", f"Session {session_id} forwards a port: there is nothing to watch.")
    if document is not None and encryption_key(document):
        raise ServiceError("ValidationException", f"Session {session_id} is encrypted end to end: nobody can watch it.")
    origin = caller.origin
    grant = WatchGrant(
        session_id, caller.access_key_id, caller.session, origin.source_ip, origin.user_agent, origin.is_secure
    )
    token = await service.watch_tickets.issue(service.bus, service.clock, service.entropy, caller.person_id, grant)
    url = f"{service.settings.websocket_url}/v1/watch/{session_id}"
    return WatchTicket(session_id, token, url, service.settings.watching.announce)


async def admit_watcher(service: Service, session_id: SessionId, token_value: str) -> AuthorizedWatcher:
    """Admit the watcher that presents a token of WatchSession; the token is used up.

    Raises `NotAdmitted`; AccessDeniedException and DoesNotExistException if the permission or the session are gone.
    """
    found = await redeem(service.bus, token_value)
    if found is None:
        raise NotAdmitted
    try:
        grant = decode_watch_grant(found)
    except msgspec.DecodeError as error:
        raise NotAdmitted from error
    if grant.session_id != session_id:
        raise NotAdmitted
    caller, session = await _still_allowed(service, grant)
    return AuthorizedWatcher(session, caller, grant, _PROOF)


async def check_watcher(service: Service, watcher: AuthorizedWatcher) -> Session:
    """Return the session as it is now if its watcher may still watch it.

    Raises AccessDeniedException, UnrecognizedClientException, ExpiredTokenException; DoesNotExistException once no row
    of the session is left.
    """
    _, session = await _still_allowed(service, watcher.grant)
    return session


async def list_watchers(service: Service, caller: Caller, session_id: SessionId) -> tuple[Watcher, ...]:
    """ListWatchers: who watches a session. If watching is not announced, the caller must be allowed to watch, too.

    Raises AccessDeniedException, DoesNotExistException.
    """
    session = await service.store.sessions.get(session_id)
    keys = NO_KEYS if session is None else await watch_keys(service, session)
    require_session(service, caller, _LIST, session_id, session, keys)
    if not service.settings.watching.announce:
        require_session(service, caller, WATCH, session_id, session, keys)
    if session is None:
        raise ServiceError("DoesNotExistException", f"Session {session_id} does not exist.")
    try:
        reply = await service.bus.request(session_subject(session_id), encode(WatchersProbe()), timeout=_WAIT)
        return tuple(decode_watchers(reply).watchers)
    except (NoResponders, TimeoutError):
        return ()


async def watch_keys(service: Service, session: Session) -> Keys:
    """Return the condition keys of watching a session: its owner and document, and its node with the node's tags."""
    return {
        **await resource_keys(service, ResourceType.NODE, session.target),
        "ferryman:Owner": session.owner,
        "ferryman:Target": session.target,
        "ferryman:DocumentName": session.document_name,
    }


async def _watchable(service: Service, caller: Caller, session_id: SessionId) -> Session | None:
    session = await service.store.sessions.get(session_id)
    keys = NO_KEYS if session is None else await watch_keys(service, session)
    require_session(service, caller, WATCH, session_id, session, keys)
    return session


async def _still_allowed(service: Service, grant: WatchGrant) -> tuple[Caller, Session]:
    caller = await current_caller(service, grant.access_key_id, grant.credentials)
    caller = replace(caller, origin=Origin(grant.source_ip, grant.user_agent, grant.is_secure))
    session_id = SessionId(grant.session_id)
    session = await _watchable(service, caller, session_id)
    if session is None:
        raise ServiceError("DoesNotExistException", f"Session {session_id} does not exist.")
    return caller, session
