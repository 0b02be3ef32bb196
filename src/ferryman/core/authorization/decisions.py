"""Authorization decisions.

Policies decide for users and roles, and deny by default. Nodes may perform an agent's actions, each only for itself,
and no one else may, whatever policies say: anyone who could would be able to impersonate a node.
"""

from ferryman.core.authorization.request_context import (
    NO_KEYS,
    REASON,
    SESSION_DOCUMENT_ACCESS_CHECK,
    Keys,
    context_of,
    policy_set,
    resource_keys,
    session_keys,
)
from ferryman.core.service import Service
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import NodeId, SessionId
from ferryman.model.identity.callers import Caller, CallerKind
from ferryman.model.identity.credential_sessions import SessionKind
from ferryman.model.sessions import Session
from ferryman.model.tags import ResourceType
from ferryman.policy.context import without
from ferryman.policy.evaluation import Decision, Layer, Request, Verdict, evaluate

OBSERVERS_KEY = "ferryman:RequiredObservers"
"""The condition key of how many people must watch the session that is to start."""
_START = "ssm:StartSession"
_POLICIES = {
    Layer.IDENTITY: "an identity-based policy",
    Layer.RESOURCE: "a resource-based policy",
    Layer.BOUNDARY: "a permissions boundary",
    Layer.SESSION: "a session policy",
}
_AGENT_ACTIONS = frozenset(
    {
        "ssm:UpdateInstanceInformation",
        "ssm:ListInstanceAssociations",
        "ssm:ListAssociations",
        "ec2messages:GetMessages",
        "ssmmessages:CreateControlChannel",
        "ssmmessages:OpenControlChannel",
        "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenDataChannel",
    }
)


def require(
    service: Service, caller: Caller, action: str, resource: str, keys: Keys = NO_KEYS, *, shown: str | None = None
) -> None:
    """Raise AccessDeniedException unless `caller` may perform `action` (`ssm:StartSession` …) on the ARN `resource`.

    `keys` are condition keys of the resource and the request, in addition to those of every request. The refusal names
    `shown` if `resource` reveals more than the caller said.
    """
    decision = decide(service, caller, action, resource, keys)
    if not decision.allowed:
        raise denied(caller, action, resource if shown is None else shown, decision)


def decide(service: Service, caller: Caller, action: str, resource: str, keys: Keys = NO_KEYS) -> Decision:
    """Return the decision that `require` enforces."""
    if caller.kind is CallerKind.NODE:
        own = caller.node_id is not None and resource == service.arns.node(caller.node_id)
        verdict = Verdict.ALLOWED if action in _AGENT_ACTIONS and own else Verdict.IMPLICIT_DENY
        return Decision(verdict, Layer.IDENTITY)
    if not within_reach(caller, action):
        return Decision(Verdict.IMPLICIT_DENY, Layer.IDENTITY)
    return evaluate(policy_set(caller), Request(action, resource, context_of(service, caller, keys)))


def within_reach(caller: Caller, action: str) -> bool:
    """Return whether policies can allow such an action at all: not an agent's actions, which only nodes perform.

    Credentials of GetSessionToken cannot create others.
    """
    if action in _AGENT_ACTIONS:
        return False
    if caller.session is None or caller.session.kind is not SessionKind.USER:
        return True
    return action == "sts:AssumeRole" or not action.startswith(("iam:", "sts:"))


def denied(caller: Caller, action: str, resource: str, decision: Decision) -> ServiceError:
    """Return the error for a request that `decision` denies."""
    if decision.verdict is Verdict.EXPLICIT_DENY:
        cause = f"with an explicit deny in {_POLICIES[decision.layer]}"
    else:
        cause = f"because no {_POLICIES[decision.layer].split(' ', 1)[1]} allows the {action} action"
    return ServiceError(
        "AccessDeniedException",
        f"User: {caller.arn} is not authorized to perform: {action} on resource: {resource} {cause}",
    )


def require_session(
    service: Service,
    caller: Caller,
    action: str,
    session_id: SessionId,
    session: Session | None,
    keys: Keys = NO_KEYS,
) -> None:
    """Raise AccessDeniedException unless `caller` may perform `action` on a session; `session` is None if unknown.

    `session_request` explains how a caller's own sessions are recognised.
    """
    request = session_request(service, caller, action, session_id, session, keys)
    decision = evaluate(policy_set(caller), request)
    if not decision.allowed:
        raise denied(caller, action, request.resource, decision)


def session_request(
    service: Service,
    caller: Caller,
    action: str,
    session_id: SessionId,
    session: Session | None,
    keys: Keys = NO_KEYS,
) -> Request:
    """Return the request that `require_session` evaluates; `keys` are condition keys in addition to the session's own.

    A policy may name sessions by `${aws:username}-*` or `${aws:userid}-*`. Names collide: the user `a` is neither the
    user `a-b` nor a role's session of that name. So these variables have a value only for sessions that the caller
    owns, compared by id. For those, either ARN may match: the one with the owner's name in front or the one with the
    owner's id.
    """
    resource = service.arns.session(session_id)
    own = session is None or session.owner_id == caller.owner_id
    tags = NO_KEYS if session is None else session_keys(caller.user_id if own else session.owner_id, session.target)
    context = context_of(service, caller, {**keys, **tags})
    named = context if own else without(context, "aws:username", "aws:userid")
    by_id = ""
    if session is not None and own:
        suffix = session_id.rpartition("-")[2]
        by_id = service.arns.session(f"{caller.user_id}-{suffix}")
    return Request(action, resource, context, resource_context=named, alias=by_id)


async def require_start(
    service: Service,
    caller: Caller,
    target: NodeId,
    document: str,
    *,
    is_chosen: bool,
    observers: int,
    reason: str | None = None,
) -> None:
    """Raise AccessDeniedException unless `caller` may start a session on `target` with `document`.

    `observers` is how many people must watch the session; policies can require that there are some.
    If the request names no document (`is_chosen` is false), a statement that allows the node is enough, unless it
    requires `ssm:SessionDocumentAccessCheck` to be true: then the document must be allowed as well.
    """
    node = service.arns.node(target)
    given: Keys = {OBSERVERS_KEY: observers, **({REASON: reason} if reason and _is_visible(reason) else NO_KEYS)}
    of_node = {**await resource_keys(service, ResourceType.NODE, target), **given}
    arn = service.arns.document(document)
    tags = await resource_keys(service, ResourceType.DOCUMENT, document)
    of_document = {**tags, **given, SESSION_DOCUMENT_ACCESS_CHECK: True}
    checked = decide(service, caller, _START, arn, of_document)
    if not is_chosen:
        unchecked = decide(service, caller, _START, node, {**of_node, SESSION_DOCUMENT_ACCESS_CHECK: False})
        if unchecked.allowed and checked.verdict is not Verdict.EXPLICIT_DENY:
            return
    require(service, caller, _START, node, {**of_node, SESSION_DOCUMENT_ACCESS_CHECK: True})
    if not checked.allowed:
        raise denied(caller, _START, arn, checked)


def _is_visible(reason: str) -> bool:
    """Return whether a reason has a visible character: one of spaces alone counts as none."""
    return any(character.isprintable() and not character.isspace() for character in reason)
