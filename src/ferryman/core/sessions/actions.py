"""StartSession, ResumeSession, TerminateSession, GetConnectionStatus."""

from ferryman.core.audit.records import session_changed
from ferryman.core.authorization.decisions import require, require_session, require_start
from ferryman.core.authorization.request_context import resource_keys
from ferryman.core.channel_tokens import new_token_id, seal_session_token
from ferryman.core.ports.recordings.recorder import EncryptedEndToEnd, Unrecordable
from ferryman.core.presence import is_connected, unreachable
from ferryman.core.service import Service
from ferryman.core.sessions.access import check_access, session_access
from ferryman.core.sessions.document import ChosenDocument, choose_document, find_documents
from ferryman.core.sessions.encryption import check_encryption, encrypted
from ferryman.core.sessions.lifecycle import end_session, fail_session, idle_deadline
from ferryman.core.sessions.outputs import check_outputs
from ferryman.core.sessions.quotas import quota_exceeded, quota_of
from ferryman.core.sessions.requests import ConnectionStatus, SessionTicket, StartSessionRequest
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis, NodeId, SessionId, new_session_id
from ferryman.model.identity.callers import Caller
from ferryman.model.sessions import RESUMABLE, Session, SessionStatus
from ferryman.model.tags import ResourceType
from ferryman.model.values.secret import Secret

_ID_ENTROPY = 9
"""Bytes in the 17 hex digits of a session id."""
_QUERY = "role=publish_subscribe"
"""The query of ResumeSession's StreamUrl: the client already knows what it started."""


async def start_session(service: Service, caller: Caller, request: StartSessionRequest) -> SessionTicket:
    """StartSession: check permission, document, parameters, target, in that order; store the session as Connecting.

    Permission comes first: a caller who may not start the session must not learn which documents and parameters exist.
    Nothing is sent to the node yet: `lifecycle.dispatch_task` does that once the client has connected. Raises
    AccessDeniedException, InvalidDocument, ValidationException (parameters, destinations of the session's log),
    TargetNotConnected, ServiceQuotaExceededException.
    """
    settings = service.settings
    target, found = NodeId(request.target), await find_documents(service, request)
    is_chosen = request.document_name is not None
    await require_start(
        service, caller, target, found.name, is_chosen=is_chosen, observers=found.observers, reason=request.reason
    )
    access = await session_access(service, caller)
    document = choose_document(service, caller, request, found)
    _check_observable(service, document)
    check_encryption(document)
    if await service.store.nodes.get(target) is None:
        raise ServiceError("TargetNotConnected", f"{target} is not connected.")
    if (cause := await unreachable(service, target)) is not None:
        raise ServiceError("TargetNotConnected", cause)
    outputs = document.resolved.outputs
    await check_outputs(service, caller, document.name, outputs)
    now = service.clock()
    session = Session(
        session_id=new_session_id(caller.name, service.entropy(_ID_ENTROPY)),
        target=target,
        status=SessionStatus.CONNECTING,
        started_at=now,
        document_name=document.name,
        owner=caller.arn,
        owner_id=caller.owner_id,
        owner_name=caller.name,
        deadline_at=Millis(now + settings.limits.client_wait * 1000),
        idle_timeout=document.resolved.idle_timeout,
        max_duration=document.resolved.max_duration,
        reason=request.reason,
        token_id=new_token_id(service),
        document_version=document.version,
        idles=document.resolved.idles,
        access_type=caller.access_type,
        access_request_id=access.request_id,
        access_ends_at=access.ends_at,
        trace_parent=service.tracing.carried,
    )
    ticket = _ticket(service, caller, session, document.stream_query())
    quota = quota_of(caller, settings.limits)
    usage = await service.store.sessions.add(session, document.json(), quota)
    if usage is not None:
        raise quota_exceeded(quota, usage, target)
    if outputs is not None:
        await service.store.outputs.add(session.session_id, outputs, now)
    await _begin_recording(service, session, document, is_logged=outputs is not None)
    await check_access(service, session)
    session_changed(service, session, document.kms_key_id)
    return ticket


def _check_observable(service: Service, document: ChosenDocument) -> None:
    if document.required_observers and not service.settings.watching.enabled:
        message = f"The sessions of {document.name} must be observed, and watching is switched off: watching.enabled."
        raise ServiceError("ValidationException", message)


