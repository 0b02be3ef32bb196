"""IAM's operations on the account as a whole."""

from collections.abc import Sequence

from ferryman.core.authorization.decisions import require
from ferryman.core.iam import account as account_details
from ferryman.core.iam.account import Detail, Holdings
from ferryman.core.iam.managed_policies import PolicyView
from ferryman.core.service import Service
from ferryman.model.arns import name_of_policy
from ferryman.model.identity.callers import Caller
from ferryman.model.identity.roles import IamRole
from ferryman.model.identity.users import User
from ferryman.server.operations.context import OperationContext, Operations, Parameters, Result
from ferryman.server.operations.iam.results import (
    encoded,
    group_result,
    marker_of,
    page_result,
    policy_result,
    role_result,
    user_result,
    version_result,
)
from ferryman.server.operations.results import tag_list

_LISTS = {
    account_details.USER: "UserDetailList",
    account_details.GROUP: "GroupDetailList",
    account_details.ROLE: "RoleDetailList",
    account_details.OWN_POLICY: "Policies",
    account_details.BUILT_IN_POLICY: "Policies",
}


async def _get_details(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    kinds = frozenset(parameters.get("Filter") or ())
    page = await account_details.get_account_authorization_details(
        context.service, caller, kinds, *marker_of(parameters)
    )
    lists: dict[str, list[Result]] = {name: [] for name in _LISTS.values()}
    for detail in page.items:
        lists[_LISTS[detail.kind]].append(_detail(context.service, detail))
    return {**page_result("Policies", page, ()), **lists}


async def _get_summary(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    return {"SummaryMap": await account_details.get_account_summary(context.service, caller)}


async def _list_aliases(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    """ListAccountAliases: the account never has one."""
    require(context.service, caller, "iam:ListAccountAliases", "*")
    return {"AccountAliases": [], "IsTruncated": False}


def _detail(service: Service, detail: Detail) -> Result:
    entity, holdings = detail.entity, detail.holdings or Holdings((), ())
    if isinstance(entity, PolicyView):
        shown = policy_result(entity)
        default = entity.policy.default_version
        versions = [
            version_result(each, is_default=each.version == default, with_document=True) for each in detail.versions
        ]
        return {**{name: value for name, value in shown.items() if name != "Tags"}, "PolicyVersionList": versions}
    attached = [{"PolicyName": name_of_policy(arn), "PolicyArn": arn} for arn in holdings.attached]
    held = {"AttachedManagedPolicies": attached, f"{detail.kind}PolicyList": _inline(holdings.inline)}
    if isinstance(entity, User):
        return {**user_result(service, entity, holdings.tags), **held, "GroupList": list(holdings.groups)}
    if isinstance(entity, IamRole):
        shown = role_result(service, entity, holdings.tags)
        kept = {name: value for name, value in shown.items() if name not in ("Description", "MaxSessionDuration")}
        return {**kept, **held, "InstanceProfileList": [], "Tags": tag_list(holdings.tags)}
    return {**group_result(service, entity), **held}


def _inline(policies: Sequence[tuple[str, str]]) -> list[Result]:
    return [{"PolicyName": name, "PolicyDocument": encoded(text)} for name, text in policies]


OPERATIONS: Operations = {
    ("iam", "GetAccountAuthorizationDetails"): _get_details,
    ("iam", "GetAccountSummary"): _get_summary,
    ("iam", "ListAccountAliases"): _list_aliases,
}
