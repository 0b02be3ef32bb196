"""Managed policies and their versions: IAM's operations on them.

Built-in policies are listed with the account's own and cannot be changed.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from ferryman.core.authorization.builtin_policies import BUILTIN_POLICIES, SINCE, BuiltinPolicy
from ferryman.core.authorization.decisions import require
from ferryman.core.authorization.request_context import NO_KEYS, Keys, request_tag_keys
from ferryman.core.iam.attached_policies import listed_as
from ferryman.core.iam.resources import (
    IamResource,
    check_arn,
    check_quota,
    check_tags,
    condition_keys,
    list_tags,
    new_id,
    no_such,
    put_tags,
    remove_tags,
    require_creation,
    tags_of,
    untag_keys,
)
from ferryman.core.paging import Listing, Page, page_of
from ferryman.core.service import Service
from ferryman.model.errors import ServiceError
from ferryman.model.identity.callers import Caller
from ferryman.model.identity.policies import ManagedPolicy, PolicyVersion
from ferryman.model.tags import ResourceType
from ferryman.policy.documents import PolicyKind
from ferryman.policy.parsing import parse_policy

POLICY_LIMIT = 1500
VERSIONS_A_POLICY = 5
_NEWEST = 999_999_999
"""More versions than any policy ever has, to list the newest first."""


@dataclass(frozen=True, slots=True)
class PolicyDraft:
    """The policy in CreatePolicy."""

    name: str
    document: str
    path: str = "/"
    description: str = ""


@dataclass(frozen=True, slots=True)
class PolicyView:
    """A managed policy as shown to callers: how often it is attached, and how often it is a boundary."""

    policy: ManagedPolicy
    attachments: int = 0
    bounded: int = 0
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PolicyFilter:
    """Filters of ListPolicies. `owner` is `aws` for built-in policies, the account's id for its own, None for both."""

    owner: str | None = None
    path_prefix: str = "/"
    only_attached: bool = False
    usage: str | None = None
    """`PermissionsPolicy` or `PermissionsBoundary`: only policies used as such."""


async def create_policy(service: Service, caller: Caller, draft: PolicyDraft, tags: Mapping[str, str]) -> PolicyView:
    """CreatePolicy: its first version is the default.

    Raises AccessDeniedException, MalformedPolicyDocument, EntityAlreadyExists, InvalidInput, LimitExceeded.
    """
    arn = service.arns.policy(draft.name, draft.path)
    require_creation(service, caller, "Policy", arn, tags)
    check_arn(arn)
    check_tags(tags)
    parse_policy(draft.document, PolicyKind.MANAGED)
    check_quota("PoliciesPerAccount", len(await service.store.policies.all()) + 1, POLICY_LIMIT)
    now = service.clock()
    policy = ManagedPolicy(arn, new_id(service, "ANPA"), draft.name, draft.description, 1, 1, now, now, draft.path)
    await service.store.policies.add(policy, draft.document)
    await put_tags(service, _resource(policy), tags)
    return PolicyView(policy, tags=tags)


async def get_policy(service: Service, caller: Caller, arn: str) -> PolicyView:
    """GetPolicy. Raises AccessDeniedException, NoSuchEntity (404)."""
    policy = await policy_for(service, caller, "GetPolicy", arn)
    attachments = len(await service.store.policies.holders(arn))
    tags = await tags_of(service, ResourceType.POLICY, policy.policy_id)
    return PolicyView(policy, attachments, len(await bounded_by(service, arn)), tags)


async def list_policies(
    service: Service, caller: Caller, wanted: PolicyFilter, marker: str | None, max_items: int | None
) -> Page[PolicyView]:
    """ListPolicies: by name. Raises AccessDeniedException, ValidationException (marker)."""
    require(service, caller, "iam:ListPolicies", service.arns.policy("", wanted.path_prefix))
    found = [view for view in await every_policy(service) if _fits(view, wanted)]
    members = [wanted.owner, wanted.path_prefix, int(wanted.only_attached), wanted.usage]
    return page_of(
        Listing(service, caller, "ListPolicies", members),
        found,
        lambda view: listed_as(view.policy.arn),
        marker,
        max_items,
    )


