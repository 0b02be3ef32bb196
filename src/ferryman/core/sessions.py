"""StartSession, ResumeSession, TerminateSession, GetConnectionStatus."""

from ferryman.core.requests import ConnectionStatus, SessionTicket, StartSessionRequest
from ferryman.core.service import Service
from ferryman.model.callers import Caller
from ferryman.model.identifiers import SessionId


async def start_session(service: Service, caller: Caller, request: StartSessionRequest) -> SessionTicket:
    """StartSession: check document, parameters, permission, target, in that order; store it as Connecting.

    Raises InvalidDocument, ValidationException (parameters), AccessDeniedException, TargetNotConnected.
    """
    raise NotImplementedError


async def resume_session(service: Service, caller: Caller, session_id: SessionId) -> SessionTicket:
    """ResumeSession: a new token; older ones die. Raises DoesNotExistException, AccessDeniedException."""
    raise NotImplementedError


async def terminate_session(service: Service, caller: Caller, session_id: SessionId) -> SessionId:
    """TerminateSession, idempotent: Terminating, both ends told. Raises DoesNotExistException, AccessDeniedException."""
    raise NotImplementedError


async def get_connection_status(service: Service, caller: Caller, target: str) -> ConnectionStatus:
    """GetConnectionStatus: whether the node is registered and its control channel is up now."""
    raise NotImplementedError
