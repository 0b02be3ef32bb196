"""IAM's operations on managed policies and their versions."""

from collections.abc import Sequence

from ferryman.core.iam import managed_policies, policy_entities
from ferryman.core.iam.managed_policies import PolicyDraft, PolicyFilter
from ferryman.core.iam.policy_entities import EntityFilter, PolicyEntity
from ferryman.model.identity.callers import Caller
from ferryman.server.operations.context import OperationContext, Operations, Parameters, Result
from ferryman.server.operations.iam.results import (
    NOTHING,
    marker_of,
    page_result,
    policy_result,
    version_number,
    version_result,
)
from ferryman.server.operations.iam.tags import tag_operations
from ferryman.server.operations.parameters import requested_tags


async def _create_policy(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    name, document = parameters["PolicyName"], parameters["PolicyDocument"]
    draft = PolicyDraft(name, document, parameters.get("Path", "/"), parameters.get("Description", ""))
    view = await managed_policies.create_policy(context.service, caller, draft, requested_tags(parameters))
    return {"Policy": policy_result(view)}


async def _get_policy(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    view = await managed_policies.get_policy(context.service, caller, parameters["PolicyArn"])
    return {"Policy": policy_result(view)}


async def _list_policies(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    owner = {"AWS": "aws", "Local": context.service.settings.account_id}.get(parameters.get("Scope", "All"))
    prefix, usage = parameters.get("PathPrefix", "/"), parameters.get("PolicyUsageFilter")
    wanted = PolicyFilter(owner, prefix, parameters.get("OnlyAttached", False), usage)
    page = await managed_policies.list_policies(context.service, caller, wanted, *marker_of(parameters))
    return page_result("Policies", page, [policy_result(view) for view in page.items])


async def _delete_policy(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    await managed_policies.delete_policy(context.service, caller, parameters["PolicyArn"])
    return NOTHING


async def _create_version(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    arn, document, is_default = (
        parameters["PolicyArn"],
        parameters["PolicyDocument"],
        parameters.get("SetAsDefault", False),
    )
    made = await managed_policies.create_policy_version(context.service, caller, arn, document, is_default=is_default)
    return {"PolicyVersion": version_result(made, is_default=is_default)}


async def _get_version(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    arn, number = parameters["PolicyArn"], version_number(parameters["VersionId"])
    version, is_default = await managed_policies.get_policy_version(context.service, caller, arn, number)
    return {"PolicyVersion": version_result(version, is_default=is_default, with_document=True)}


async def _list_versions(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    arn = parameters["PolicyArn"]
    page, default = await managed_policies.list_policy_versions(context.service, caller, arn, *marker_of(parameters))
    versions = [version_result(each, is_default=each.version == default) for each in page.items]
    return page_result("Versions", page, versions)


async def _set_default_version(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    arn, number = parameters["PolicyArn"], version_number(parameters["VersionId"])
    await managed_policies.set_default_policy_version(context.service, caller, arn, number)
    return NOTHING


async def _delete_version(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    arn, number = parameters["PolicyArn"], version_number(parameters["VersionId"])
    await managed_policies.delete_policy_version(context.service, caller, arn, number)
    return NOTHING


async def _list_entities(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    kind, prefix, usage = (
        parameters.get("EntityFilter"),
        parameters.get("PathPrefix", "/"),
        parameters.get("PolicyUsageFilter"),
    )
    wanted = EntityFilter(kind, prefix, usage)
    page = await policy_entities.list_entities_for_policy(
        context.service, caller, parameters["PolicyArn"], wanted, *marker_of(parameters)
    )
    groups, users, roles = (_named(page.items, kind) for kind in ("Group", "User", "Role"))
    return {**page_result("PolicyGroups", page, groups), "PolicyUsers": users, "PolicyRoles": roles}


def _named(entities: Sequence[PolicyEntity], kind: str) -> list[Result]:
    return [{f"{kind}Name": each.name, f"{kind}Id": each.entity_id} for each in entities if each.kind == kind]


OPERATIONS: Operations = {
    ("iam", "CreatePolicy"): _create_policy,
    ("iam", "GetPolicy"): _get_policy,
    ("iam", "ListPolicies"): _list_policies,
    ("iam", "DeletePolicy"): _delete_policy,
    ("iam", "CreatePolicyVersion"): _create_version,
    ("iam", "GetPolicyVersion"): _get_version,
    ("iam", "ListPolicyVersions"): _list_versions,
    ("iam", "SetDefaultPolicyVersion"): _set_default_version,
    ("iam", "DeletePolicyVersion"): _delete_version,
    ("iam", "ListEntitiesForPolicy"): _list_entities,
    **tag_operations(
        "Policy",
        "PolicyArn",
        managed_policies.tag_policy,
        managed_policies.untag_policy,
        managed_policies.list_policy_tags,
    ),
}
