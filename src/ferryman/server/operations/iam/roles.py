"""IAM's operations on roles, from AWS's spelling to the use cases and back."""

from collections.abc import Mapping

from ferryman.core.iam import roles
from ferryman.core.service import Service
from ferryman.model.identity.callers import Caller
from ferryman.model.identity.roles import IamRole, RoleChanges
from ferryman.server.operations.context import (
    OperationContext,
    Operations,
    Parameters,
    Result,
    as_datetime,
    requested_tags,
)
from ferryman.server.operations.iam.results import NOTHING, encoded, marker_of, page_result, tag_list


async def _create_role(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    tags = requested_tags(parameters)
    draft = roles.RoleDraft(
        parameters["RoleName"],
        parameters["AssumeRolePolicyDocument"],
        parameters.get("Path", "/"),
        parameters.get("Description", ""),
        parameters.get("MaxSessionDuration", roles.DEFAULT_MAX_SESSION),
        parameters.get("PermissionsBoundary", ""),
    )
    role = await roles.create_role(context.service, caller, draft, tags)
    return {"Role": role_result(context.service, role, tags)}


async def _get_role(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    role = await roles.get_role(context.service, caller, parameters["RoleName"])
    return {"Role": role_result(context.service, role, await roles.tags_of(context.service, role))}


async def _list_roles(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    prefix = parameters.get("PathPrefix", "/")
    page = await roles.list_roles(context.service, caller, prefix, *marker_of(parameters))
    return page_result("Roles", page, [role_result(context.service, role, {}) for role in page.items])


async def _update_role(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    changes = RoleChanges(
        description=parameters.get("Description"), max_session_duration=parameters.get("MaxSessionDuration")
    )
    await roles.update_role(context.service, caller, parameters["RoleName"], changes)
    return NOTHING


async def _update_role_description(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    changes = RoleChanges(description=parameters["Description"])
    role = await roles.update_role(context.service, caller, parameters["RoleName"], changes, "UpdateRoleDescription")
    return {"Role": role_result(context.service, role, await roles.tags_of(context.service, role))}


async def _update_assume_role_policy(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    await roles.update_assume_role_policy(context.service, caller, parameters["RoleName"], parameters["PolicyDocument"])
    return NOTHING


async def _put_boundary(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    arn = parameters["PermissionsBoundary"]
    await roles.put_role_permissions_boundary(context.service, caller, parameters["RoleName"], arn)
    return NOTHING


async def _delete_boundary(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    await roles.delete_role_permissions_boundary(context.service, caller, parameters["RoleName"])
    return NOTHING


async def _delete_role(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    await roles.delete_role(context.service, caller, parameters["RoleName"])
    return NOTHING


async def _tag_role(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    await roles.tag_role(context.service, caller, parameters["RoleName"], requested_tags(parameters))
    return NOTHING


async def _untag_role(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    await roles.untag_role(context.service, caller, parameters["RoleName"], parameters["TagKeys"])
    return NOTHING


async def _list_role_tags(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    name = parameters["RoleName"]
    page = await roles.list_role_tags(context.service, caller, name, *marker_of(parameters))
    return page_result("Tags", page, [{"Key": key, "Value": value} for key, value in page.items])


async def _list_instance_profiles(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    """There are no instance profiles; Terraform asks before it deletes a role."""
    await roles.role_for(context.service, caller, "ListInstanceProfilesForRole", parameters["RoleName"])
    return {"InstanceProfiles": [], "IsTruncated": False}


def role_result(service: Service, role: IamRole, tags: Mapping[str, str]) -> Result:
    """Return a role in IAM's spelling."""
    boundary = {"PermissionsBoundaryType": "PermissionsBoundaryPolicy", "PermissionsBoundaryArn": role.boundary_arn}
    return {
        "Path": role.path,
        "RoleName": role.name,
        "RoleId": role.role_id,
        "Arn": service.arns.role(role.name, role.path),
        "CreateDate": as_datetime(role.created_at),
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
