"""Sessions: start, resume, terminate and list them."""

from ferryman.core.sessions import actions as sessions
from ferryman.core.sessions import listing as session_listing
from ferryman.core.sessions.requests import DescribeSessionsRequest, SessionTicket, StartSessionRequest
from ferryman.model.identifiers import SessionId
from ferryman.model.identity.callers import Caller
from ferryman.model.sessions import Session, SessionState
from ferryman.server.operations.context import OperationContext, Operations, Parameters, Result
from ferryman.server.operations.results import as_datetime


async def _start_session(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    request = StartSessionRequest(
        target=parameters["Target"],
        document_name=parameters.get("DocumentName"),
        reason=parameters.get("Reason"),
        parameters={name: tuple(values) for name, values in (parameters.get("Parameters") or {}).items()},
    )
    return _ticket(await sessions.start_session(context.service, caller, request))


async def _resume_session(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    return _ticket(await sessions.resume_session(context.service, caller, SessionId(parameters["SessionId"])))


def _ticket(ticket: SessionTicket) -> Result:
    return {
        "SessionId": ticket.session_id,
        "TokenValue": ticket.token_value.reveal(),
        "StreamUrl": ticket.stream_url,
    }


async def _terminate_session(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    return {"SessionId": await sessions.terminate_session(context.service, caller, SessionId(parameters["SessionId"]))}


async def _get_connection_status(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    status = await sessions.get_connection_status(context.service, caller, parameters["Target"])
    return {"Target": parameters["Target"], "Status": status.value}


async def _describe_sessions(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    request = DescribeSessionsRequest(
        state=SessionState(parameters["State"]),
        max_results=parameters.get("MaxResults"),
        next_token=parameters.get("NextToken"),
        filters=tuple((each["key"], each["value"]) for each in parameters.get("Filters") or ()),
    )
    page = await session_listing.describe_sessions(context.service, caller, request)
    return {"Sessions": [_session(item) for item in page.items], "NextToken": page.next_token}


def _session(session: Session) -> Result:
    return {
        "SessionId": session.session_id,
        "Target": session.target,
        "Status": session.status.value,
        "StartDate": as_datetime(session.started_at),
        "EndDate": as_datetime(session.ended_at),
        "DocumentName": session.document_name,
        "Owner": session.owner,
        "Reason": session.reason,
        "Details": session.details,
        "OutputUrl": {"S3OutputUrl": session.s3_output_url, "CloudWatchOutputUrl": session.cloud_watch_output_url},
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
