"""DescribeSessions: filters, pages, the 30-day window."""

from ferryman.core.requests import DescribeSessionsRequest, Page
from ferryman.core.service import Service
from ferryman.model.callers import Caller
from ferryman.model.sessions import Session


async def describe_sessions(service: Service, caller: Caller, request: DescribeSessionsRequest) -> Page[Session]:
    """DescribeSessions. Raises AccessDeniedException, ValidationException, InvalidFilterKey, InvalidNextToken."""
    raise NotImplementedError
