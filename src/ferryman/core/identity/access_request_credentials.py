"""Temporary credentials of an approved access request, and the policy of what they allow."""

import json
from collections.abc import Sequence
from dataclasses import replace

from ferryman.core.identity.credentials import TemporaryCredentials
from ferryman.core.identity.temporary_credentials import issue_temporary
from ferryman.core.service import Service
from ferryman.model.access_requests import AccessRequest, AccessRequestStatus
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis, NodeId
from ferryman.model.identity.callers import Caller
from ferryman.model.identity.credential_sessions import SessionKind, TemporarySession
from ferryman.model.identity.policies import PolicyDocument

LONGEST = 3600
"""Seconds that one set of credentials lasts; while the window is open, GetAccessToken issues others."""


def issue_access_credentials(service: Service, caller: Caller, request: AccessRequest) -> TemporaryCredentials:
    """Return credentials for an Approved request: for its requester `caller`, until its window ends.

    They become invalid together with what the caller signed with: the user's key or the role's session.
    """
    now, asked_in = service.clock(), caller.session
    ends = [request.deadline_at, now + LONGEST * 1000, *([] if asked_in is None else [asked_in.expires_at])]
    session = TemporarySession(
        SessionKind.ACCESS_REQUEST,
        request.requester.identity_id,
        now,
        Millis(min(ends)),
        access_request_id=request.request_id,
    )
    if asked_in is None:
        session = replace(session, access_key_id=caller.access_key_id)
    else:
        session = replace(
            session,
            name=asked_in.name,
            access_key_id=asked_in.access_key_id,
            policies=asked_in.policies,
            policy_arns=asked_in.policy_arns,
            tags=asked_in.tags,
            source_identity=asked_in.source_identity,
            provider=asked_in.provider,
            subject=asked_in.subject,
            person_id=asked_in.person_id,
        )
    return issue_temporary(service, session)


async def granted_policy(service: Service, session: TemporarySession) -> PolicyDocument:
    """Return the current policy of the request that credentials were issued for.

    Raises ExpiredTokenException unless the request is Approved and belongs to the credentials' identity.
    """
    request = await service.store.access_requests.get(session.access_request_id)
    if (
        request is None
        or request.requester.identity_id != session.identity_id
        or request.status is not AccessRequestStatus.APPROVED
        or request.deadline_at <= service.clock()
    ):
        raise ServiceError("ExpiredTokenException", "The access that the security token was made for has ended.")
    return PolicyDocument(f"access-request/{request.request_id}", access_policy(service, request))


async def listed_nodes(service: Service, caller: Caller) -> Sequence[NodeId] | None:
    """Return the nodes that a caller with a request's credentials may list, to find them by name: the request's.

    None for every other caller, for whom policies decide.
    """
    if caller.session is None or caller.session.kind is not SessionKind.ACCESS_REQUEST:
        return None
    request = await service.store.access_requests.get(caller.session.access_request_id)
    return () if request is None else request.nodes


def access_policy(service: Service, request: AccessRequest) -> str:
    """Return the policy of a request's credentials: sessions on its nodes, and the requester's own sessions there."""
    arns = service.arns
    nodes = [arns.node(node) for node in request.nodes]
    ids = [str(node) for node in request.nodes]
    statements = [
        {
            "Effect": "Allow",
            "Action": "ssm:StartSession",
            "Resource": [*nodes, arns.document("*"), f"arn:aws:ssm:{arns.region}::document/*"],
        },
        {"Effect": "Allow", "Action": "ssm:GetConnectionStatus", "Resource": nodes},
        {
            "Effect": "Allow",
            "Action": ["ssm:ResumeSession", "ssm:TerminateSession"],
            "Resource": arns.session("${aws:userid}-*"),
            "Condition": {"StringEquals": {"ssm:resourceTag/aws:ssmmessages:target-id": ids}},
        },
        {
            "Effect": "Allow",
            "Action": "ssm:DescribeSessions",
            "Resource": arns.session("*"),
        },
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
