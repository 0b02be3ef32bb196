"""LookupEvents: what the audit trail has recorded, as CloudTrail's API returns it.

Calls are CloudTrail's own records. An event (a session's new status, say) becomes an `AwsServiceEvent`, with its detail
as `serviceEventDetails`. `https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html`
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from ferryman.core.audit.trails import Places, Request, search_trails
from ferryman.core.authorization.decisions import require
from ferryman.core.paging import InvalidPageToken, Listing, Page, Position
from ferryman.core.ports.audit import TrailSearch
from ferryman.core.record_budget import Allowance, principal
from ferryman.core.service import Service
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis
from ferryman.model.identity.callers import Caller
from ferryman.model.values.timestamps import from_millis, iso_millis

ACTION = "cloudtrail:LookupEvents"
UNSEARCHED = "Audit Trail Not Searched"
"""An event that is in no trail: which servers' trails a page lacks, and why."""
MOST_RESULTS = 50
PER_SECOND = 2.0
"""AWS's limit; AWS applies it to a whole account, Ferryman to each user or role."""

Record = Mapping[str, Any]
_RESOURCES = {
    "target": "AWS::SSM::ManagedInstance",
    "instanceId": "AWS::SSM::ManagedInstance",
    "sessionId": "AWS::SSM::Session",
    "documentName": "AWS::SSM::Document",
    "activationId": "AWS::SSM::Activation",
    "userName": "AWS::IAM::User",
    "roleName": "AWS::IAM::Role",
    "groupName": "AWS::IAM::Group",
    "policyArn": "AWS::IAM::Policy",
    "accessKeyId": "AWS::IAM::AccessKey",
}
"""Members of parameters, results and details that name a resource, with CloudTrail's name of its type."""
_OF_KMS = {"keyId": "AWS::KMS::Key", "aliasName": "AWS::KMS::Alias"}
"""The same for calls of KMS; the trail itself has keys of other kinds."""


@dataclass(frozen=True, slots=True)
class LookupEventsRequest:
    """LookupEvents. `attributes` are pairs of key and value, of which AWS accepts one. `max_results` is 1 to 50."""

    attributes: Sequence[tuple[str, str]] = ()
    start: Millis | None = None
    end: Millis | None = None
    max_results: int | None = None
    next_token: str | None = None


@dataclass(frozen=True, slots=True)
class LookedUpEvent:
    """A record's attributes; texts are empty if it does not have them. `time` is ISO 8601, `text` the record as JSON.

    `resources` are pairs of type and name.
    """

    event_id: str
    name: str
    read_only: str
    access_key_id: str
    time: str
    source: str
    username: str
    resources: Sequence[tuple[str, str]]
    text: str


async def look_up_events(service: Service, caller: Caller, request: LookupEventsRequest) -> Page[LookedUpEvent]:
    """LookupEvents: a page of records, newest first. It may have few or none although another follows.

    If the trail of a server could not be searched, the page begins with an event `UNSEARCHED` that names it, whatever
    was searched for: it is all that clients of AWS's API show.

    Raises AccessDeniedException, InvalidLookupAttributesException, InvalidTimeRangeException,
    InvalidNextTokenException, ThrottlingException.
    """
    require(service, caller, ACTION, "*")
    search = _search(request)
    if not service.records.acquire(Allowance(f"{ACTION}:{principal(caller)}", 2, PER_SECOND), service.clock()):
        raise ServiceError("ThrottlingException", "Rate exceeded")
    members = ([list(each) for each in request.attributes], request.start, request.end)
    listing = Listing(service, caller, "LookupEvents", members)
    try:
        reached = listing.position(request.next_token)
    except InvalidPageToken as error:
        raise ServiceError("InvalidNextTokenException", error.message) from error
    places = None if reached is None else _places(reached)
    asked = (list(request.attributes), request.start, request.end)
    found = await search_trails(service, asked, search, places, request.max_results or MOST_RESULTS)
    records = [*([_unsearched(service, found.unsearched)] if found.unsearched else ()), *found.records]
    return listing.ending_at([looked_up(record) for record in records], _position(found.behind))


def _unsearched(service: Service, servers: Mapping[str, str]) -> Record:
    return {
        "id": str(uuid.UUID(bytes=service.entropy(16), version=4)),
        "detail-type": UNSEARCHED,
        "time": iso_millis(from_millis(service.clock())),
        "region": service.settings.region,
        "account": service.settings.account_id,
        "detail": {
            "message": "Records of these servers are missing from this page and those that follow.",
            "servers": dict(servers),
        },
    }


def search_of(request: Request) -> TrailSearch:
    """Return the search for a request that another server has checked."""
    attributes, start, end = request
    moments = [None if each is None else Millis(each) for each in (start, end)]
    return _search(LookupEventsRequest(attributes, moments[0], moments[1]))


