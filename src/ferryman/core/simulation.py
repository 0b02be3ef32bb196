"""Simulated authorization decisions and their reasons, for `ferryman explain` and IAM's simulations.

Decisions come from `core.authorization`: the same policies, the same keys of caller and resource, the same rules of
sessions. What only a real request has (its address, its tags) must be specified.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ferryman.core.authorization.decisions import OBSERVERS_KEY, session_request, within_reach
from ferryman.core.authorization.request_context import (
    NO_KEYS,
    RESOURCE_ACCOUNT,
    SESSION_DOCUMENT_ACCESS_CHECK,
    Keys,
    context_of,
    identity_policies,
    policy_set,
    requester_of,
    resource_keys,
)
from ferryman.core.documents.observing import find_observers
from ferryman.core.iam.resources import no_such
from ferryman.core.iam.trust import is_someone_else
from ferryman.core.identity.callers import caller_of, role_caller
from ferryman.core.kms.access import KeyUse, condition_keys
from ferryman.core.service import Service
from ferryman.model.documents import PREFERENCES_DOCUMENT
from ferryman.model.identifiers import SessionId
from ferryman.model.identity.callers import Caller, CallerKind
from ferryman.model.identity.policies import PolicyDocument
from ferryman.model.kms import FoundKey
from ferryman.model.tags import ResourceType
from ferryman.policy.context import RequestContext, fold, overlaid, request_context, without
from ferryman.policy.documents import Effect, PolicyKind
from ferryman.policy.evaluation import (
    Decision,
    Explanation,
    Layer,
    NamedPolicy,
    PolicySet,
    Request,
    Verdict,
    explain,
)
from ferryman.policy.parsing import cached_policy
from ferryman.policy.principals import Requester

_OF_REQUESTS = ("aws:SecureTransport", "aws:UserAgent")
_OF_USERS = ("aws:username", "aws:userid")
_SESSION_ACTIONS = frozenset(
    {"ssm:ResumeSession", "ssm:TerminateSession", "ferryman:WatchSession", "ferryman:ListWatchers"}
)
_TAGGED = {"managed-instance": ResourceType.NODE, "document": ResourceType.DOCUMENT}


@dataclass(frozen=True, slots=True)
class Simulated:
    """A simulated call and its decision; `key_policy` is that of the KMS key that it is about, if it took part."""

    action: str
    resource: str
    explanation: Explanation
    key_policy: PolicyDocument | None = None


@dataclass(frozen=True, slots=True)
class Principal:
    """The identity whose policies are evaluated.

    `named` is whether it has a user's keys: a group or a role itself has none. `known` is false for policies that
    belong to no one: they learn nothing that only the server knows.
    """

    caller: Caller
    named: bool = True
    known: bool = True


async def principal(service: Service, who: str) -> Principal:
    """Return the principal with a user's name, or with the ARN of a user, group, role or role session.

    Raises NoSuchEntity (404).
    """
    kind, _, rest = who.rpartition(":")[2].partition("/") if who.startswith("arn:") else ("user", "", who)
    name, account_id = rest.rpartition("/")[2], service.settings.account_id
    if kind == "user":
        user = await service.store.identities.user_named(name)
        if user is not None and who in (name, service.arns.user(name, user.path)):
            return Principal(await caller_of(service, user))
    elif kind == "group":
        group = await service.store.groups.named(name)
        if group is not None and who == service.arns.group(name, group.path):
            policies = await identity_policies(service, group.group_id)
            caller = Caller(CallerKind.USER, account_id, who, group.group_id, name, policies=policies)
            return Principal(caller, named=False)
    elif kind in ("role", "assumed-role"):
        role_name, _, session_name = rest.partition("/") if kind == "assumed-role" else (name, "", "")
        role = await service.store.roles.named(role_name)
        if role is not None:
            caller = await role_caller(service, role, session_name)
            if who in (caller.arn if session_name else "", service.arns.role(role.name, role.path)):
                return Principal(caller, named=bool(session_name))
    raise no_such(f"user, group or role {who}")


async def simulate(
    service: Service,
    of: Principal,
    action: str,
    resource: str,
    given: Keys = NO_KEYS,
    policies: PolicySet | None = None,
) -> Simulated:
    """Return the decision on `action` for the ARN `resource`.

    `given` are condition keys, which override those of caller and resource. `policies` are evaluated instead of the
    caller's.
    """
    asked = policies or policy_set(of.caller)
    request = await _request(service, of, action, resource, given)
    if fold(action).startswith("kms:") and of.known and (key := await _key(service, resource)) is not None:
        return _on_key(of, asked, request, key, given)
    if not within_reach(of.caller, action):
        return Simulated(action, resource, Explanation(Decision(Verdict.IMPLICIT_DENY, Layer.IDENTITY), (), ()))
    return Simulated(action, resource, explain(asked, request))


async def _key(service: Service, resource: str) -> FoundKey | None:
    """Return the KMS key that an ARN names."""
    prefix = service.arns.kms_key("")
    return await service.store.kms_keys.find(resource.removeprefix(prefix)) if resource.startswith(prefix) else None


def _on_key(of: Principal, asked: PolicySet, request: Request, key: FoundKey, given: Keys) -> Simulated:
    """Return the decision on a call on a KMS key, which its key policy takes part in. Grants are not simulated."""
    caller, action, resource = of.caller, request.action, request.resource
    use = KeyUse(action, resource)
    context = overlaid(request.context, request_context(condition_keys(caller, use, key)))
    request = replace(request, context=_with(context, given), requester=requester_of(caller))
    if is_someone_else(key.key.principal_ids, caller):
        request = replace(request, requester=Requester(account_id=caller.account_id))
    document = PolicyDocument(f"key policy of {key.key.key_id}", key.key.policy)
    if asked.resource is None:
        policy = NamedPolicy(document.name, cached_policy(document.text, PolicyKind.KEY))
        return Simulated(action, resource, explain(replace(asked, resource=policy), request), document)
    return Simulated(action, resource, explain(asked, request))


async def simulate_start(
    service: Service, of: Principal, node: str, document: str | None, given: Keys = NO_KEYS
) -> Sequence[Simulated]:
    """Return the decisions on StartSession, as in `authorization.decisions.require_start`: all must allow."""
    if of.known:
        given = {OBSERVERS_KEY: await find_observers(service, document or PREFERENCES_DOCUMENT), **given}
    arn = service.arns.document(document or PREFERENCES_DOCUMENT)
    checking, not_checking = ({**given, SESSION_DOCUMENT_ACCESS_CHECK: each} for each in (True, False))
    checked = await simulate(service, of, _START, arn, checking)
    if document is None:
        alone = await simulate(service, of, _START, node, not_checking)
        if alone.explanation.decision.allowed and checked.explanation.decision.verdict is not Verdict.EXPLICIT_DENY:
            return (alone,)
    return (await simulate(service, of, _START, node, checking), checked)


_START = "ssm:StartSession"


async def _request(service: Service, of: Principal, action: str, resource: str, given: Keys) -> Request:
    caller = of.caller
    kind, _, name = resource.rpartition(":")[2].partition("/")
    asks = Requester(caller.arn, caller.account_id, caller.role_arn)
    if kind == "session" and action in _SESSION_ACTIONS and of.named:
        session_id = SessionId(name)
        session = await service.store.sessions.get(session_id)
        request = session_request(service, caller, action, session_id, session)
        named = None if request.resource_context is None else _with(request.resource_context, given)
        return replace(request, context=_with(request.context, given), resource_context=named, requester=asks)
    tagged = _TAGGED.get(kind) if of.known else None
    keys = NO_KEYS if tagged is None else await resource_keys(service, tagged, name)
    context = without(context_of(service, caller, keys), *_OF_REQUESTS, *(() if of.named else _OF_USERS))
    owner = _account_of(resource)
    if owner:
        context = _with(context, {RESOURCE_ACCOUNT: owner})
    return Request(action, resource, _with(context, given), asks)


def _account_of(resource: str) -> str:
    """Return the account in an ARN, which may be another one; empty if it has none."""
    parts = resource.split(":", 5)
    return parts[4] if len(parts) == 6 and parts[4].isascii() and parts[4].isdigit() else ""


def _with(context: RequestContext, given: Keys) -> RequestContext:
    return overlaid(context, request_context(given))


def bounded(policies: PolicySet, simulated: Simulated) -> bool | None:
    """Return whether the permissions boundary allows the call, None if there is none."""
    if policies.boundary is None:
        return None
    effects = {each.effect for each in simulated.explanation.matched if each.layer is Layer.BOUNDARY}
    return effects == {Effect.ALLOW}


def context_keys(policies: Sequence[NamedPolicy]) -> Sequence[str]:
    """Return every condition key that the policies use, in order."""
    statements = [each for named in policies for each in (*named.policy.denying, *named.policy.allowing)]
    return spelt(frozenset().union(*(each.keys for each in statements)))


def spelt(folded: Sequence[str] | frozenset[str]) -> Sequence[str]:
    """Return condition keys in the documented spelling, if there is one; names ignore case."""
    return sorted(_SPELLING.get(key, key) for key in folded)


_KEYS = (
    "aws:AssumedRoot",
    "aws:CalledVia",
    "aws:CalledViaAWSMCP",
    "aws:CalledViaFirst",
    "aws:CalledViaLast",
    "aws:ChatbotSourceArn",
    "aws:CurrentTime",
    "aws:Ec2InstanceSourcePrivateIPv4",
    "aws:Ec2InstanceSourceVpc",
    "aws:EpochTime",
    "aws:FederatedProvider",
    "aws:IsMcpServiceAction",
    "aws:MultiFactorAuthAge",
    "aws:MultiFactorAuthPresent",
    "aws:PrincipalAccount",
    "aws:PrincipalArn",
    "aws:PrincipalIsAWSService",
    "aws:PrincipalOrgID",
    "aws:PrincipalOrgPaths",
    "aws:PrincipalServiceName",
    "aws:PrincipalServiceNamesList",
    "aws:PrincipalType",
    "aws:RequestedRegion",
    RESOURCE_ACCOUNT,
    "aws:ResourceOrgID",
    "aws:ResourceOrgPaths",
    "aws:SecureTransport",
    "aws:SignInSessionArn",
    "aws:SourceAccount",
    "aws:SourceArn",
    "aws:SourceIdentity",
    "aws:SourceIp",
    "aws:SourceOrgID",
    "aws:SourceOrgPaths",
    "aws:SourceVpc",
    "aws:SourceVpcArn",
    "aws:SourceVpce",
    "aws:TagKeys",
    "aws:TokenIssueTime",
    "aws:UserAgent",
    "aws:ViaAWSMCPService",
    "aws:ViaAWSService",
    "aws:VpcSourceIp",
    "aws:VpceAccount",
    "aws:VpceOrgID",
    "aws:VpceOrgPaths",
    "codebuild:BuildArn",
    "codebuild:ProjectArn",
    "ec2:RoleDelivery",
    "ec2:SourceInstanceArn",
    "glue:CredentialIssuingService",
    "glue:RoleAssumedBy",
    "iam:PermissionsBoundary",
    "iam:PolicyARN",
    "identitystore:UserId",
    "kms:BypassPolicyLockoutSafetyCheck",
    "kms:CallerAccount",
    "kms:EncryptionAlgorithm",
    "kms:EncryptionContextKeys",
    "kms:GrantConstraintType",
    "kms:GrantIsForAWSResource",
    "kms:GrantOperations",
    "kms:GranteePrincipal",
    "kms:KeyOrigin",
    "kms:KeySpec",
    "kms:KeyUsage",
    "kms:MultiRegion",
    "kms:ReEncryptOnSameKey",
    "kms:RequestAlias",
    "kms:ResourceAliases",
    "kms:RetiringPrincipal",
    "kms:RotationPeriodInDays",
    "kms:ScheduleKeyDeletionPendingWindowInDays",
    "kms:ViaService",
    "lambda:SourceFunctionArn",
    "ssm:SourceInstanceArn",
    SESSION_DOCUMENT_ACCESS_CHECK,
)
_SPELLING: Mapping[str, str] = {fold(key): key for key in _KEYS}
