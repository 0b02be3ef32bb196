"""Role sessions: what every way to assume a role has in common, and AssumeRole, for callers who sign."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ferryman.core.authorization.decisions import denied
from ferryman.core.authorization.request_context import (
    Keys,
    context_of,
    managed_text,
    policy_set,
    request_tag_keys,
    requester_of,
)
from ferryman.core.iam.roles import role_keys
from ferryman.core.iam.trust import is_someone_else
from ferryman.core.identity.credentials import TemporaryCredentials
from ferryman.core.identity.temporary_credentials import issue_temporary
from ferryman.core.service import Service
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis
from ferryman.model.identity.callers import Caller, CallerKind
from ferryman.model.identity.credential_sessions import SessionKind, TemporarySession
from ferryman.model.identity.roles import IamRole
from ferryman.policy.documents import PolicyKind
from ferryman.policy.errors import MalformedPolicyDocument, PolicyTooLarge
from ferryman.policy.evaluation import Decision, Layer, NamedPolicy, Request, Verdict, evaluate
from ferryman.policy.parsing import cached_policy, parse_policy
from ferryman.policy.principals import Requester

DEFAULT_DURATION = 3600
CHAINED_LIMIT = 3600
"""The most seconds of a session made by another role session (role chaining)."""
POLICY_ARN_LIMIT = 10


@dataclass(frozen=True, slots=True)
class SessionRequest:
    """The requested role session; `duration` is in seconds, `minimum_token_size` in bytes.

    `transitive_keys` are keys of `tags`.
    """

    role_arn: str
    name: str
    duration: int | None = None
    policy: str | None = None
    policy_arns: Sequence[str] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    transitive_keys: tuple[str, ...] = ()
    source_identity: str = ""
    external_id: str = ""
    minimum_token_size: int = 0


@dataclass(frozen=True, slots=True)
class RoleSession:
    """A role's new session and its credentials."""

    issued: TemporaryCredentials
    assumed_role_id: str
    arn: str
    source_identity: str


async def assume_role(service: Service, caller: Caller, request: SessionRequest) -> RoleSession:
    """AssumeRole. The new session inherits transitive tags, source identity and web identity of the caller's session.

    Raises AccessDeniedException (also, in the same words, for a role that does not exist), ValidationException
    (duration), InvalidParameterValue (tags), MalformedPolicyDocument, PackedPolicyTooLarge.
    """
    role = await find_role(service, request.role_arn)
    if caller.kind is CallerKind.NODE:
        raise _not_authorized(caller, "sts:AssumeRole", request.role_arn)
    request = _continued(caller, request)
    if role is None:
        raise _refused(service, caller, request, "sts:AssumeRole", request_keys(request), _NOT_TRUSTED)
    keys = {**request_keys(request), **await role_keys(service, role)}
    policies = policy_set(caller, trust_policy(role))
    context = context_of(service, caller, keys)
    requesters = [requester_of(caller)]
    if is_someone_else(role.principal_ids, caller):
        requesters.append(Requester(account_id=caller.account_id))  # it does not have what its name would allow
    for action in actions_of("sts:AssumeRole", request):
        for requester in requesters:
            decision = evaluate(policies, Request(action, request.role_arn, context, requester))
            if not decision.allowed:
                raise _refused(service, caller, request, action, keys, decision)
    chained = CHAINED_LIMIT if caller.kind is CallerKind.ROLE else None
    provider, subject = ("", "") if caller.session is None else (caller.session.provider, caller.session.subject)
    return await enter(
        service,
        role,
        request,
        SessionKind.ROLE,
        longest=chained,
        provider=provider,
        subject=subject,
        person_id=caller.person_id,
    )


_NOT_TRUSTED = Decision(Verdict.IMPLICIT_DENY, Layer.RESOURCE)


def _refused(
    service: Service, caller: Caller, request: SessionRequest, action: str, keys: Keys, decision: Decision
) -> ServiceError:
    """Return the error for a role that may not be assumed.

    Only callers whose own policies allow them to assume it learn about its trust policy; to others every role looks as
    if it did not exist.
    """
    everybody = {"Effect": "Allow", "Principal": {"AWS": caller.account_id}, "Action": _ACTIONS}
    text = json.dumps({"Statement": everybody})
    trusting = policy_set(caller, NamedPolicy("a role's trust policy", cached_policy(text, PolicyKind.TRUST)))
    asked = Request(
        action, request.role_arn, context_of(service, caller, keys), Requester(account_id=caller.account_id)
    )
    own = evaluate(trusting, asked)
    return denied(caller, action, request.role_arn, decision if own.allowed else own)


_ACTIONS = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]


