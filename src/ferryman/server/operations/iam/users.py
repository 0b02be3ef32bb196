"""IAM's operations on users and access keys, from AWS's spelling to the use cases and back."""

from ferryman.core.iam import access_keys, users
from ferryman.core.iam.resources import tags_of
from ferryman.model.identity.callers import Caller
from ferryman.model.identity.users import AccessKey, KeyUse
from ferryman.model.tags import ResourceType
from ferryman.server.operations.context import Operations, Parameters, Result, Surroundings, moment, tags_given
from ferryman.server.operations.iam.results import NOTHING, marker_of, page_result, tag_list, user_result

_NEVER = "N/A"
"""What AWS answers for service and region of a key that was never used."""


async def _create_user(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    draft = users.UserDraft(given["UserName"], given.get("Path", "/"), given.get("PermissionsBoundary", ""))
    tags = tags_given(given)
    user = await users.create_user(here.service, caller, draft, tags)
    return {"User": user_result(here.service, user, tags)}


async def _get_user(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    user = await users.get_user(here.service, caller, given.get("UserName"))
    tags = await tags_of(here.service, ResourceType.USER, user.user_id)
    return {"User": user_result(here.service, user, tags)}


async def _list_users(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    page = await users.list_users(here.service, caller, given.get("PathPrefix", "/"), *marker_of(given))
    return page_result("Users", page, [user_result(here.service, user) for user in page.items])


async def _update_user(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    name, path = given.get("NewUserName"), given.get("NewPath")
    await users.update_user(here.service, caller, given["UserName"], name, path)
    return NOTHING


async def _delete_user(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    await users.delete_user(here.service, caller, given["UserName"])
    return NOTHING


async def _put_boundary(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    arn = given["PermissionsBoundary"]
    await users.put_user_permissions_boundary(here.service, caller, given["UserName"], arn)
    return NOTHING


async def _delete_boundary(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    await users.delete_user_permissions_boundary(here.service, caller, given["UserName"])
    return NOTHING


async def _tag_user(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    await users.tag_user(here.service, caller, given["UserName"], tags_given(given))
    return NOTHING


async def _untag_user(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    await users.untag_user(here.service, caller, given["UserName"], given["TagKeys"])
    return NOTHING


async def _list_user_tags(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    page = await users.list_user_tags(here.service, caller, given["UserName"], *marker_of(given))
    return page_result("Tags", page, tag_list(dict(page.items)))


async def _create_access_key(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    user, key, made = await access_keys.create_access_key(here.service, caller, given.get("UserName"))
    return {"AccessKey": {**_key(user.name, key), "SecretAccessKey": made.secret_access_key.reveal()}}


async def _list_access_keys(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    user, page = await access_keys.list_access_keys(here.service, caller, given.get("UserName"), *marker_of(given))
    return page_result("AccessKeyMetadata", page, [_key(user.name, key) for key in page.items])


async def _update_access_key(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    active = given["Status"] == "Active"
    name, access_key_id = given.get("UserName"), given["AccessKeyId"]
    await access_keys.update_access_key(here.service, caller, name, access_key_id, active=active)
    return NOTHING


async def _delete_access_key(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    await access_keys.delete_access_key(here.service, caller, given.get("UserName"), given["AccessKeyId"])
    return NOTHING


async def _get_access_key_last_used(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    user, use = await access_keys.get_access_key_last_used(here.service, caller, given["AccessKeyId"])
    return {"UserName": user.name, "AccessKeyLastUsed": _use(use)}


def _key(user_name: str, key: AccessKey) -> dict[str, object]:
    return {
        "UserName": user_name,
        "AccessKeyId": key.access_key_id,
        "Status": "Active" if key.active else "Inactive",
        "CreateDate": moment(key.created_at),
    }


def _use(use: KeyUse | None) -> Result:
    if use is None:
        return {"ServiceName": _NEVER, "Region": _NEVER}
    return {"LastUsedDate": moment(use.at), "ServiceName": use.service, "Region": use.region}


OPERATIONS: Operations = {
    ("iam", "CreateUser"): _create_user,
    ("iam", "GetUser"): _get_user,
    ("iam", "ListUsers"): _list_users,
    ("iam", "UpdateUser"): _update_user,
    ("iam", "DeleteUser"): _delete_user,
    ("iam", "PutUserPermissionsBoundary"): _put_boundary,
    ("iam", "DeleteUserPermissionsBoundary"): _delete_boundary,
    ("iam", "TagUser"): _tag_user,
    ("iam", "UntagUser"): _untag_user,
    ("iam", "ListUserTags"): _list_user_tags,
    ("iam", "CreateAccessKey"): _create_access_key,
    ("iam", "ListAccessKeys"): _list_access_keys,
    ("iam", "UpdateAccessKey"): _update_access_key,
    ("iam", "DeleteAccessKey"): _delete_access_key,
    ("iam", "GetAccessKeyLastUsed"): _get_access_key_last_used,
}