async def create_policy_version(
    service: Service, caller: Caller, arn: str, document: str, *, is_default: bool
) -> PolicyVersion:
    """CreatePolicyVersion: a policy has at most five.

    Raises AccessDeniedException, NoSuchEntity, MalformedPolicyDocument, LimitExceeded, ConcurrentModification.
    """
    policy = await _own_policy_for(service, caller, "CreatePolicyVersion", arn)
    parse_policy(document, PolicyKind.MANAGED)
    if len(await service.store.policies.versions(arn)) >= VERSIONS_A_POLICY:
        message = f"A managed policy can have up to {VERSIONS_A_POLICY} versions. Delete one before you make another."
        raise ServiceError("LimitExceeded", message, status=409)
    version = PolicyVersion(arn, policy.latest_version + 1, document, service.clock())
    if not await service.store.policies.add_version(version, is_default=is_default):
        message = f"Another version of {arn} was made at the same time. Look at it, then try again."
        raise ServiceError("ConcurrentModification", message, status=409)
    return version


async def get_policy_version(service: Service, caller: Caller, arn: str, number: int) -> tuple[PolicyVersion, bool]:
    """GetPolicyVersion: the version, and whether it is the default. Raises AccessDeniedException, NoSuchEntity."""
    policy = await policy_for(service, caller, "GetPolicyVersion", arn)
    for version in await versions_of(service, arn):
        if version.version == number:
            return version, number == policy.default_version
    raise _no_version(arn, number)


async def list_policy_versions(
    service: Service, caller: Caller, arn: str, marker: str | None, max_items: int | None
) -> tuple[Page[PolicyVersion], int]:
    """ListPolicyVersions: also the number of the default. Raises AccessDeniedException, NoSuchEntity."""
    policy = await policy_for(service, caller, "ListPolicyVersions", arn)
    versions = await versions_of(service, arn)
    page = page_of(
        Listing(service, caller, "ListPolicyVersions", [arn]),
        versions,
        lambda each: f"{_NEWEST - each.version:09}",
        marker,
        max_items,
    )
    return page, policy.default_version


async def set_default_policy_version(service: Service, caller: Caller, arn: str, number: int) -> None:
    """SetDefaultPolicyVersion. Raises AccessDeniedException, NoSuchEntity."""
    await _own_policy_for(service, caller, "SetDefaultPolicyVersion", arn)
    if not await service.store.policies.set_default(arn, number):
        raise _no_version(arn, number)


async def delete_policy_version(service: Service, caller: Caller, arn: str, number: int) -> None:
    """DeletePolicyVersion. Raises AccessDeniedException, NoSuchEntity, DeleteConflict (the default one)."""
    policy = await _own_policy_for(service, caller, "DeletePolicyVersion", arn)
    if number == policy.default_version:
        raise ServiceError("DeleteConflict", "Cannot delete the default version of a policy.", status=409)
    if not await service.store.policies.remove_version(arn, number):
        raise _no_version(arn, number)


async def delete_policy(service: Service, caller: Caller, arn: str) -> None:
    """DeletePolicy: with its default version, if it has no other and is not attached to anyone.

    Raises AccessDeniedException, NoSuchEntity, DeleteConflict (409).
    """
    policy = await _own_policy_for(service, caller, "DeletePolicy", arn)
    if len(await service.store.policies.versions(arn)) > 1:
        message = "This policy has more than one version. Delete the others first; the default goes with the policy."
        raise ServiceError("DeleteConflict", message, status=409)
    if not await service.store.policies.remove(arn):
        raise ServiceError("DeleteConflict", "Cannot delete a policy attached to entities.", status=409)
    await remove_tags(service, _resource(policy))


async def tag_policy(service: Service, caller: Caller, arn: str, tags: Mapping[str, str]) -> None:
    """TagPolicy. Raises AccessDeniedException, NoSuchEntity, InvalidInput, LimitExceeded."""
    policy = await _own_policy_for(service, caller, "TagPolicy", arn, request_tag_keys(tags))
    await put_tags(service, _resource(policy), tags)


