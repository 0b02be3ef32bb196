"""IAM's operations on roles, from AWS's spelling to the use cases and back."""

from collections.abc import Mapping

from ferryman.core.iam import roles
from ferryman.core.service import Service
from ferryman.model.identity.callers import Caller
from ferryman.model.identity.roles import IamRole, RoleChanges
from ferryman.server.operations.context import (
    Operations,
    Parameters,
    Result,
    Surroundings,
    moment,
    tags_given,
)
from ferryman.server.operations.iam.results import NOTHING, encoded, marker_of, page_result, tag_list


async def _create_role(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    tags = tags_given(given)
    draft = roles.RoleDraft(
        given["RoleName"],
        given["AssumeRolePolicyDocument"],
        given.get("Path", "/"),
        given.get("Description", ""),
        given.get("MaxSessionDuration", roles.DEFAULT_MAX_SESSION),
        given.get("PermissionsBoundary", ""),
    )
    role = await roles.create_role(here.service, caller, draft, tags)
    return {"Role": role_result(here.service, role, tags)}


async def _get_role(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    role = await roles.get_role(here.service, caller, given["RoleName"])
    return {"Role": role_result(here.service, role, await roles.tags_of(here.service, role))}


async def _list_roles(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    prefix = given.get("PathPrefix", "/")
    page = await roles.list_roles(here.service, caller, prefix, *marker_of(given))
    return page_result("Roles", page, [role_result(here.service, role, {}) for role in page.items])


async def _update_role(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    changes = RoleChanges(description=given.get("Description"), max_session_duration=given.get("MaxSessionDuration"))
    await roles.update_role(here.service, caller, given["RoleName"], changes)
    return NOTHING


async def _update_role_description(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    changes = RoleChanges(description=given["Description"])
    role = await roles.update_role(here.service, caller, given["RoleName"], changes, "UpdateRoleDescription")
    return {"Role": role_result(here.service, role, await roles.tags_of(here.service, role))}


async def _update_assume_role_policy(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    await roles.update_assume_role_policy(here.service, caller, given["RoleName"], given["PolicyDocument"])
    return NOTHING


async def _put_boundary(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    arn = given["PermissionsBoundary"]
    await roles.put_role_permissions_boundary(here.service, caller, given["RoleName"], arn)
    return NOTHING


async def _delete_boundary(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    await roles.delete_role_permissions_boundary(here.service, caller, given["RoleName"])
    return NOTHING


async def _delete_role(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    await roles.delete_role(here.service, caller, given["RoleName"])
    return NOTHING


async def _tag_role(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    await roles.tag_role(here.service, caller, given["RoleName"], tags_given(given))
    return NOTHING


async def _untag_role(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    await roles.untag_role(here.service, caller, given["RoleName"], given["TagKeys"])
    return NOTHING


async def _list_role_tags(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    name = given["RoleName"]
    page = await roles.list_role_tags(here.service, caller, name, *marker_of(given))
    return page_result("Tags", page, [{"Key": key, "Value": value} for key, value in page.items])


async def _list_instance_profiles(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    """There are no instance profiles; Terraform asks before it deletes a role."""
    await roles.role_for(here.service, caller, "ListInstanceProfilesForRole", given["RoleName"])
    return {"InstanceProfiles": [], "IsTruncated": False}


def role_result(service: Service, role: IamRole, tags: Mapping[str, str]) -> Result:
    """Return a role in IAM's spelling."""
    boundary = {"PermissionsBoundaryType": "PermissionsBoundaryPolicy", "PermissionsBoundaryArn": role.boundary_arn}
    return {
        "Path": role.path,
        "RoleName": role.name,
        "RoleId": role.role_id,
        "Arn": service.arns.role(role.name, role.path),
        "CreateDate": moment(role.created_at),
        "AssumeRolePolicyDocument": encoded(role.trust_policy),
        "Description": role.description or None,
        "MaxSessionDuration": role.max_session_duration,
        "PermissionsBoundary": boundary if role.boundary_arn else None,
        "Tags": tag_list(tags) or None,
    }


OPERATIONS: Operations = {
    ("iam", "CreateRole"): _create_role,
    ("iam", "GetRole"): _get_role,
    ("iam", "ListRoles"): _list_roles,
    ("iam", "UpdateRole"): _update_role,
    ("iam", "UpdateRoleDescription"): _update_role_description,
    ("iam", "UpdateAssumeRolePolicy"): _update_assume_role_policy,
    ("iam", "DeleteRole"): _delete_role,
    ("iam", "PutRolePermissionsBoundary"): _put_boundary,
    ("iam", "DeleteRolePermissionsBoundary"): _delete_boundary,
    ("iam", "TagRole"): _tag_role,
    ("iam", "UntagRole"): _untag_role,
    ("iam", "ListRoleTags"): _list_role_tags,
    ("iam", "ListInstanceProfilesForRole"): _list_instance_profiles,
}
