"""Which changes a person learns about: those of what their policies let them list."""

from collections.abc import Mapping

from ferryman.core.authorization.decisions import decide
from ferryman.core.changes import Kind
from ferryman.core.service import Service
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
        if any(decide(service, caller, action, resource).allowed for action, resource in asked)
    )
