"""Audit records: every API call, allowed or denied, and every change of sessions and nodes.

Calls have the shape of CloudTrail's records, changes of status that of EventBridge's events. Both go to the
`AuditTrail`, in order. If the trail is required and cannot be written, calls that change something are refused.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ferryman.core.audit.identity import user_identity, web_identity
from ferryman.core.audit.redaction import COMMAND, MOST_BYTES, PARAMETERS_SHOWN, recorded, text
from ferryman.core.authorization.admission import SpentToken
from ferryman.core.changes import Kind
from ferryman.core.ports.audit import Entry, Unrecorded
from ferryman.core.ratelimits.failed_attempts import Summary, TooManyFailedAttempts
from ferryman.core.record_budget import (
    Allowance,
    Cause,
    Repeated,
    channel_changes,
    node_changes,
    presigned_calls,
    principal,
    refused_calls,
    refused_ends,
    successful_reads,
    unverified,
)
from ferryman.core.service import Service
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis, NodeId, SessionId
from ferryman.model.identity.callers import Caller
from ferryman.model.sessions import Session
from ferryman.model.values.timestamps import from_millis, iso_millis

EVENT_VERSION = "1.11"
"""The version of CloudTrail's record format used here."""
SOURCE = "ferryman.ssm"
SESSION_CHANGE = "Session Manager Session State-change Notification"
CHANNEL_CHANGE = "Session Manager Data Channel State-change Notification"
SIGN_IN_SERVICE = "signin"
"""CloudTrail's event source of sign-ins to a console."""
FAILURES = "Failed Authentication Summary"
NODE_CHANGE = "Managed Node State-change Notification"
REPEATED = "Repeated Records Summary"
UNKNOWN = "unknown"
"""The party of everyone who is not authenticated."""

REFUSED_BYTES = 4 * 1024
"""JSON bytes of a refused call's parameters; a successful call may use `redaction.MOST_BYTES`."""
SAID_BYTES = 512
"""JSON bytes of the User-Agent, and of an error's message."""

_READING = ("Describe", "Get", "List", "Lookup", "Simulate")
_GIVES_CREDENTIALS = frozenset({"GetAccessToken", "GetSessionToken", "GetFederationToken"})
_NEEDS_NO_PERMISSION = {
    "GetSessionToken": (200, 1.0),
    "UpdateManagedInstancePublicKey": (20, 0.01),
    "ConsoleLogin": (60, 0.2),
}
"""Calls that are always recorded and that every user or node may make: the burst, and the rate per second."""
_REPEATABLE_STATUSES = frozenset({"Connected", "Disconnected"})
"""A node's statuses that it can repeat without anyone's permission."""
AGENT_CALLS = frozenset(
    {
        "GetMessages",
        "UpdateInstanceInformation",
        "ListInstanceAssociations",
        "RequestManagedInstanceRoleToken",
        "CreateControlChannel",
        "CreateDataChannel",
    }
)
"""Calls that every agent repeats to stay connected. Successful ones are recorded only if the settings say so."""
ALWAYS_ANSWERED = AGENT_CALLS | {"TerminateSession"}
"""Calls that are answered even if the trail cannot be written, because nodes would go silent and sessions never end."""


@dataclass(slots=True)
class ObservedCall:
    """What is known about a call so far. `result` is set once it has succeeded.

    `service` and `operation` are the model's; `claimed_key` is the access key id in the signature, which is
    `presigned` if others than `caller` may have sent the call. `from_console`: a browser sent it, by its cookie.
    """

    service: str
    operation: str
    request_id: str
    source_ip: str | None
    user_agent: str
    claimed_key: str | None = None
    caller: Caller | None = None
    parameters: Mapping[str, Any] | None = None
    result: Mapping[str, Any] | None = None
    presigned: bool = False
    from_console: bool = False


def is_read_only(operation: str) -> bool:
    """Return whether an operation only reads; one that issues credentials does not."""
    return operation.startswith(_READING) and operation not in _GIVES_CREDENTIALS


def needs_record(operation: str) -> bool:
    """Return whether an operation is refused while the trail cannot be written."""
    return not is_read_only(operation) and operation not in ALWAYS_ANSWERED


def demand_trail(service: Service, operation: str, caller: Caller | None = None) -> None:
    """Raise ServiceUnavailable (503) if a call of `operation` must be recorded and cannot be at present.

    Raises ThrottlingException if `caller` makes too many calls that need no permission and must be recorded.
    """
    if caller is not None and operation in _NEEDS_NO_PERMISSION:
        allowance = Allowance(f"{operation}:{principal(caller)}", *_NEEDS_NO_PERMISSION[operation])
        if not service.records.acquire(allowance, service.clock()):
            raise ServiceError("ThrottlingException", "Rate exceeded")
    if service.settings.audit.required and needs_record(operation) and service.trail.failure is not None:
        raise _unrecorded()


