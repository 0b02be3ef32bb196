"""IAM's operations on the tags of a resource; they differ only in what the resource is called."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from ferryman.core.paging import Page
from ferryman.core.service import Service
from ferryman.model.identity.callers import Caller
from ferryman.server.operations.context import OperationContext, Operations, Parameters, Result
from ferryman.server.operations.iam.results import NOTHING, marker_of, page_result
from ferryman.server.operations.parameters import requested_tags
from ferryman.server.operations.results import tag_list

PutTags = Callable[[Service, Caller, str, Mapping[str, str]], Awaitable[None]]
RemoveTags = Callable[[Service, Caller, str, Sequence[str]], Awaitable[None]]
ListTags = Callable[[Service, Caller, str, str | None, int | None], Awaitable[Page[tuple[str, str]]]]


def tag_operations(resource: str, member: str, put: PutTags, remove: RemoveTags, list_tags: ListTags) -> Operations:
    """Return TagX, UntagX and ListXTags of a kind of `resource`, which the parameter `member` names."""

    async def tag(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
        await put(context.service, caller, parameters[member], requested_tags(parameters))
        return NOTHING

    async def untag(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
        await remove(context.service, caller, parameters[member], parameters["TagKeys"])
        return NOTHING

    async def list_all(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
        page = await list_tags(context.service, caller, parameters[member], *marker_of(parameters))
        return page_result("Tags", page, tag_list(dict(page.items)))

    return {
        ("iam", f"Tag{resource}"): tag,
        ("iam", f"Untag{resource}"): untag,
        ("iam", f"List{resource}Tags"): list_all,
    }
