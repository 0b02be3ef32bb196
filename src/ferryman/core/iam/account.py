"""All identities of the account, for audits: GetAccountAuthorizationDetails and GetAccountSummary."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from ferryman.core.authorization.decisions import require
from ferryman.core.iam.access_keys import KEYS_A_USER
from ferryman.core.iam.attached_policies import ATTACHED_LIMIT, listed_as
from ferryman.core.iam.groups import GROUP_LIMIT, GROUPS_A_USER
from ferryman.core.iam.managed_policies import POLICY_LIMIT, VERSIONS_A_POLICY, PolicyView, every_policy, versions_of
from ferryman.core.iam.resources import tags_of
from ferryman.core.iam.roles import ROLE_LIMIT
from ferryman.core.iam.users import USER_LIMIT
from ferryman.core.paging import Listing, Page, read_page
from ferryman.core.service import Service
from ferryman.model.identity.callers import Caller
from ferryman.model.identity.groups import Group
from ferryman.model.identity.policies import PolicyVersion
from ferryman.model.identity.roles import IamRole
from ferryman.model.identity.users import User
from ferryman.model.tags import ResourceType
from ferryman.policy.documents import PolicyKind

USER, GROUP, ROLE = "User", "Group", "Role"
OWN_POLICY, BUILT_IN_POLICY = "LocalManagedPolicy", "AWSManagedPolicy"


@dataclass(frozen=True, slots=True)
class Holdings:
    """The policies of a user, group or role: inline with their text, attached as ARNs; and its groups and tags."""

    inline: Sequence[tuple[str, str]]
    attached: Sequence[str]
    groups: Sequence[str] = ()
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Detail:
    """One identity or policy. `holdings` belong to an identity, `versions` to a policy."""

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
    operation, read = "GetAccountAuthorizationDetails", partial(_read, service, kinds)
    page = await read_page(
        Listing(service, caller, operation, sorted(kinds)), read, lambda each: each[0], marker, max_items
    )
    return Page(tuple([await _filled(service, detail) for _, detail in page.items]), page.next_token)


async def get_account_summary(service: Service, caller: Caller) -> Mapping[str, int]:
    """GetAccountSummary: counts and quotas. Raises AccessDeniedException."""
    require(service, caller, "iam:GetAccountSummary", "*")
    store = service.store
    return {
        "Users": await store.identities.count(),
        "UsersQuota": USER_LIMIT,
        "Groups": await store.groups.count(),
        "GroupsQuota": GROUP_LIMIT,
        "GroupsPerUserQuota": GROUPS_A_USER,
        "Roles": await store.roles.count(),
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


async def _read(service: Service, kinds: Collection[str], after: str, limit: int) -> list[tuple[str, Detail]]:
    """Return up to `limit` entries behind `after`, each with its position: "2 NAME" for a group."""
    store = service.store
    found: list[tuple[str, Detail]] = []
    for place, kind, page in (
        ("1", USER, store.identities.page),
        ("2", GROUP, store.groups.page),
        ("3", ROLE, store.roles.page),
    ):
        if len(found) < limit and place >= after[:1] and (not kinds or kind in kinds):
            behind = after[2:] if after[:1] == place else ""
            items = await page("/", behind, limit - len(found))
            found += [(f"{place} {item.name}", Detail(kind, item)) for item in items]
    if len(found) < limit:
        policies = sorted(await _policies(service, kinds), key=lambda each: each[0])
        found += [each for each in policies if each[0] > after][: limit - len(found)]
    return found


async def _policies(service: Service, kinds: Collection[str]) -> list[tuple[str, Detail]]:
    if kinds and not {BUILT_IN_POLICY, OWN_POLICY} & set(kinds):
        return []
    found = []
    for view in await every_policy(service):
        kind = BUILT_IN_POLICY if view.policy.arn.startswith("arn:aws:iam::aws:") else OWN_POLICY
        if not kinds or kind in kinds:
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