async def record_answered(service: Service, call: ObservedCall) -> None:
    """Record a successful call before its response is sent.

    Raises ServiceUnavailable if it had to be recorded and could not be: then nobody gets its result.
    """
    if call.operation in AGENT_CALLS and not service.settings.audit.agent_calls:
        return
    if is_read_only(call.operation) and call.caller is not None:
        cause = _cause(call, call.caller, "")
        allowances = presigned_calls(call.caller) if call.presigned else successful_reads(call.caller)
        if not service.records.allows(allowances, cause, service.clock()):
            return
    entry = call_record(service, call, None)
    if not (service.settings.audit.required and needs_record(call.operation)):
        service.trail.note(entry)
        return
    try:
        await service.trail.keep(entry)
    except Unrecorded as error:
        raise _unrecorded() from error


def record_refused(service: Service, call: ObservedCall, error: ServiceError) -> None:
    """Record a call that was refused or failed. Beyond the caller's allowance such calls are only counted.

    All unauthenticated callers together share one allowance. A successful call is always recorded.
    """
    if call.result is None:
        caller = call.caller
        if caller is None:
            allowances = unverified()
        else:
            allowances = presigned_calls(caller) if call.presigned else refused_calls(caller)
        if not service.records.allows(allowances, _cause(call, caller, error.code), service.clock()):
            return
    service.trail.note(call_record(service, call, error))


def _cause(call: ObservedCall, caller: Caller | None, code: str) -> Cause:
    return Cause(
        party=UNKNOWN if caller is None else principal(caller),
        kind=f"{call.service}:{call.operation} {code}".rstrip(),
        name="" if caller is None else caller.arn,
        access_key_id=call.claimed_key or "",
        address=call.source_ip or "",
    )


def call_record(service: Service, call: ObservedCall, error: ServiceError | None) -> Entry:
    """Return the record of a call, in the shape of CloudTrail's."""
    settings, read_only = service.settings, is_read_only(call.operation)
    most_bytes = MOST_BYTES if error is None else REFUSED_BYTES
    shown = PARAMETERS_SHOWN | {COMMAND} if settings.audit.commands else PARAMETERS_SHOWN
    result = None if read_only or call.result is None or error is not None else recorded(call.result)
    record: dict[str, Any] = {
        "eventVersion": EVENT_VERSION,
        "eventID": _new_id(service),
        "eventTime": moment(service.clock()),
        "eventSource": f"{call.service}.amazonaws.com",
        "eventName": call.operation,
        "eventType": "AwsConsoleSignIn" if call.service == SIGN_IN_SERVICE else "AwsApiCall",
        "eventCategory": "Management",
        "managementEvent": True,
        "readOnly": read_only,
        "awsRegion": settings.region,
        "recipientAccountId": settings.account_id,
        "sourceIPAddress": call.source_ip,
        "userAgent": text(call.user_agent, SAID_BYTES),
        "userIdentity": web_identity(call.result) or user_identity(call.caller, call.claimed_key),
        "requestID": call.request_id,
        "requestParameters": None if call.parameters is None else recorded(call.parameters, most_bytes, 0, shown),
        "responseElements": result,
    }
    if call.from_console:
        record["sessionCredentialFromConsole"] = "true"
    if error is not None:
        record["errorCode"], record["errorMessage"] = text(error.code), text(error.message, SAID_BYTES)
        if error.cause is not None:
            record["additionalEventData"] = {"cause": text(error.cause, SAID_BYTES)}
    return record


def session_changed(service: Service, session: Session, kms_key_id: str = "") -> None:
    """Record a session's new status, its owner and target, and when and why it ended.

    `kms_key_id` is what a new session is encrypted with, empty for nothing.
    """
    service.changes.note(Kind.SESSIONS)
    detail = {
        "sessionId": session.session_id,
        "status": session.status.value,
        "target": session.target,
        "owner": session.owner,
        "documentName": session.document_name,
        "documentVersion": None if session.document_version is None else str(session.document_version),
        "reason": None if session.reason is None else text(session.reason),
        "accessType": session.access_type.value,
        "startDate": moment(session.started_at),
        "endDate": None if session.ended_at is None else moment(session.ended_at),
        "details": None if session.details is None else text(session.details),
    }
    if kms_key_id:
        detail["kmsKeyId"] = kms_key_id
    resources = [
        service.arns.session(session.session_id),
        service.arns.node(session.target),
    ]
    service.trail.note(event(service, SESSION_CHANGE, resources, detail))


def node_changed(service: Service, node_id: NodeId, status: str, **detail: str | None) -> None:
    """Record that a node is Registered, Connected, Disconnected or Deregistered; beyond its allowance, only count."""
    service.changes.note(Kind.NODES)
    if status in _REPEATABLE_STATUSES:
        cause = Cause(node_id, f"{NODE_CHANGE} {status}", address=detail.get("sourceIPAddress") or "")
        if not service.records.allows(node_changes(node_id), cause, service.clock()):
            return
    arn = service.arns.node(node_id)
    shown = {name: text(value) for name, value in detail.items() if value is not None}
    service.trail.note(event(service, NODE_CHANGE, [arn], {"instanceId": node_id, "status": status, **shown}))


