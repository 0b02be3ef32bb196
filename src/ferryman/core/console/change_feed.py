"""Which changes a person learns about: those of what their policies let them list."""

from collections.abc import Mapping

from ferryman.core.authorization.decisions import decide
from ferryman.core.changes import Kind
from ferryman.core.service import Service
from ferryman.model.errors import ServiceError
from ferryman.model.identity.callers import Caller


def visible_kinds(service: Service, caller: Caller) -> frozenset[Kind]:
    """Return what the caller may list, as policies are now: some of it, or only their own."""
    arns = service.arns
    listings: Mapping[Kind, tuple[tuple[str, str], ...]] = {
        Kind.SESSIONS: (("ssm:DescribeSessions", arns.session("*")),),
        Kind.NODES: (("ssm:DescribeInstanceInformation", arns.everything_of_ssm()),),
        Kind.ACCESS_REQUESTS: (
            ("ssm:DescribeOpsItems", arns.access_request("*")),
            ("ssm:GetAccessToken", arns.access_request("*")),
        ),
        Kind.RECORDINGS: (("ferryman:ListRecordings", arns.recording("*")),),
    }
    return frozenset(
        kind
        for kind, asked in listings.items()
        if any(_is_allowed(service, caller, action, resource) for action, resource in asked)
    )


def _is_allowed(service: Service, caller: Caller, action: str, resource: str) -> bool:
    """Policies that are too large to evaluate allow nothing."""
    try:
        return decide(service, caller, action, resource).allowed
    except ServiceError:
        return False
