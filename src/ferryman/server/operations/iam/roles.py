"""IAM's operations on roles."""

from ferryman.core.iam import roles
from ferryman.model.identity.callers import Caller
from ferryman.model.identity.roles import RoleChanges
from ferryman.server.operations.context import OperationContext, Operations, Parameters, Result
from ferryman.server.operations.iam.boundaries import boundary_operations
from ferryman.server.operations.iam.results import NOTHING, marker_of, page_result, role_result
from ferryman.server.operations.iam.tags import tag_operations
from ferryman.server.operations.parameters import requested_tags


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


async def _delete_role(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    await roles.delete_role(context.service, caller, parameters["RoleName"])
    return NOTHING


async def _list_instance_profiles(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    """ListInstanceProfilesForRole: there are none; Terraform asks before it deletes a role."""
    await roles.role_for(context.service, caller, "ListInstanceProfilesForRole", parameters["RoleName"])
    return {"InstanceProfiles": [], "IsTruncated": False}


OPERATIONS: Operations = {
    ("iam", "CreateRole"): _create_role,
    ("iam", "GetRole"): _get_role,
    ("iam", "ListRoles"): _list_roles,
    ("iam", "UpdateRole"): _update_role,
    ("iam", "UpdateRoleDescription"): _update_role_description,
    ("iam", "UpdateAssumeRolePolicy"): _update_assume_role_policy,
    ("iam", "DeleteRole"): _delete_role,
    ("iam", "ListInstanceProfilesForRole"): _list_instance_profiles,
    **boundary_operations("Role", roles.put_role_permissions_boundary, roles.delete_role_permissions_boundary),
    **tag_operations("Role", "RoleName", roles.tag_role, roles.untag_role, roles.list_role_tags),
}