async def untag_policy(service: Service, caller: Caller, arn: str, keys: Sequence[str]) -> None:
    """UntagPolicy. Raises AccessDeniedException, NoSuchEntity."""
    policy = await _own_policy_for(service, caller, "UntagPolicy", arn, untag_keys(keys))
    await remove_tags(service, _resource(policy), keys)


async def list_policy_tags(
    service: Service, caller: Caller, arn: str, marker: str | None, max_items: int | None
) -> Page[tuple[str, str]]:
    """ListPolicyTags: key and value, by key. Raises as `get_policy`, and ValidationException (marker)."""
    policy = await policy_for(service, caller, "ListPolicyTags", arn)
    return await list_tags(Listing(service, caller, "ListPolicyTags", [arn]), _resource(policy), marker, max_items)


async def every_policy(service: Service) -> Sequence[PolicyView]:
    """Return all managed policies, built-in ones and the account's own, without their tags."""
    counts = await service.store.policies.attachment_counts()
    bounds = await _boundary_counts(service)
    known = [*(_builtin(each) for each in BUILTIN_POLICIES.values()), *await service.store.policies.all()]
    return [PolicyView(each, counts.get(each.arn, 0), bounds.get(each.arn, 0)) for each in known]


async def bounded_by(service: Service, arn: str) -> Sequence[str]:
    """Return the ids of the users and roles that have this permissions boundary."""
    users = [user.user_id for user in await service.store.identities.bounded_by(arn)]
    return [*users, *(role.role_id for role in await service.store.roles.all() if role.boundary_arn == arn)]


async def policy_for(service: Service, caller: Caller, action: str, arn: str, keys: Keys = NO_KEYS) -> ManagedPolicy:
    """Return the policy if `caller` may perform `action` on it.

    A caller who may not does not learn whether it exists.
    """
    builtin = BUILTIN_POLICIES.get(arn)
    policy = await service.store.policies.get(arn) if builtin is None else _builtin(builtin)
    of_policy = NO_KEYS if policy is None else await condition_keys(service, _resource(policy))
    require(service, caller, f"iam:{action}", arn, {**of_policy, **keys})
    if policy is None:
        raise no_such(f"policy {arn}")
    return policy


async def _own_policy_for(
    service: Service, caller: Caller, action: str, arn: str, keys: Keys = NO_KEYS
) -> ManagedPolicy:
    policy = await policy_for(service, caller, action, arn, keys)
    if arn in BUILTIN_POLICIES:
        raise ServiceError("InvalidInput", f"The policy {arn} is built in and cannot be changed. Make one of your own.")
    return policy


async def versions_of(service: Service, arn: str) -> Sequence[PolicyVersion]:
    """Return the versions of a managed policy, built-in or not, newest first."""
    builtin = BUILTIN_POLICIES.get(arn)
    if builtin is not None:
        return [PolicyVersion(arn, 1, builtin.text, SINCE)]
    return await service.store.policies.versions(arn)


def _resource(policy: ManagedPolicy) -> IamResource:
    return IamResource(ResourceType.POLICY, policy.policy_id)


def _builtin(policy: BuiltinPolicy) -> ManagedPolicy:
    policy_id = "ANPA" + sha256(policy.arn.encode()).hexdigest()[:17].upper()
    return ManagedPolicy(policy.arn, policy_id, policy.name, policy.description, 1, 1, SINCE, SINCE)


async def _boundary_counts(service: Service) -> Mapping[str, int]:
    counts = Counter(await service.store.identities.boundary_counts())
    counts.update(await service.store.roles.boundary_counts())
    return counts


def _fits(view: PolicyView, wanted: PolicyFilter) -> bool:
    used = {"PermissionsPolicy": view.attachments, "PermissionsBoundary": view.bounded}
    return (
        (wanted.owner is None or view.policy.arn.split(":")[4] == wanted.owner)
        and view.policy.path.startswith(wanted.path_prefix)
        and (not wanted.only_attached or view.attachments > 0)
        and (wanted.usage is None or used[wanted.usage] > 0)
    )


def _no_version(arn: str, number: int) -> ServiceError:
    return no_such(f"version v{number} of policy {arn}")
