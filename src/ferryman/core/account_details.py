"""The whole of the account's identities at once: GetAccountAuthorizationDetails and GetAccountSummary, for audits."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from ferryman.core.authorization import require
from ferryman.core.groups import GROUP_LIMIT, GROUPS_A_USER
from ferryman.core.held_policies import ATTACHED_LIMIT, listed_as
from ferryman.core.iam_resources import tags_of
from ferryman.core.identities import KEYS_A_USER
from ferryman.core.managed_policies import POLICY_LIMIT, VERSIONS_A_POLICY, PolicyView, every_policy, versions_of
from ferryman.core.markers import page_of
from ferryman.core.requests import Page
from ferryman.core.roles import ROLE_LIMIT
from ferryman.core.service import Service
from ferryman.core.users import USER_LIMIT
from ferryman.model.callers import Caller, User
from ferryman.model.groups import Group
from ferryman.model.policies import PolicyVersion
from ferryman.model.roles import IamRole
from ferryman.model.tags import ResourceType
from ferryman.policy.documents import PolicyKind

USER, GROUP, ROLE = "User", "Group", "Role"
OWN_POLICY, BUILT_IN_POLICY = "LocalManagedPolicy", "AWSManagedPolicy"


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a user, group or role holds: inline policies with their text, ARNs of attached ones, groups, tags."""

    inline: Sequence[tuple[str, str]]
    attached: Sequence[str]
    groups: Sequence[str] = ()
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Detail:
    """One identity or policy. `holdings` are an identity's, `versions` a policy's."""

    kind: str
    entity: User | Group | IamRole | PolicyView
    holdings: Holdings | None = None
    versions: Sequence[PolicyVersion] = ()


async def get_account_authorization_details(
    service: Service, caller: Caller, kinds: Collection[str], marker: str | None, max_items: int | None
) -> Page[Detail]:
    """GetAccountAuthorizationDetails: users, groups, roles and policies, by kind and name; all kinds for none.

    Raises AccessDeniedException, ValidationException (marker).
    """
    require(service, caller, "iam:GetAccountAuthorizationDetails", "*")
    found = [each for each in await _everything(service) if not kinds or each[1].kind in kinds]
    operation = "GetAccountAuthorizationDetails"
    page = page_of(service, caller, operation, sorted(kinds), found, lambda each: each[0], marker, max_items)
    return Page(tuple([await _filled(service, detail) for _, detail in page.items]), page.next_token)


async def get_account_summary(service: Service, caller: Caller) -> Mapping[str, int]:
    """GetAccountSummary: how many of each there are, and may be. Raises AccessDeniedException."""
    require(service, caller, "iam:GetAccountSummary", "*")
    store = service.store
    return {
        "Users": len(await store.identities.users()),
        "UsersQuota": USER_LIMIT,
        "Groups": len(await store.groups.all()),
        "GroupsQuota": GROUP_LIMIT,
        "GroupsPerUserQuota": GROUPS_A_USER,
        "Roles": len(await store.roles.all()),
        "RolesQuota": ROLE_LIMIT,
        "Policies": len(await store.policies.all()),
        "PoliciesQuota": POLICY_LIMIT,
        "VersionsPerPolicyQuota": VERSIONS_A_POLICY,
        "PolicySizeQuota": PolicyKind.MANAGED.limit,
        "UserPolicySizeQuota": PolicyKind.INLINE_USER.limit,
        "GroupPolicySizeQuota": PolicyKind.INLINE_GROUP.limit,
        "RolePolicySizeQuota": PolicyKind.INLINE_ROLE.limit,
        "AssumeRolePolicySizeQuota": PolicyKind.TRUST.limit,
        "AttachedPoliciesPerUserQuota": ATTACHED_LIMIT,
        "AttachedPoliciesPerGroupQuota": ATTACHED_LIMIT,
        "AttachedPoliciesPerRoleQuota": ATTACHED_LIMIT,
        "AccessKeysPerUserQuota": KEYS_A_USER,
        "Providers": len(await store.oidc_providers.all()),
        "MFADevices": 0,
        "AccountMFAEnabled": 0,
    }


async def _everything(service: Service) -> list[tuple[str, Detail]]:
    """Return all there is, each under what it is listed as."""
    store = service.store
    found = [(f"1 {user.name}", Detail(USER, user)) for user in await store.identities.users()]
    found += [(f"2 {group.name}", Detail(GROUP, group)) for group in await store.groups.all()]
    found += [(f"3 {role.name}", Detail(ROLE, role)) for role in await store.roles.all()]
    for view in await every_policy(service):
        kind = BUILT_IN_POLICY if view.policy.arn.startswith("arn:aws:iam::aws:") else OWN_POLICY
        found.append((f"4 {listed_as(view.policy.arn)}", Detail(kind, view)))
    return found


async def _filled(service: Service, detail: Detail) -> Detail:
    entity = detail.entity
    if isinstance(entity, PolicyView):
        return Detail(detail.kind, entity, versions=await versions_of(service, entity.policy.arn))
    if isinstance(entity, User):
        groups = [group.name for group in await service.store.groups.of(entity.user_id)]
        return Detail(USER, entity, await _holdings(service, entity.user_id, ResourceType.USER, groups))
    if isinstance(entity, IamRole):
        return Detail(ROLE, entity, await _holdings(service, entity.role_id, ResourceType.ROLE))
    return Detail(GROUP, entity, await _holdings(service, entity.group_id))


async def _holdings(
    service: Service, owner_id: str, tagged: ResourceType | None = None, groups: Sequence[str] = ()
) -> Holdings:
    policies = service.store.policies
    tags = {} if tagged is None else await tags_of(service, tagged, owner_id)
    return Holdings(await policies.inline(owner_id), await policies.attached(owner_id), groups, tags)
