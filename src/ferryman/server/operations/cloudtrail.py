"""CloudTrail's LookupEvents, over the audit trail."""

from datetime import datetime

from ferryman.core.audit.lookup import LookedUpEvent, LookupEventsRequest, look_up_events
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis
from ferryman.model.identity.callers import Caller
from ferryman.model.values.timestamps import parse_iso, to_millis
from ferryman.server.operations.context import OperationContext, Operations, Parameters, Result


async def _look_up_events(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    attributes = [(each["AttributeKey"], each["AttributeValue"]) for each in parameters.get("LookupAttributes") or ()]
    request = LookupEventsRequest(
        attributes,
        _millis(parameters.get("StartTime")),
        _millis(parameters.get("EndTime")),
        parameters.get("MaxResults"),
        parameters.get("NextToken"),
    )
    if parameters.get("EventCategory") is not None:
        raise ServiceError("InvalidEventCategoryException", "There are no insights events here.")
    page = await look_up_events(context.service, caller, request)
    return {"Events": [_event(each) for each in page.items], "NextToken": page.next_token}


def _event(event: LookedUpEvent) -> Result:
    return {
        "EventId": event.event_id or None,
        "EventName": event.name or None,
        "ReadOnly": event.read_only or None,
        "AccessKeyId": event.access_key_id or None,
        "EventTime": _time(event.time),
        "EventSource": event.source or None,
        "Username": event.username or None,
        "Resources": [{"ResourceType": kind, "ResourceName": name} for kind, name in event.resources],
        "CloudTrailEvent": event.text,
    }


def _time(text: str) -> datetime | None:
    try:
        return parse_iso(text)
    except ValueError:
        return None


def _millis(moment: datetime | None) -> Millis | None:
    return None if moment is None else to_millis(moment)


OPERATIONS: Operations = {("cloudtrail", "LookupEvents"): _look_up_events}
