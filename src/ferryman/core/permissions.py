"""What bears on a caller's request: its policies, and the condition keys of the request."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from ferryman.core.builtin_policies import BUILTIN_POLICIES
from ferryman.core.service import Service
from ferryman.model.callers import Caller, CallerKind
from ferryman.model.policies import PolicyDocument
from ferryman.model.tags import ResourceType
from ferryman.policy.context import RequestContext, Value, request_context
from ferryman.policy.documents import PolicyKind
from ferryman.policy.evaluation import NamedPolicy, PolicySet
from ferryman.policy.parsing import cached_policy

Keys = Mapping[str, Value | Sequence[Value]]
"""Condition keys that an operation adds to those of every request."""
NO_KEYS: Keys = {}
SESSION_DOCUMENT_ACCESS_CHECK = "ssm:SessionDocumentAccessCheck"
_PRINCIPAL_TYPES = {CallerKind.USER: "User", CallerKind.NODE: "ManagedInstance"}


async def identity_policies(service: Service, identity_id: str) -> tuple[PolicyDocument, ...]:
    """Return the policies of a user, of their groups, and what is attached to either."""
    found: list[PolicyDocument] = []
    for granted in await service.store.policies.granted(identity_id):
        builtin = BUILTIN_POLICIES.get(granted.arn or "")
        text = builtin.text if builtin is not None else granted.text
        if text is not None:
            found.append(PolicyDocument(granted.arn or f"{granted.owner_id}/{granted.name}", text))
    return tuple(found)


def policy_set(caller: Caller) -> PolicySet:
    """Return the caller's policies, compiled; of a text that was seen lately that costs a look-up."""
    return PolicySet(identity=[_compiled(each) for each in caller.policies])


def _compiled(document: PolicyDocument) -> NamedPolicy:
    # Each was held to the limit of its own kind when it was stored; this is the widest.
    return NamedPolicy(document.name, cached_policy(document.text, PolicyKind.INLINE_ROLE))


def context_of(service: Service, caller: Caller, keys: Keys = NO_KEYS) -> RequestContext:
    """Return the condition keys of a request by `caller`, and `keys`, which cannot replace those of every request."""
    now = datetime.fromtimestamp(service.clock() / 1000, UTC)
    entries: dict[str, Value | Sequence[Value]] = {
        **keys,
        "aws:userid": caller.user_id,
        "aws:PrincipalArn": caller.arn,
        "aws:PrincipalAccount": caller.account_id,
        "aws:PrincipalType": _PRINCIPAL_TYPES[caller.kind],
        "aws:CurrentTime": now,
        "aws:EpochTime": int(now.timestamp()),
        "aws:SecureTransport": caller.origin.is_secure,
    }
    if caller.kind is CallerKind.USER:
        entries["aws:username"] = caller.name
    if caller.origin.source_ip:
        entries["aws:SourceIp"] = caller.origin.source_ip
    if caller.origin.user_agent:
        entries["aws:UserAgent"] = caller.origin.user_agent
    entries.update((f"aws:PrincipalTag/{key}", value) for key, value in caller.tags.items())
    return request_context(entries)


async def resource_keys(service: Service, resource_type: ResourceType, resource_id: str) -> Keys:
    """Return the condition keys of a resource's tags."""
    tags = (await service.store.tags.of(resource_type, [resource_id])).get(resource_id, {})
    return {f"{prefix}/{key}": value for prefix in _RESOURCE_TAGS for key, value in tags.items()}


def request_tag_keys(tags: Mapping[str, str]) -> Keys:
    """Return the condition keys of the tags that a request gives."""
    if not tags:
        return NO_KEYS
    return {"aws:TagKeys": tuple(tags), **{f"aws:RequestTag/{key}": value for key, value in tags.items()}}


def session_keys(owner_id: str, target: str) -> Keys:
    """Return the condition keys of the tags that AWS gives every session."""
    tags = {"aws:ssmmessages:session-id": owner_id, "aws:ssmmessages:target-id": target}
    return {f"{prefix}/{key}": value for prefix in _RESOURCE_TAGS for key, value in tags.items()}


_RESOURCE_TAGS = ("ssm:resourceTag", "aws:ResourceTag")
