"""IAM's operations on groups."""

from ferryman.core.iam import groups
from ferryman.model.identity.callers import Caller
from ferryman.server.operations.context import OperationContext, Operations, Parameters, Result
from ferryman.server.operations.iam.results import NOTHING, group_result, marker_of, page_result, user_result


async def _create_group(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    group = await groups.create_group(context.service, caller, parameters["GroupName"], parameters.get("Path", "/"))
    return {"Group": group_result(context.service, group)}


async def _get_group(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    group, page = await groups.get_group(context.service, caller, parameters["GroupName"], *marker_of(parameters))
    members = [user_result(context.service, user) for user in page.items]
    return {"Group": group_result(context.service, group), **page_result("Users", page, members)}


async def _list_groups(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    page = await groups.list_groups(context.service, caller, parameters.get("PathPrefix", "/"), *marker_of(parameters))
    return page_result("Groups", page, [group_result(context.service, group) for group in page.items])


async def _list_groups_for_user(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    page = await groups.list_groups_for_user(context.service, caller, parameters["UserName"], *marker_of(parameters))
    return page_result("Groups", page, [group_result(context.service, group) for group in page.items])


async def _update_group(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    name, path = parameters.get("NewGroupName"), parameters.get("NewPath")
    await groups.update_group(context.service, caller, parameters["GroupName"], name, path)
    return NOTHING


async def _delete_group(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    await groups.delete_group(context.service, caller, parameters["GroupName"])
    return NOTHING


async def _add_user(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    await groups.add_user_to_group(context.service, caller, parameters["GroupName"], parameters["UserName"])
    return NOTHING


async def _remove_user(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    await groups.remove_user_from_group(context.service, caller, parameters["GroupName"], parameters["UserName"])
    return NOTHING


OPERATIONS: Operations = {
    ("iam", "CreateGroup"): _create_group,
    ("iam", "GetGroup"): _get_group,
    ("iam", "ListGroups"): _list_groups,
    ("iam", "ListGroupsForUser"): _list_groups_for_user,
    ("iam", "UpdateGroup"): _update_group,
    ("iam", "DeleteGroup"): _delete_group,
    ("iam", "AddUserToGroup"): _add_user,
    ("iam", "RemoveUserFromGroup"): _remove_user,
}
