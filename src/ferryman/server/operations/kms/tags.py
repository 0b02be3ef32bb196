"""Operations on the tags of keys. KMS's tags have members of their own."""

from ferryman.core.kms.keys import key_tags
from ferryman.model.errors import ServiceError
from ferryman.model.identity.callers import Caller
from ferryman.server.operations.context import OperationContext, Operations, Parameters, Result
from ferryman.server.operations.kms.pages import limit_of, page_result


def requested_tags(parameters: Parameters) -> dict[str, str]:
    """Return the member Tags; raises TagException if a key is there twice."""
    given = parameters.get("Tags") or []
    tags: dict[str, str] = {tag["TagKey"]: tag["TagValue"] for tag in given}
    if len(tags) != len(given):
        raise ServiceError("TagException", "Duplicate tag keys")
    return tags


async def _tag_resource(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    await key_tags.tag_resource(context.service, caller, parameters["KeyId"], requested_tags(parameters))
    return {}


async def _untag_resource(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    await key_tags.untag_resource(context.service, caller, parameters["KeyId"], parameters["TagKeys"])
    return {}


async def _list_resource_tags(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    page = await key_tags.list_resource_tags(
        context.service, caller, parameters["KeyId"], parameters.get("Marker"), limit_of(parameters, 50, 50)
    )
    return page_result("Tags", page, [{"TagKey": key, "TagValue": value} for key, value in page.items])


OPERATIONS: Operations = {
    ("kms", "TagResource"): _tag_resource,
    ("kms", "UntagResource"): _untag_resource,
    ("kms", "ListResourceTags"): _list_resource_tags,
}
