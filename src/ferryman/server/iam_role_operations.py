"""IAM's operations on roles, from AWS's spelling to the use cases and back."""

from collections.abc import Mapping
from urllib.parse import quote

from ferryman.core import role_policies, roles
from ferryman.core.requests import Page
from ferryman.core.service import Service
from ferryman.model.callers import Caller
from ferryman.model.roles import IamRole, RoleChanges, role_arn
from ferryman.server.surroundings import Operation, Parameters, Result, Surroundings, moment, tags_given

_NOTHING: Result = {}


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
    page = await roles.list_roles(here.service, caller, prefix, given.get("Marker"), given.get("MaxItems"))
    return _page("Roles", page, [role_result(here.service, role, {}) for role in page.items])


async def _update_role(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    changes = RoleChanges(description=given.get("Description"), max_session_duration=given.get("MaxSessionDuration"))
    await roles.update_role(here.service, caller, given["RoleName"], changes)
    return _NOTHING


async def _update_role_description(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    changes = RoleChanges(description=given["Description"])
    role = await roles.update_role(here.service, caller, given["RoleName"], changes, "UpdateRoleDescription")
    return {"Role": role_result(here.service, role, await roles.tags_of(here.service, role))}


async def _update_assume_role_policy(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    await roles.update_assume_role_policy(here.service, caller, given["RoleName"], given["PolicyDocument"])
    return _NOTHING


async def _put_boundary(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    arn = given["PermissionsBoundary"]
    await roles.put_role_permissions_boundary(here.service, caller, given["RoleName"], arn)
    return _NOTHING


async def _delete_boundary(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    await roles.delete_role_permissions_boundary(here.service, caller, given["RoleName"])
    return _NOTHING


async def _delete_role(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    await roles.delete_role(here.service, caller, given["RoleName"])
    return _NOTHING


async def _tag_role(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    await roles.tag_role(here.service, caller, given["RoleName"], tags_given(given))
    return _NOTHING


async def _untag_role(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    await roles.untag_role(here.service, caller, given["RoleName"], given["TagKeys"])
    return _NOTHING


async def _list_role_tags(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    name = given["RoleName"]
    page = await roles.list_role_tags(here.service, caller, name, given.get("Marker"), given.get("MaxItems"))
    return _page("Tags", page, [{"Key": key, "Value": value} for key, value in page.items])


async def _list_instance_profiles(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    """There are no instance profiles; Terraform asks before it deletes a role."""
    await roles.role_for(here.service, caller, "ListInstanceProfilesForRole", given["RoleName"])
    return {"InstanceProfiles": [], "IsTruncated": False}


async def _put_policy(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    name, document = given["PolicyName"], given["PolicyDocument"]
    await role_policies.put_role_policy(here.service, caller, given["RoleName"], name, document)
    return _NOTHING


async def _get_policy(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    role_name, name = given["RoleName"], given["PolicyName"]
    text = await role_policies.get_role_policy(here.service, caller, role_name, name)
    return {"RoleName": role_name, "PolicyName": name, "PolicyDocument": quote(text, safe="")}


async def _delete_policy(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    await role_policies.delete_role_policy(here.service, caller, given["RoleName"], given["PolicyName"])
    return _NOTHING


async def _list_policies(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    name, marker, size = given["RoleName"], given.get("Marker"), given.get("MaxItems")
    page = await role_policies.list_role_policies(here.service, caller, name, marker, size)
    return _page("PolicyNames", page, list(page.items))


async def _attach_policy(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    await role_policies.attach_role_policy(here.service, caller, given["RoleName"], given["PolicyArn"])
    return _NOTHING


async def _detach_policy(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    await role_policies.detach_role_policy(here.service, caller, given["RoleName"], given["PolicyArn"])
    return _NOTHING


async def _list_attached_policies(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    page = await role_policies.list_attached_role_policies(
        here.service,
        caller,
        given["RoleName"],
        given.get("PathPrefix", "/"),
        given.get("Marker"),
        given.get("MaxItems"),
    )
    attached = [{"PolicyName": name, "PolicyArn": arn} for name, arn in page.items]
    return _page("AttachedPolicies", page, attached)


def _page(member: str, page: Page[object] | Page[IamRole] | Page[str] | Page[tuple[str, str]], items: object) -> Result:
    return {member: items, "IsTruncated": page.next_token is not None, "Marker": page.next_token}


def role_result(service: Service, role: IamRole, tags: Mapping[str, str]) -> Result:
    """Return a role in IAM's spelling."""
    boundary = {"PermissionsBoundaryType": "PermissionsBoundaryPolicy", "PermissionsBoundaryArn": role.boundary_arn}
    return {
        "Path": role.path,
        "RoleName": role.name,
        "RoleId": role.role_id,
        "Arn": role_arn(service.settings.account_id, role.path, role.name),
        "CreateDate": moment(role.created_at),
        "AssumeRolePolicyDocument": quote(role.trust_policy, safe=""),
        "Description": role.description or None,
        "MaxSessionDuration": role.max_session_duration,
        "PermissionsBoundary": boundary if role.boundary_arn else None,
        "Tags": [{"Key": key, "Value": value} for key, value in tags.items()] or None,
    }


OPERATIONS: Mapping[str, Operation] = {
    "CreateRole": _create_role,
    "GetRole": _get_role,
    "ListRoles": _list_roles,
    "UpdateRole": _update_role,
    "UpdateRoleDescription": _update_role_description,
    "UpdateAssumeRolePolicy": _update_assume_role_policy,
    "DeleteRole": _delete_role,
    "PutRolePermissionsBoundary": _put_boundary,
    "DeleteRolePermissionsBoundary": _delete_boundary,
    "TagRole": _tag_role,
    "UntagRole": _untag_role,
    "ListRoleTags": _list_role_tags,
    "PutRolePolicy": _put_policy,
    "GetRolePolicy": _get_policy,
    "DeleteRolePolicy": _delete_policy,
    "ListRolePolicies": _list_policies,
    "AttachRolePolicy": _attach_policy,
    "DetachRolePolicy": _detach_policy,
    "ListAttachedRolePolicies": _list_attached_policies,
    "ListInstanceProfilesForRole": _list_instance_profiles,
}
