"""Ties sessions that were started with just-in-time access to their request, and ends them with it."""

import asyncio
from dataclasses import dataclass

from ferryman.core.service import Service
from ferryman.core.sessions.lifecycle import end_session
from ferryman.model.access_requests import AccessRequest, AccessRequestStatus
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis
from ferryman.model.identity.callers import Caller
from ferryman.model.sessions import AccessType, Session


@dataclass(frozen=True, slots=True)
class SessionAccess:
    """The request behind a session that starts now; both members are None for Standard access."""

    request_id: str | None = None
    ends_at: Millis | None = None


async def session_access(service: Service, caller: Caller) -> SessionAccess:
    """Return the request that `caller`'s credentials tie a session to; `ends_at` only if the settings end sessions."""
    if caller.session is None or caller.access_type is not AccessType.JUST_IN_TIME:
        return SessionAccess()
    request = await _approved(service, caller.session.access_request_id)
    return SessionAccess(request.request_id, request.deadline_at if service.settings.access.end_sessions else None)


async def check_access(service: Service, session: Session) -> None:
    """Raise AccessDeniedException and end the session if its access was revoked while the session was being stored.

    A revocation ends the sessions it finds; this finds the ones stored after it looked.
    """
    if session.access_request_id is None:
        return
    try:
        await _approved(service, session.access_request_id)
    except ServiceError as error:
        await end_session(service, session.session_id, error.message)
        raise


async def end_sessions_of(service: Service, request: AccessRequest, cause: str) -> int:
    """End every session that was started with a request, if the settings say so. Returns how many."""
    if not service.settings.access.end_sessions:
        return 0
    active = await service.store.sessions.active_by(request.request_id)
    ended = await asyncio.gather(*(end_session(service, session.session_id, cause) for session in active))
    return sum(ended)


async def _approved(service: Service, request_id: str) -> AccessRequest:
    request = await service.store.access_requests.get(request_id)
    if request is None or request.status is not AccessRequestStatus.APPROVED or request.deadline_at <= service.clock():
        raise ServiceError("AccessDeniedException", f"The access of {request_id} has ended.")
    return request
