"""IAM's operations on managed policies and their versions."""

from collections.abc import Sequence

from ferryman.core.iam import managed_policies, policy_entities
from ferryman.core.iam.managed_policies import PolicyDraft, PolicyFilter
from ferryman.core.iam.policy_entities import EntityFilter, PolicyEntity
from ferryman.model.identity.callers import Caller
from ferryman.server.operations.context import Operations, Parameters, Result, Surroundings, tags_given
from ferryman.server.operations.iam.results import (
    NOTHING,
    marker_of,
    page_result,
    policy_result,
    tag_list,
    version_number,
    version_result,
)


async def _create_policy(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    name, document = given["PolicyName"], given["PolicyDocument"]
    draft = PolicyDraft(name, document, given.get("Path", "/"), given.get("Description", ""))
    view = await managed_policies.create_policy(here.service, caller, draft, tags_given(given))
    return {"Policy": policy_result(view)}


async def _get_policy(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    view = await managed_policies.get_policy(here.service, caller, given["PolicyArn"])
    return {"Policy": policy_result(view)}


async def _list_policies(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    owner = {"AWS": "aws", "Local": here.service.settings.account_id}.get(given.get("Scope", "All"))
    prefix, usage = given.get("PathPrefix", "/"), given.get("PolicyUsageFilter")
    wanted = PolicyFilter(owner, prefix, given.get("OnlyAttached", False), usage)
    page = await managed_policies.list_policies(here.service, caller, wanted, *marker_of(given))
    return page_result("Policies", page, [policy_result(view) for view in page.items])


async def _delete_policy(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    await managed_policies.delete_policy(here.service, caller, given["PolicyArn"])
    return NOTHING


async def _create_version(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    arn, document, is_default = given["PolicyArn"], given["PolicyDocument"], given.get("SetAsDefault", False)
    made = await managed_policies.create_policy_version(here.service, caller, arn, document, is_default=is_default)
    return {"PolicyVersion": version_result(made, is_default=is_default)}


async def _get_version(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    arn, number = given["PolicyArn"], version_number(given["VersionId"])
    version, is_default = await managed_policies.get_policy_version(here.service, caller, arn, number)
    return {"PolicyVersion": version_result(version, is_default=is_default, with_document=True)}


async def _list_versions(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    arn = given["PolicyArn"]
    page, default = await managed_policies.list_policy_versions(here.service, caller, arn, *marker_of(given))
    versions = [version_result(each, is_default=each.version == default) for each in page.items]
    return page_result("Versions", page, versions)


async def _set_default_version(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    arn, number = given["PolicyArn"], version_number(given["VersionId"])
    await managed_policies.set_default_policy_version(here.service, caller, arn, number)
    return NOTHING


async def _delete_version(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    arn, number = given["PolicyArn"], version_number(given["VersionId"])
    await managed_policies.delete_policy_version(here.service, caller, arn, number)
    return NOTHING


async def _tag_policy(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    await managed_policies.tag_policy(here.service, caller, given["PolicyArn"], tags_given(given))
    return NOTHING


async def _untag_policy(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    await managed_policies.untag_policy(here.service, caller, given["PolicyArn"], given["TagKeys"])
    return NOTHING


async def _list_policy_tags(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    page = await managed_policies.list_policy_tags(here.service, caller, given["PolicyArn"], *marker_of(given))
    return page_result("Tags", page, tag_list(dict(page.items)))


async def _list_entities(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    kind, prefix, usage = given.get("EntityFilter"), given.get("PathPrefix", "/"), given.get("PolicyUsageFilter")
    wanted = EntityFilter(kind, prefix, usage)
    page = await policy_entities.list_entities_for_policy(
        here.service, caller, given["PolicyArn"], wanted, *marker_of(given)
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
    ("iam", "TagPolicy"): _tag_policy,
    ("iam", "UntagPolicy"): _untag_policy,
    ("iam", "ListPolicyTags"): _list_policy_tags,
    ("iam", "ListEntitiesForPolicy"): _list_entities,
}