async def find_role(service: Service, arn: str) -> IamRole | None:
    """Return the role with that ARN."""
    role = await service.store.roles.named(arn.rpartition("/")[2])
    own = role is not None and service.arns.role(role.name, role.path) == arn
    return role if own else None


def trust_policy(role: IamRole) -> NamedPolicy:
    """Return the parsed trust policy of a role."""
    return NamedPolicy("the role's trust policy", cached_policy(role.trust_policy, PolicyKind.TRUST))


def actions_of(way: str, request: SessionRequest) -> list[str]:
    """Return the actions that a trust policy must allow: the way in, and what the request sets on the session."""
    tagging = ["sts:TagSession"] if request.tags else []
    identifying = ["sts:SetSourceIdentity"] if request.source_identity else []
    return [way, *tagging, *identifying]


def request_keys(request: SessionRequest) -> Keys:
    """Return the condition keys of the requested session."""
    given = {
        "sts:RoleSessionName": request.name,
        "sts:ExternalId": request.external_id,
        "sts:SourceIdentity": request.source_identity,
        "sts:TransitiveTagKeys": request.transitive_keys,
    }
    return {**request_tag_keys(request.tags), **{key: value for key, value in given.items() if value}}


async def enter(
    service: Service,
    role: IamRole,
    request: SessionRequest,
    kind: SessionKind,
    *,
    longest: int | None = None,
    provider: str = "",
    subject: str = "",
    person_id: str = "",
) -> RoleSession:
    """Make a role session for a caller who may have it; `longest` bounds it in seconds, as the role's maximum does.

    Raises ValidationException (duration), InvalidParameterValue (tags), MalformedPolicyDocument, PackedPolicyTooLarge.
    """
    await _check_policies(service, request)
    if not {*request.transitive_keys} <= {*request.tags}:
        raise invalid_tags("The specified transitive tag key must be included in the requested tags.")
    now = service.clock()
    session = TemporarySession(
        kind,
        role.role_id,
        now,
        Millis(now + _duration(role, request, longest) * 1000),
        request.name,
        policies=() if request.policy is None else (request.policy,),
        policy_arns=tuple(request.policy_arns),
        tags=request.tags,
        transitive_keys=request.transitive_keys,
        source_identity=request.source_identity,
        provider=provider,
        subject=subject,
        person_id=person_id,
    )
    return RoleSession(
        issue_temporary(service, session, request.minimum_token_size),
        f"{role.role_id}:{request.name}",
        service.arns.role_session(role.name, request.name),
        request.source_identity,
    )


def invalid_tags(message: str) -> ServiceError:
    """Return the error for session tags."""
    return ServiceError("InvalidParameterValue", message)


def _continued(caller: Caller, request: SessionRequest) -> SessionRequest:
    """Return the request with what it inherits from the caller's own session."""
    session = caller.session
    if session is None:
        return request
    inherited = {key: session.tags[key] for key in session.transitive_keys}
    again = {key.casefold() for key in request.tags} & {key.casefold() for key in inherited}
    if again:
        raise invalid_tags(
            f"The tags {', '.join(sorted(again))} are inherited from your session and cannot be set again."
        )
    if session.source_identity and request.source_identity not in ("", session.source_identity):
        raise _not_authorized(caller, "sts:SetSourceIdentity", request.role_arn)
    return replace(
        request,
        tags={**inherited, **request.tags},
        transitive_keys=(*inherited, *request.transitive_keys),
        source_identity=session.source_identity or request.source_identity,
    )


async def _check_policies(service: Service, request: SessionRequest) -> None:
    if request.policy is not None:
        try:
            parse_policy(request.policy, PolicyKind.SESSION)
        except PolicyTooLarge as error:
            raise ServiceError("PackedPolicyTooLarge", error.message) from error
    if len(request.policy_arns) > POLICY_ARN_LIMIT:
        message = f"There may be at most {POLICY_ARN_LIMIT} PolicyArns, not {len(request.policy_arns)}."
        raise ServiceError("ValidationException", message)
    for place, arn in enumerate(request.policy_arns):
        if await managed_text(service, arn) is None:
            raise MalformedPolicyDocument(f"PolicyArns[{place}]", f"there is no managed policy {arn[:200]}")


def _duration(role: IamRole, request: SessionRequest, longest: int | None) -> int:
    seconds = request.duration or DEFAULT_DURATION
    if longest is not None and seconds > longest:
        message = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
        raise ServiceError("ValidationException", message)
    if seconds > role.max_session_duration:
        message = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
        raise ServiceError("ValidationException", message)
    return seconds


def _not_authorized(caller: Caller, action: str, resource: str) -> ServiceError:
    message = f"User: {caller.arn} is not authorized to perform: {action} on resource: {resource}"
    return ServiceError("AccessDeniedException", message)
