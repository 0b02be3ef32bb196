"""Admission to sessions: of the client that holds the token, and of the agent of the target node."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from ferryman.core.authorization.decisions import require
from ferryman.core.channel_tokens import SessionTokenExpired, open_session_token
from ferryman.core.service import Service
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import NodeId, SessionId
from ferryman.model.identity.callers import Caller, CallerKind
from ferryman.model.sessions import RESUMABLE, Session


class End(StrEnum):
    """The two ends of a session."""

    CLIENT = "client"
    AGENT = "agent"


class SessionOver(ServiceError):
    """The session has ended or is ending. A late end is admitted, sent `channel_closed`, and disconnected."""

    def __init__(self, session: Session) -> None:
        super().__init__("DoesNotExistException", "Session is already terminated")
        self.session = session


_PROOF: Final = object()


@dataclass(frozen=True, slots=True)
class AuthorizedSession:
    """Proof that one end may join a session. Only the functions of this module make it.

    `caller_id` is the client's user id or the node's id. `client_id` is the client's own UUID, empty for agents.
    """

    session: Session
    end: End
    caller_id: str
    client_id: str
    proof: object = field(repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.proof is not _PROOF:
            raise TypeError("an AuthorizedSession is made by ferryman.core.authorization.admission only")


class WrongToken(ServiceError):
    """The client's token does not open its session."""

    def __init__(self, message: str) -> None:
        super().__init__("AccessDeniedException", message)


class SpentToken(WrongToken):
    """The token is genuine and for this session, but was used before: it may be stolen."""


class LapsedToken(WrongToken):
    """The token is genuine and for this session, but has expired."""


async def admit_client(service: Service, session_id: SessionId, token_value: str, client_id: str) -> AuthorizedSession:
    """Admit the client that presents `token_value` in its OpenDataChannel; the token is used up.

    Raises `SessionOver` if the session has ended or is ending, otherwise `WrongToken` if the token belongs to another
    session or was altered, `LapsedToken` if it has expired, `SpentToken` if it was used or replaced by a newer one.
    """
    try:
        token = open_session_token(service, session_id, token_value)
    except SessionTokenExpired as error:
        raise LapsedToken(error.message) from error
    except ServiceError as error:
        raise WrongToken(error.message) from error
    session = await service.store.sessions.consume_token(session_id, token.token_id)
    if session is not None:
        if session.access_ends_at is not None and session.access_ends_at <= service.clock():
            raise ServiceError("AccessDeniedException", f"The access of {session.access_request_id} has ended.")
        return AuthorizedSession(session, End.CLIENT, token.caller_id, client_id, _PROOF)
    session = await service.store.sessions.get(session_id)
    if session is not None and session.status not in RESUMABLE:
        raise SessionOver(session)
    raise SpentToken("The session token was used already or replaced by a newer one; call ResumeSession for another.")


async def admit_agent(service: Service, caller: Caller, session_id: SessionId) -> AuthorizedSession:
    """Admit the agent of the session's target node to its data channel.

    Raises AccessDeniedException for any other caller (also if the session does not exist, which it may not learn),
    `SessionOver` if the session has ended or is ending.
    """
    session = await service.store.sessions.get(session_id)
    target = session.target if session is not None else NodeId("*")
    if caller.kind is not CallerKind.NODE or session is None or caller.node_id != target:
        resource = service.arns.session(session_id)
        raise ServiceError(
            "AccessDeniedException",
            f"User: {caller.arn} is not authorized to perform: ssmmessages:OpenDataChannel on resource: {resource}",
        )
    require(service, caller, "ssmmessages:OpenDataChannel", service.arns.node(target))
    if session.status not in RESUMABLE:
        raise SessionOver(session)
    return AuthorizedSession(session, End.AGENT, str(target), "", _PROOF)


async def admit_from_server(
    service: Service, session_id: SessionId, end: End, caller_id: str, client_id: str
) -> AuthorizedSession | None:
    """Admit an end that another server of this installation has admitted; None if there is no such session.

    The bus is for servers only: whoever can send messages there is trusted as they are.
    """
    session = await service.store.sessions.get(session_id)
    return None if session is None else AuthorizedSession(session, end, caller_id, client_id, _PROOF)
