"""DescribeSessions: filters, pages, the 30-day window."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import TypeVar

from ferryman.core.authorization.decisions import require
from ferryman.core.listings import narrowed_by
from ferryman.core.paging import Listing, Page, Position
from ferryman.core.ports.sessions import SessionPosition, SessionQuery
from ferryman.core.service import Service
from ferryman.core.sessions.requests import DescribeSessionsRequest
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis, SessionId
from ferryman.model.identity.callers import Caller
from ferryman.model.sessions import AccessType, Session, SessionState, SessionStatus
from ferryman.model.values.timestamps import parse_iso, to_millis

DEFAULT_PAGE = 50
FILTER_KEYS = ("InvokedAfter", "InvokedBefore", "Target", "Owner", "Status", "SessionId", "AccessType")

Choice = TypeVar("Choice", bound=StrEnum)


async def describe_sessions(service: Service, caller: Caller, request: DescribeSessionsRequest) -> Page[Session]:
    """DescribeSessions: newest first; every page is full except the last.

    Raises AccessDeniedException, ValidationException, InvalidFilterKey, InvalidNextToken.
    """
    settings = service.settings
    require(service, caller, "ssm:DescribeSessions", service.arns.session("*"))
    query = _query(request)
    if caller.access_type is AccessType.JUST_IN_TIME:  # such a caller sees its own sessions only
        if query.owner not in (None, caller.arn):
            return Page(())
        query = replace(query, owner=caller.arn)
    if request.state is SessionState.HISTORY:
        since = Millis(service.clock() - settings.limits.history_days * 86_400_000)
        query = replace(query, ended_since=since)
    members = (request.state, sorted(request.filters))
    listing = Listing(service, caller, "DescribeSessions", members)

    async def read(after: Position | None, most: int) -> Sequence[Session]:
        behind = None if after is None else SessionPosition(Millis(int(after[0])), SessionId(str(after[1])))
        return await service.store.sessions.page(query, behind, most)

    with narrowed_by("Target", "Owner", "Status", "InvokedAfter", "InvokedBefore"):
        return await listing.page(
            request.next_token, request.max_results or DEFAULT_PAGE, read, lambda row: (row.started_at, row.session_id)
        )


def _query(request: DescribeSessionsRequest) -> SessionQuery:
    filters = _by_key(request.filters)
    owner = filters.get("Owner")
    is_arn = owner is not None and owner.startswith("arn:")
    return SessionQuery(
        state=request.state,
        invoked_after=_instant(filters, "InvokedAfter"),
        invoked_before=_instant(filters, "InvokedBefore"),
        target=filters.get("Target"),
        owner=owner if is_arn else None,
        owner_name=None if is_arn else owner,
        status=_choice(filters, "Status", SessionStatus),
        session_id=filters.get("SessionId"),
        access_type=_choice(filters, "AccessType", AccessType),
    )


def _by_key(filters: Sequence[tuple[str, str]]) -> Mapping[str, str]:
    by_key: dict[str, str] = {}
    for key, value in filters:
        if key not in FILTER_KEYS:
            raise ServiceError(
                "InvalidFilterKey", f"The filter key {key!r} is not valid. Valid keys: {', '.join(FILTER_KEYS)}."
            )
        if key in by_key:
            raise ServiceError("ValidationException", f"The filter key {key} may be used only once.")
        by_key[key] = value
    return by_key


def _instant(filters: Mapping[str, str], key: str) -> Millis | None:
    """Return an ISO 8601 instant in milliseconds, rounded up, as StartDates are whole. UTC if it has no zone."""
    value = filters.get(key)
    if value is None:
        return None
    try:
        return to_millis(parse_iso(value), round_up=True)
    except (ValueError, OverflowError) as error:
        raise ServiceError(
            "ValidationException",
            f"The value {value!r} of the filter {key} is not an ISO 8601 timestamp such as 2018-08-29T00:00:00Z.",
        ) from error


def _choice(filters: Mapping[str, str], key: str, choices: type[Choice]) -> Choice | None:
    value = filters.get(key)
    if value is None:
        return None
    try:
        return choices(value)
    except ValueError as error:
        raise ServiceError(
            "ValidationException",
            f"The value {value!r} of the filter {key} is not valid. Valid values: {', '.join(choices)}.",
        ) from error
