"""Who may do what, and the one place where an authorised session is made.

Until policies arrive a table by role decides, deny by default: administrators may do everything a user may; operators
see all sessions and documents, start sessions, and resume or end their own; nodes do what agents do, as themselves.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from ferryman.core.service import Service
from ferryman.core.session_tokens import open_token
from ferryman.model.callers import Caller, CallerKind, Role, node_arn, session_arn
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import NodeId, SessionId
from ferryman.model.sessions import RESUMABLE, Session

_OPERATOR = frozenset(
    {
        "ssm:StartSession",
        "ssm:ResumeSession",
        "ssm:TerminateSession",
        "ssm:DescribeSessions",
        "ssm:GetConnectionStatus",
        "ssm:DescribeInstanceInformation",
        "ssm:GetDocument",
        "ssm:DescribeDocument",
        "ssm:ListDocuments",
        "ssm:ListDocumentVersions",
        "ssm:ListTagsForResource",
    }
)
_ADMINISTRATOR = _OPERATOR | {
    "ssm:CreateActivation",
    "ssm:DescribeActivations",
    "ssm:DeleteActivation",
    "ssm:DeregisterManagedInstance",
    "ssm:UpdateManagedInstanceRole",
    "ssm:CreateDocument",
    "ssm:UpdateDocument",
    "ssm:UpdateDocumentDefaultVersion",
    "ssm:DeleteDocument",
    "ssm:AddTagsToResource",
    "ssm:RemoveTagsFromResource",
}
_NODE = frozenset(
    {
        "ssm:UpdateInstanceInformation",
        "ssm:ListInstanceAssociations",
        "ssm:ListAssociations",
        "ec2messages:GetMessages",
        "ssmmessages:CreateControlChannel",
        "ssmmessages:OpenControlChannel",
        "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenDataChannel",
    }
)
_OWN_ONLY = frozenset({"ssm:ResumeSession", "ssm:TerminateSession"})
"""What operators may do to sessions of their own only."""


class End(StrEnum):
    """The two ends of a session."""

    CLIENT = "client"
    AGENT = "agent"


class SessionOver(ServiceError):
    """The session has ended or is ending. An end that arrives late is let in, told `channel_closed`, and closed."""

    def __init__(self, session: Session) -> None:
        super().__init__("DoesNotExistException", "Session is already terminated")
        self.session = session


_PROOF: Final = object()


@dataclass(frozen=True, slots=True)
class AuthorizedSession:
    """Proof that one end may join a session; only `admit_client` and `admit_agent` make it.

    `caller_id` is the client's user id or the node's id. `client_id` is the client's own UUID, empty for agents.
    """

    session: Session
    end: End
    caller_id: str
    client_id: str
    proof: object = field(repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.proof is not _PROOF:
            raise TypeError("an AuthorizedSession is made by ferryman.core.authorization only")


def require(service: Service, caller: Caller, action: str, resource: str, *, owner_id: str | None = None) -> None:
    """Raise AccessDeniedException unless `caller` may do `action` (`ssm:StartSession` …) to the ARN `resource`.

    `owner_id` is the owner of the session concerned, for the actions that operators may do to their own only.
    """
    if not _allows(service, caller, action, resource, owner_id):
        raise ServiceError(
            "AccessDeniedException",
            f"User: {caller.arn} is not authorized to perform: {action} on resource: {resource} "
            f"because no identity-based policy allows the {action} action",
        )


def _allows(service: Service, caller: Caller, action: str, resource: str, owner_id: str | None) -> bool:
    if caller.kind is CallerKind.NODE:
        settings = service.settings
        own = caller.node_id is not None and resource == node_arn(settings.account_id, settings.region, caller.node_id)
        return action in _NODE and own
    if caller.role is Role.ADMINISTRATOR:
        return action in _ADMINISTRATOR
    if caller.role is Role.OPERATOR:
        return action in _OPERATOR and (action not in _OWN_ONLY or owner_id in (None, caller.user_id))
    return False


async def admit_client(service: Service, session_id: SessionId, token_value: str, client_id: str) -> AuthorizedSession:
    """Admit the client that presents `token_value` in its OpenDataChannel; the token is used up.

    Raises `SessionOver` if the session has ended or is ending, otherwise AccessDeniedException if the token is not this
    session's, was altered, has lapsed, was used or was replaced by a newer one.
    """
    token = open_token(service, session_id, token_value)
    session = await service.store.sessions.consume_token(session_id, token.token_id)
    if session is not None:
        return AuthorizedSession(session, End.CLIENT, token.caller_id, client_id, _PROOF)
    session = await service.store.sessions.get(session_id)
    if session is not None and session.status not in RESUMABLE:
        raise SessionOver(session)
    raise ServiceError(
        "AccessDeniedException",
        "The session token was used already or replaced by a newer one; call ResumeSession for another.",
    )


async def admit_agent(service: Service, caller: Caller, session_id: SessionId) -> AuthorizedSession:
    """Admit the agent of the session's own node to its data channel.

    Raises AccessDeniedException for any other caller (also for a session that does not exist, which it may not know),
    `SessionOver` if the session has ended or is ending.
    """
    settings = service.settings
    session = await service.store.sessions.get(session_id)
    target = session.target if session is not None else NodeId("*")
    if caller.kind is not CallerKind.NODE or session is None or caller.node_id != target:
        resource = session_arn(settings.account_id, settings.region, session_id)
        raise ServiceError(
            "AccessDeniedException",
            f"User: {caller.arn} is not authorized to perform: ssmmessages:OpenDataChannel on resource: {resource}",
        )
    require(service, caller, "ssmmessages:OpenDataChannel", node_arn(settings.account_id, settings.region, target))
    if session.status not in RESUMABLE:
        raise SessionOver(session)
    return AuthorizedSession(session, End.AGENT, str(target), "", _PROOF)
