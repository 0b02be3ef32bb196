"""The input of an authorization decision: the caller's policies, and the condition keys of the request."""

from collections.abc import Iterable, Mapping, Sequence

from ferryman.core.authorization.builtin_policies import BUILTIN_POLICIES
from ferryman.core.ports.people.iam import GrantedPolicy
from ferryman.core.service import Service
from ferryman.model.identity.callers import Caller, CallerKind, Origin
from ferryman.model.identity.credential_sessions import SessionKind, TemporarySession
from ferryman.model.identity.policies import PolicyDocument
from ferryman.model.tags import ResourceType
from ferryman.model.values.timestamps import from_millis
from ferryman.policy.context import RequestContext, Value, request_context
from ferryman.policy.documents import PolicyKind
from ferryman.policy.evaluation import NamedPolicy, PolicySet
from ferryman.policy.parsing import cached_policy
from ferryman.policy.principals import Requester

Keys = Mapping[str, Value | Sequence[Value]]
"""Condition keys that an operation adds to those of every request."""
NO_KEYS: Keys = {}
RESOURCE_ACCOUNT = "aws:ResourceAccount"
REASON = "ferryman:Reason"
"""Of StartSession, if the caller gives a reason. Not one of AWS's."""
SESSION_DOCUMENT_ACCESS_CHECK = "ssm:SessionDocumentAccessCheck"
_PRINCIPAL_TYPES = {CallerKind.USER: "User", CallerKind.ROLE: "AssumedRole", CallerKind.NODE: "ManagedInstance"}


async def identity_policies(service: Service, identity_id: str) -> tuple[PolicyDocument, ...]:
    """Return the inline and attached policies of a user and of their groups."""
    return policy_documents(await service.store.policies.granted(identity_id))


def policy_documents(granted_policies: Iterable[GrantedPolicy]) -> tuple[PolicyDocument, ...]:
    """Return stored policies with their texts; one that no longer exists is left out."""
    found: list[PolicyDocument] = []
    for granted in granted_policies:
        builtin = BUILTIN_POLICIES.get(granted.arn or "")
        text = builtin.text if builtin is not None else granted.text
        if text is not None:
            found.append(PolicyDocument(granted.arn or f"{granted.owner_id}/{granted.name}", text))
    return tuple(found)


async def managed_text(service: Service, arn: str) -> str | None:
    """Return the text of a managed policy's default version; None if there is no such policy."""
    builtin = BUILTIN_POLICIES.get(arn)
    if builtin is not None:
        return builtin.text
    policy = await service.store.policies.get(arn)
    if policy is None:
        return None
    versions = await service.store.policies.versions(arn)
    return next((each.text for each in versions if each.version == policy.default_version), None)


def policy_set(caller: Caller, resource: NamedPolicy | None = None) -> PolicySet:
    """Return the caller's policies, compiled; a recently used text is cached."""
    session = caller.session_policies
    return PolicySet(
        identity=[_compiled(each) for each in caller.policies],
        boundary=None if caller.boundary is None else _compiled(caller.boundary),
        session=None if session is None else [_compiled(each) for each in session],
        resource=resource,
    )


def _compiled(document: PolicyDocument) -> NamedPolicy:
    # Each was checked against the limit of its own kind when stored; that of INLINE_ROLE is the widest.
    return NamedPolicy(document.name, cached_policy(document.text, PolicyKind.INLINE_ROLE))


def requester_of(caller: Caller) -> Requester:
    """Return the caller as resource and trust policies name it.

    Session policies also limit what such a policy allows a user by name, as they do for roles. An access request's
    policy limits even a session named there; nothing else does.
    """
    session = caller.session
    is_given = session is not None and session.kind is SessionKind.ACCESS_REQUEST
    if is_given or (caller.kind is CallerKind.USER and caller.session_policies is not None):
        return Requester(account_id=caller.account_id, role_arn=caller.arn)
    return Requester(arn=caller.arn, account_id=caller.account_id, role_arn=caller.role_arn)


def context_of(service: Service, caller: Caller, keys: Keys = NO_KEYS) -> RequestContext:
    """Return the condition keys of a request by `caller`, and `keys`, which cannot override those of every request."""
    entries: dict[str, Value | Sequence[Value]] = {
        **keys,
        **origin_keys(service, caller.origin),
        "aws:userid": caller.user_id,
        "aws:PrincipalArn": caller.role_arn or caller.arn,
        "aws:PrincipalAccount": caller.account_id,
        "aws:PrincipalType": _PRINCIPAL_TYPES[caller.kind],
        "aws:PrincipalIsAWSService": False,
    }
    if caller.kind is CallerKind.USER:
        entries["aws:username"] = caller.name
    if caller.session is not None:
        entries.update(_session_keys(caller.session))
    entries.update((f"aws:PrincipalTag/{key}", value) for key, value in caller.tags.items())
    return request_context(entries)


def origin_keys(service: Service, origin: Origin) -> Keys:
    """Return the condition keys of the request itself: time, source address, region and account.

    Everything here belongs to one account in one region, and no AWS service calls on anyone's behalf.
    """
    now = from_millis(service.clock())
    settings = service.settings
    entries: dict[str, Value | Sequence[Value]] = {
        "aws:CurrentTime": now,
        "aws:EpochTime": int(now.timestamp()),
        "aws:SecureTransport": origin.is_secure,
        "aws:UserAgent": origin.user_agent,
        "aws:RequestedRegion": settings.region,
        RESOURCE_ACCOUNT: settings.account_id,
        "aws:ViaAWSService": False,
        "aws:ViaAWSMCPService": False,
    }
    if origin.source_ip:
        entries["aws:SourceIp"] = origin.source_ip
    return entries


def _session_keys(session: TemporarySession) -> Keys:
    entries: dict[str, Value | Sequence[Value]] = {"aws:TokenIssueTime": from_millis(session.issued_at)}
    if session.kind is not SessionKind.WEB_IDENTITY:  # as on AWS, not for federated identities
        entries["aws:MultiFactorAuthPresent"] = False
    if session.source_identity:
        entries["aws:SourceIdentity"] = session.source_identity
    if session.provider and session.kind is SessionKind.WEB_IDENTITY:
        entries["aws:FederatedProvider"] = session.provider
    return entries


async def resource_keys(service: Service, resource_type: ResourceType, resource_id: str, *prefixes: str) -> Keys:
    """Return the condition keys of a resource's tags; `prefixes` are those of another service, `ec2:ResourceTag`."""
    tags = (await service.store.tags.of(resource_type, [resource_id])).get(resource_id, {})
    return {f"{prefix}/{key}": value for prefix in (*_RESOURCE_TAGS, *prefixes) for key, value in tags.items()}


def request_tag_keys(tags: Mapping[str, str]) -> Keys:
    """Return the condition keys of the tags in a request."""
    if not tags:
        return NO_KEYS
    return {"aws:TagKeys": tuple(tags), **{f"aws:RequestTag/{key}": value for key, value in tags.items()}}


def session_keys(owner_id: str, target: str) -> Keys:
    """Return the condition keys of the tags that AWS gives every session."""
    tags = {"aws:ssmmessages:session-id": owner_id, "aws:ssmmessages:target-id": target}
    return {f"{prefix}/{key}": value for prefix in _RESOURCE_TAGS for key, value in tags.items()}


_RESOURCE_TAGS = ("ssm:resourceTag", "aws:ResourceTag")