@dataclass(frozen=True, slots=True)
class EndLeft:
    """One end of a session left, and how much it had sent. `reason` is why the server closed it; empty if it left."""

    end: str
    name: str
    bytes_sent: int
    frames_sent: int
    close_code: int | None
    reason: str


def end_joined(service: Service, session_id: SessionId, end: str, name: str, source_ip: str | None) -> None:
    """Record that an end of a session, `client` or `agent`, opened its data channel, and from where."""
    detail = {"state": "Opened", "end": end, "name": text(name), "sourceIPAddress": source_ip}
    _note_channel(service, session_id, detail)


def end_left(service: Service, session_id: SessionId, left: EndLeft) -> None:
    """Record that an end's data channel closed."""
    detail = {
        "state": "Closed",
        "end": left.end,
        "name": text(left.name),
        "bytesSent": left.bytes_sent,
        "framesSent": left.frames_sent,
        "closeCode": left.close_code,
        "reason": text(left.reason),
    }
    _note_channel(service, session_id, detail)


def end_refused(
    service: Service, session_id: SessionId, end: str, source_ip: str | None, error: Exception, name: str | None = None
) -> None:
    """Record that someone was refused an end of a session.

    A token that was used before was valid once, so it counts against the session. Attempts of a node count against that
    node, `name`; anything that anyone can make up counts against the allowance of all unauthenticated callers.
    """
    if isinstance(error, TooManyFailedAttempts):
        return
    if name is not None:
        party, allowances = name, refused_ends(name)
    elif isinstance(error, SpentToken):
        party, allowances = session_id, channel_changes(session_id, "refused")
    else:
        party, allowances = UNKNOWN, unverified()
    cause = Cause(party, f"{CHANNEL_CHANGE} Refused", name or "", address=source_ip or "")
    if not service.records.allows(allowances, cause, service.clock()):
        return
    reason = error.message if isinstance(error, ServiceError) else str(error)
    detail = {
        "state": "Refused",
        "sessionId": text(session_id),
        "end": end,
        "name": name,
        "sourceIPAddress": source_ip,
        "reason": text(reason),
        "spentToken": True if isinstance(error, SpentToken) else None,
    }
    arn = service.arns.session(text(session_id))
    service.trail.note(event(service, CHANNEL_CHANGE, [arn], detail))


def failures_summed(service: Service, summary: Summary) -> None:
    """Record a summary of attempts to authenticate that were refused unchecked, after too many failures."""
    detail = {
        "sourceIPAddress": summary.address,
        "since": moment(summary.since),
        "until": moment(summary.until),
        "failed": summary.failed,
        "refused": summary.refused,
        "claimed": [text(claim) for claim in summary.claims],
    }
    service.trail.note(event(service, FAILURES, [], detail))


def repeated_summed(service: Service, repeated: Repeated) -> None:
    """Record a summary of the records that exceeded a party's allowance, by kind."""
    detail = {
        "principalId": text(repeated.party),
        "since": moment(repeated.since),
        "until": moment(repeated.until),
        "records": repeated.records,
        "counts": {text(kind, 256): count for kind, count in repeated.kinds.most_common()},
        "callers": [text(each) for each in repeated.names],
        "accessKeyIds": [text(each) for each in repeated.access_key_ids],
        "sourceIPAddresses": [text(each) for each in repeated.addresses],
    }
    service.trail.note(event(service, REPEATED, [], detail))


def trail_event(service: Service, detail_type: str, detail: Mapping[str, Any]) -> Entry:
    """Return an event about the trail itself: opened, a gap, or old files deleted."""
    return event(service, detail_type, [], dict(detail))


def moment(millis: Millis) -> str:
    """Return an instant in the format of records: UTC, to the millisecond."""
    return iso_millis(from_millis(millis))


def _note_channel(service: Service, session_id: SessionId, detail: dict[str, Any]) -> None:
    address = detail.get("sourceIPAddress") or ""
    cause = Cause(session_id, f"{CHANNEL_CHANGE} {detail['state']}", detail["name"], address=address)
    if not service.records.allows(channel_changes(session_id, detail["end"]), cause, service.clock()):
        return
    arn = service.arns.session(session_id)
    service.trail.note(event(service, CHANNEL_CHANGE, [arn], {"sessionId": session_id, **detail}))


def event(service: Service, detail_type: str, resources: list[str], detail: dict[str, Any]) -> Entry:
    """Return an event in the shape of EventBridge's; members of `detail` that are None are left out."""
    return {
        "version": "0",
        "id": _new_id(service),
        "detail-type": detail_type,
        "source": SOURCE,
        "account": service.settings.account_id,
        "time": moment(service.clock()),
        "region": service.settings.region,
        "resources": resources,
        "detail": {name: value for name, value in detail.items() if value is not None},
    }


def _new_id(service: Service) -> str:
    return str(uuid.UUID(bytes=service.entropy(16), version=4))


def _unrecorded() -> ServiceError:
    message = "The call cannot be recorded, and no call goes unrecorded here. The server's log says why; try again."
    return ServiceError("ServiceUnavailable", message, status=503)
