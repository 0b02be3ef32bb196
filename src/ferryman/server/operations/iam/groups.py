"""IAM's operations on groups."""

from ferryman.core.iam import groups
from ferryman.model.identity.callers import Caller
from ferryman.server.operations.context import Operations, Parameters, Result, Surroundings
from ferryman.server.operations.iam.results import NOTHING, group_result, marker_of, page_result, user_result


async def _create_group(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    group = await groups.create_group(here.service, caller, given["GroupName"], given.get("Path", "/"))
    return {"Group": group_result(here.service, group)}


async def _get_group(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    group, page = await groups.get_group(here.service, caller, given["GroupName"], *marker_of(given))
    members = [user_result(here.service, user) for user in page.items]
    return {"Group": group_result(here.service, group), **page_result("Users", page, members)}


async def _list_groups(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    page = await groups.list_groups(here.service, caller, given.get("PathPrefix", "/"), *marker_of(given))
    return page_result("Groups", page, [group_result(here.service, group) for group in page.items])


async def _list_groups_for_user(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    page = await groups.list_groups_for_user(here.service, caller, given["UserName"], *marker_of(given))
    return page_result("Groups", page, [group_result(here.service, group) for group in page.items])


async def _update_group(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    name, path = given.get("NewGroupName"), given.get("NewPath")
    await groups.update_group(here.service, caller, given["GroupName"], name, path)
    return NOTHING


async def _delete_group(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    await groups.delete_group(here.service, caller, given["GroupName"])
    return NOTHING


async def _add_user(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    await groups.add_user_to_group(here.service, caller, given["GroupName"], given["UserName"])
    return NOTHING


async def _remove_user(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    await groups.remove_user_from_group(here.service, caller, given["GroupName"], given["UserName"])
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