async def _begin_recording(service: Service, session: Session, document: ChosenDocument, *, is_logged: bool) -> None:
    try:
        await service.recorder.begin(session, is_logged=is_logged, is_encrypted=bool(document.kms_key_id))
    except EncryptedEndToEnd as error:
        cause = f"{encrypted(document.name)}, and must be recorded, which the server cannot do then"
        await fail_session(service, session.session_id, f"{cause}.")
        advice = "Remove kmsKeyId, or do not require recordings"
        raise ServiceError("ValidationException", f"{cause}. {advice}.") from error
    except Unrecordable as error:
        await fail_session(service, session.session_id, f"The session cannot be recorded: {error}.")
        message = (
            "Sessions must be recorded here, and recordings cannot be written. The server's log says why; try again."
        )
        raise ServiceError("ServiceUnavailable", message, status=503) from error


async def resume_session(service: Service, caller: Caller, session_id: SessionId) -> SessionTicket:
    """ResumeSession: a new token, which invalidates older ones and counts as activity; empty if the session has ended.

    The empty token tells AWS's client that its session is over; an error would make it hang (`protocol/client.md` §3,
    §12.2). Raises AccessDeniedException, DoesNotExistException for an unknown session.
    """
    session = await _owned(service, caller, session_id, "ssm:ResumeSession")
    if session.status not in RESUMABLE:
        return _over(service, session_id)
    now = service.clock()
    if session.status is SessionStatus.CONNECTING:
        deadline_at = Millis(now + service.settings.limits.client_wait * 1000)
    else:
        deadline_at = idle_deadline(session, now)
    resumed = await service.store.sessions.issue_token(session_id, new_token_id(service), deadline_at)
    return _over(service, session_id) if resumed is None else _ticket(service, caller, resumed)


async def terminate_session(service: Service, caller: Caller, session_id: SessionId) -> SessionId:
    """TerminateSession: set Terminating and notify both ends. Has no effect on a session that has ended or is ending.

    Raises AccessDeniedException, DoesNotExistException for an unknown session.
    """
    session = await _owned(service, caller, session_id, "ssm:TerminateSession")
    if session.status in RESUMABLE:
        await end_session(service, session_id, f"Terminated by {caller.arn}.")
    return session_id


async def get_connection_status(service: Service, caller: Caller, target: str) -> ConnectionStatus:
    """GetConnectionStatus: whether the node is registered and its control channel is up.

    Raises AccessDeniedException; an unknown target is not connected.
    """
    resource = service.arns.node(NodeId(target))
    keys = await resource_keys(service, ResourceType.NODE, target)
    require(service, caller, "ssm:GetConnectionStatus", resource, keys)
    reachable = await _is_reachable(service, NodeId(target))
    return ConnectionStatus.CONNECTED if reachable else ConnectionStatus.NOT_CONNECTED


async def _is_reachable(service: Service, target: NodeId) -> bool:
    return await service.store.nodes.get(target) is not None and await is_connected(service, target)


async def _owned(service: Service, caller: Caller, session_id: SessionId, action: str) -> Session:
    """Return the session if `caller` may perform `action` on it.

    A caller who may not does not learn whether it exists.
    """
    session = await service.store.sessions.get(session_id)
    require_session(service, caller, action, session_id, session)
    if session is None:
        raise _does_not_exist(session_id)
    return session


def _ticket(service: Service, caller: Caller, session: Session, query: str = _QUERY) -> SessionTicket:
    if session.token_id is None:
        raise ValueError(f"session {session.session_id} has no token to give out")
    token = seal_session_token(service, session.session_id, caller.user_id, session.token_id)
    return SessionTicket(session.session_id, token, _stream_url(service, session.session_id, query))


def _over(service: Service, session_id: SessionId) -> SessionTicket:
    return SessionTicket(session_id, Secret(""), _stream_url(service, session_id))


def _stream_url(service: Service, session_id: SessionId, query: str = _QUERY) -> str:
    return f"{service.settings.websocket_url}/v1/data-channel/{session_id}?{query}"


def _does_not_exist(session_id: SessionId) -> ServiceError:
    return ServiceError("DoesNotExistException", f"Session {session_id} does not exist.")