def _places(position: Position) -> Places:
    """Return the places in a page token: name, first record of a file and bytes before the place, for each trail."""
    if len(position) % 3:
        raise ServiceError("InvalidNextTokenException", "The token is from another release. Start again without it.")
    parts = zip(position[::3], position[1::3], position[2::3], strict=True)
    return {str(name): None if int(first) < 0 else (int(first), int(end)) for name, first, end in parts}


def _position(places: Places) -> Position | None:
    return [part for name, place in places.items() for part in (name, *(place or (-1, 0)))] or None


def looked_up(record: Record) -> LookedUpEvent:
    """Return a record of the trail as LookupEvents has it. Its members are read by their type."""
    shown = record if "eventName" in record else _service_event(record)
    read_only = shown.get("readOnly")
    return LookedUpEvent(
        _text(shown, "eventID"),
        _text(shown, "eventName"),
        str(read_only).lower() if isinstance(read_only, bool) else "",
        _text(_mapping(shown, "userIdentity"), "accessKeyId"),
        _text(shown, "eventTime"),
        _text(shown, "eventSource"),
        _username(record),
        _resources(record),
        msgspec.json.encode(shown).decode(),
    )


def _search(request: LookupEventsRequest) -> TrailSearch:
    start, end = (None if each is None else iso_millis(from_millis(each)) for each in (request.start, request.end))
    if request.start is not None and request.end is not None and request.start > request.end:
        raise ServiceError("InvalidTimeRangeException", "StartTime is after EndTime.")
    if not request.attributes:
        return TrailSearch(start or "", end or "", (), lambda _: True)
    if len(request.attributes) > 1:
        message = "You can specify only one lookup attribute."
        raise ServiceError("InvalidLookupAttributesException", message)
    key, value = request.attributes[0]
    if key == "ReadOnly" and value not in ("true", "false"):
        raise ServiceError("InvalidLookupAttributesException", "ReadOnly is true or false.")
    attribute = _ATTRIBUTES[key]
    # The words must be in the line as it is written; types and flags are not what the line has.
    words = () if key in ("ReadOnly", "ResourceType", "EventSource") else (msgspec.json.encode(value).decode()[1:-1],)
    return TrailSearch(start or "", end or "", words, lambda record: value in attribute(record))


def _service_event(record: Record) -> Record:
    """Return an event in the form of CloudTrail's records of what a service does by itself."""
    return {
        "eventVersion": "1.11",
        "userIdentity": {"type": "AWSService", "invokedBy": _SERVICE},
        "eventTime": _text(record, "time"),
        "eventSource": _SERVICE,
        "eventName": _text(record, "detail-type"),
        "awsRegion": _text(record, "region"),
        "eventID": _text(record, "id"),
        "readOnly": False,
        "eventType": "AwsServiceEvent",
        "managementEvent": True,
        "eventCategory": "Management",
        "recipientAccountId": _text(record, "account"),
        "serviceEventDetails": _mapping(record, "detail"),
        "chain": _mapping(record, "chain"),
    }


_SERVICE = "ssm.amazonaws.com"


def _username(record: Record) -> str:
    """Return the name of whoever acted: of a user, of a role session, or of the owner of the session that changed."""
    identity = _mapping(record, "userIdentity")
    named = _text(identity, "userName") or _text(identity, "arn").rpartition("/")[2]
    return named or _text(_mapping(record, "detail"), "owner").rpartition("/")[2]


def _resources(record: Record) -> list[tuple[str, str]]:
    found: dict[tuple[str, str], None] = {}
    named = {**_RESOURCES, **_OF_KMS} if record.get("eventSource") == "kms.amazonaws.com" else _RESOURCES
    for part in ("requestParameters", "responseElements", "detail"):
        members = _mapping(record, part)
        for name, kind in named.items():
            value = members.get(name)
            if isinstance(value, str) and value:
                found[kind, value] = None
    return list(found)


def _text(members: Record, name: str) -> str:
    found = members.get(name)
    return found if isinstance(found, str) else ""


def _mapping(members: Record, name: str) -> Record:
    found = members.get(name)
    return found if isinstance(found, dict) else {}


_ATTRIBUTES: Mapping[str, Callable[[Record], Sequence[str]]] = {
    "EventId": lambda record: [_text(record, "eventID") or _text(record, "id")],
    "EventName": lambda record: [_text(record, "eventName") or _text(record, "detail-type")],
    "ReadOnly": lambda record: ["true" if record.get("readOnly") is True else "false"],
    "Username": lambda record: [_username(record)],
    "ResourceType": lambda record: [kind for kind, _ in _resources(record)],
    "ResourceName": lambda record: [name for _, name in _resources(record)],
    "EventSource": lambda record: [_text(record, "eventSource") or _SERVICE],
    "AccessKeyId": lambda record: [_text(_mapping(record, "userIdentity"), "accessKeyId")],
}
"""What a record has for each key of LookupAttributes."""
