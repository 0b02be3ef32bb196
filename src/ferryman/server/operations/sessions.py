"""Operations on sessions."""

from ferryman.core.sessions import actions as sessions
from ferryman.core.sessions import listing as session_listing
from ferryman.core.sessions.requests import DescribeSessionsRequest, SessionTicket, StartSessionRequest
from ferryman.model.identifiers import SessionId
from ferryman.model.identity.callers import Caller
from ferryman.model.sessions import Session, SessionState
from ferryman.server.operations.context import Operations, Parameters, Result, Surroundings, moment


async def _start_session(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    request = StartSessionRequest(
        target=given["Target"],
        document_name=given.get("DocumentName"),
        reason=given.get("Reason"),
        parameters={name: tuple(values) for name, values in (given.get("Parameters") or {}).items()},
    )
    return _ticket(await sessions.start_session(here.service, caller, request))


async def _resume_session(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    return _ticket(await sessions.resume_session(here.service, caller, SessionId(given["SessionId"])))


def _ticket(ticket: SessionTicket) -> Result:
    return {
        "SessionId": ticket.session_id,
        "TokenValue": ticket.token_value.reveal(),
        "StreamUrl": ticket.stream_url,
    }


async def _terminate_session(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    return {"SessionId": await sessions.terminate_session(here.service, caller, SessionId(given["SessionId"]))}


async def _get_connection_status(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    status = await sessions.get_connection_status(here.service, caller, given["Target"])
    return {"Target": given["Target"], "Status": status.value}


async def _describe_sessions(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    request = DescribeSessionsRequest(
        state=SessionState(given["State"]),
        max_results=given.get("MaxResults"),
        next_token=given.get("NextToken"),
        filters=tuple((each["key"], each["value"]) for each in given.get("Filters") or ()),
    )
    page = await session_listing.describe_sessions(here.service, caller, request)
    return {"Sessions": [_session(item) for item in page.items], "NextToken": page.next_token}


def _session(session: Session) -> Result:
    return {
        "SessionId": session.session_id,
        "Target": session.target,
        "Status": session.status.value,
        "StartDate": moment(session.started_at),
        "EndDate": moment(session.ended_at),
        "DocumentName": session.document_name,
        "Owner": session.owner,
        "Reason": session.reason,
        "Details": session.details,
        "OutputUrl": {},
        "MaxSessionDuration": None if session.max_duration is None else str(session.max_duration),
        "AccessType": session.access_type.value,
    }


OPERATIONS: Operations = {
    ("ssm", "StartSession"): _start_session,
    ("ssm", "ResumeSession"): _resume_session,
    ("ssm", "TerminateSession"): _terminate_session,
    ("ssm", "DescribeSessions"): _describe_sessions,
    ("ssm", "GetConnectionStatus"): _get_connection_status,
}
