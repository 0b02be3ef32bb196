"""Ferryman's own operations on the health of a server's parts, for administrators."""

from datetime import datetime

from ferryman.core.audit.status import get_audit_trail_status
from ferryman.core.sessions.outputs import check_session_log_destinations
from ferryman.model.identity.callers import Caller
from ferryman.model.session_outputs import CloudWatchOutput, S3Output, SessionOutputs
from ferryman.model.values.timestamps import parse_iso
from ferryman.server.operations.context import OperationContext, Operations, Parameters, Result


async def _get_audit_trail_status(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    status = await get_audit_trail_status(context.service, caller)
    newest = status.newest
    return {
        "Writing": status.failure is None,
        "Failure": status.failure,
        "Intact": newest.problem is None,
        "Problem": newest.problem,
        "CheckedRecords": newest.records,
        "FirstRecord": newest.first,
        "LastRecord": newest.last,
        "LastRecordDate": _date(newest.time),
    }


def _date(text: str) -> datetime | None:
    """Return the time in a record, None for one that is not a time."""
    try:
        return parse_iso(text)
    except ValueError:
        return None


async def _check_destinations(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    bucket, group = parameters.get("S3BucketName"), parameters.get("CloudWatchLogGroupName")
    outputs = SessionOutputs(
        s3=S3Output(bucket, encrypted=parameters.get("S3EncryptionEnabled") or False) if bucket else None,
        cloud_watch=CloudWatchOutput(group, encrypted=parameters.get("CloudWatchEncryptionEnabled") or False)
        if group
        else None,
    )
    found = await check_session_log_destinations(context.service, caller, outputs)
    return {
        "Destinations": [
            {"Destination": each.name, "Usable": each.problem is None, "Problem": each.problem} for each in found
        ]
    }


OPERATIONS: Operations = {
    ("ferryman", "GetAuditTrailStatus"): _get_audit_trail_status,
    ("ferryman", "CheckSessionLogDestinations"): _check_destinations,
}
