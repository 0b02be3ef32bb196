"""IAM's operations on users and access keys."""

from ferryman.core.iam import access_keys, users
from ferryman.core.iam.resources import tags_of
from ferryman.model.identity.callers import Caller
from ferryman.model.identity.users import AccessKey, LastKeyUse
from ferryman.model.tags import ResourceType
from ferryman.server.operations.context import OperationContext, Operations, Parameters, Result
from ferryman.server.operations.iam.boundaries import boundary_operations
from ferryman.server.operations.iam.results import NOTHING, marker_of, page_result, user_result
from ferryman.server.operations.iam.tags import tag_operations
from ferryman.server.operations.parameters import requested_tags
from ferryman.server.operations.results import as_datetime

_NEVER = "N/A"
"""What AWS returns as service and region of a key that was never used."""


async def _create_user(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    draft = users.UserDraft(
        parameters["UserName"], parameters.get("Path", "/"), parameters.get("PermissionsBoundary", "")
    )
    tags = requested_tags(parameters)
    user = await users.create_user(context.service, caller, draft, tags)
    return {"User": user_result(context.service, user, tags)}


async def _get_user(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    user = await users.get_user(context.service, caller, parameters.get("UserName"))
    tags = await tags_of(context.service, ResourceType.USER, user.user_id)
    return {"User": user_result(context.service, user, tags)}


async def _list_users(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    page = await users.list_users(context.service, caller, parameters.get("PathPrefix", "/"), *marker_of(parameters))
    return page_result("Users", page, [user_result(context.service, user) for user in page.items])


async def _update_user(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    name, path = parameters.get("NewUserName"), parameters.get("NewPath")
    await users.update_user(context.service, caller, parameters["UserName"], name, path)
    return NOTHING


async def _delete_user(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    await users.delete_user(context.service, caller, parameters["UserName"])
    return NOTHING


async def _create_access_key(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    user, key, made = await access_keys.create_access_key(context.service, caller, parameters.get("UserName"))
    return {"AccessKey": {**_key(user.name, key), "SecretAccessKey": made.secret_access_key.reveal()}}


async def _list_access_keys(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    user, page = await access_keys.list_access_keys(
        context.service, caller, parameters.get("UserName"), *marker_of(parameters)
    )
    return page_result("AccessKeyMetadata", page, [_key(user.name, key) for key in page.items])


async def _update_access_key(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    active = parameters["Status"] == "Active"
    name, access_key_id = parameters.get("UserName"), parameters["AccessKeyId"]
    await access_keys.update_access_key(context.service, caller, name, access_key_id, active=active)
    return NOTHING


async def _delete_access_key(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    await access_keys.delete_access_key(context.service, caller, parameters.get("UserName"), parameters["AccessKeyId"])
    return NOTHING


async def _get_access_key_last_used(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    user, use = await access_keys.get_access_key_last_used(context.service, caller, parameters["AccessKeyId"])
    return {"UserName": user.name, "AccessKeyLastUsed": _use(use)}


def _key(user_name: str, key: AccessKey) -> dict[str, object]:
    return {
        "UserName": user_name,
        "AccessKeyId": key.access_key_id,
        "Status": "Active" if key.active else "Inactive",
        "CreateDate": as_datetime(key.created_at),
    }


def _use(use: LastKeyUse | None) -> Result:
    if use is None:
        return {"ServiceName": _NEVER, "Region": _NEVER}
    return {"LastUsedDate": as_datetime(use.at), "ServiceName": use.service, "Region": use.region}


OPERATIONS: Operations = {
    ("iam", "CreateUser"): _create_user,
    ("iam", "GetUser"): _get_user,
    ("iam", "ListUsers"): _list_users,
    ("iam", "UpdateUser"): _update_user,
    ("iam", "DeleteUser"): _delete_user,
    ("iam", "CreateAccessKey"): _create_access_key,
    ("iam", "ListAccessKeys"): _list_access_keys,
    ("iam", "UpdateAccessKey"): _update_access_key,
    ("iam", "DeleteAccessKey"): _delete_access_key,
    ("iam", "GetAccessKeyLastUsed"): _get_access_key_last_used,
    **boundary_operations("User", users.put_user_permissions_boundary, users.delete_user_permissions_boundary),
    **tag_operations("User", "UserName", users.tag_user, users.untag_user, users.list_user_tags),
}
