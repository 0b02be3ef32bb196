"""IAM's operations on groups, and on the policies that users and groups hold."""

from collections.abc import Mapping

from ferryman.core import groups, held_policies
from ferryman.core.held_policies import Holder, HolderKind
from ferryman.model.callers import Caller
from ferryman.model.policies import name_of_policy
from ferryman.server.iam_results import NOTHING, encoded, group_result, marker_of, page_result, user_result
from ferryman.server.surroundings import Operation, Parameters, Result, Surroundings


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


def _held(kind: HolderKind) -> Mapping[str, Operation]:
    """Return the operations on what users, or groups, hold: they differ in names only."""
    named = f"{kind}Name"

    async def put(here: Surroundings, caller: Caller, given: Parameters) -> Result:
        holder = Holder(kind, given[named])
        await held_policies.put_policy(here.service, caller, holder, given["PolicyName"], given["PolicyDocument"])
        return NOTHING

    async def get(here: Surroundings, caller: Caller, given: Parameters) -> Result:
        name = given["PolicyName"]
        text = await held_policies.get_policy(here.service, caller, Holder(kind, given[named]), name)
        return {named: given[named], "PolicyName": name, "PolicyDocument": encoded(text)}

    async def delete(here: Surroundings, caller: Caller, given: Parameters) -> Result:
        await held_policies.delete_policy(here.service, caller, Holder(kind, given[named]), given["PolicyName"])
        return NOTHING

    async def list_inline(here: Surroundings, caller: Caller, given: Parameters) -> Result:
        page = await held_policies.list_policies(here.service, caller, Holder(kind, given[named]), *marker_of(given))
        return page_result("PolicyNames", page, page.items)

    async def attach(here: Surroundings, caller: Caller, given: Parameters) -> Result:
        await held_policies.attach_policy(here.service, caller, Holder(kind, given[named]), given["PolicyArn"])
        return NOTHING

    async def detach(here: Surroundings, caller: Caller, given: Parameters) -> Result:
        await held_policies.detach_policy(here.service, caller, Holder(kind, given[named]), given["PolicyArn"])
        return NOTHING

    async def list_attached(here: Surroundings, caller: Caller, given: Parameters) -> Result:
        holder, prefix = Holder(kind, given[named]), given.get("PathPrefix", "/")
        page = await held_policies.list_attached_policies(here.service, caller, holder, prefix, *marker_of(given))
        attached = [{"PolicyName": name_of_policy(arn), "PolicyArn": arn} for arn in page.items]
        return page_result("AttachedPolicies", page, attached)

    return {
        f"Put{kind}Policy": put,
        f"Get{kind}Policy": get,
        f"Delete{kind}Policy": delete,
        f"List{kind}Policies": list_inline,
        f"Attach{kind}Policy": attach,
        f"Detach{kind}Policy": detach,
        f"ListAttached{kind}Policies": list_attached,
    }


OPERATIONS: Mapping[str, Operation] = {
    "CreateGroup": _create_group,
    "GetGroup": _get_group,
    "ListGroups": _list_groups,
    "ListGroupsForUser": _list_groups_for_user,
    "UpdateGroup": _update_group,
    "DeleteGroup": _delete_group,
    "AddUserToGroup": _add_user,
    "RemoveUserFromGroup": _remove_user,
    **_held(HolderKind.USER),
    **_held(HolderKind.GROUP),
}
