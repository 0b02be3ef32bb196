"""GetInventory, and GetResources of the tagging service."""

from ferryman.core import tagged_resources
from ferryman.core.nodes import inventory
from ferryman.core.nodes.inventory import GetInventoryRequest, InventoryFilter
from ferryman.core.nodes.requests import NodeView
from ferryman.core.tagged_resources import GetResourcesRequest
from ferryman.model.identity.callers import Caller
from ferryman.model.values.timestamps import iso_seconds
from ferryman.server.operations.context import OperationContext, Operations, Parameters, Result
from ferryman.server.operations.parameters import filters
from ferryman.server.operations.results import as_datetime, tag_list


async def get_inventory(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    """GetInventory."""
    request = GetInventoryRequest(
        filters=tuple(
            InventoryFilter(each["Key"], tuple(each["Values"]), each.get("Type") or "Equal")
            for each in parameters.get("Filters") or ()
        ),
        type_names=tuple(each["TypeName"] for each in parameters.get("ResultAttributes") or ()),
        max_results=parameters.get("MaxResults"),
        next_token=parameters.get("NextToken"),
        has_aggregators=bool(parameters.get("Aggregators")),
    )
    page = await inventory.get_inventory(context.service, caller, request)
    return {"Entities": [_entity(item) for item in page.items], "NextToken": page.next_token}


def _entity(view: NodeView) -> Result:
    captured_at = as_datetime(view.node.last_ping_at)
    item = {
        "TypeName": inventory.TYPE_NAME,
        "SchemaVersion": inventory.SCHEMA_VERSION,
        "CaptureTime": None if captured_at is None else iso_seconds(captured_at),
        "Content": [inventory.content_of(view)],
    }
    return {"Id": view.node.node_id, "Data": {inventory.TYPE_NAME: item}}


async def get_resources(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    """GetResources, of the resource groups tagging service."""
    request = GetResourcesRequest(
        tag_filters=filters(parameters, "TagFilters"),
        types=tuple(parameters.get("ResourceTypeFilters") or ()),
        arns=tuple(parameters.get("ResourceARNList") or ()),
        per_page=parameters.get("ResourcesPerPage"),
        tags_per_page=parameters.get("TagsPerPage"),
        token=parameters.get("PaginationToken") or "",
        with_compliance=bool(parameters.get("IncludeComplianceDetails") or parameters.get("ExcludeCompliantResources")),
    )
    page = await tagged_resources.get_resources(context.service, caller, request)
    mappings = [{"ResourceARN": each.arn, "Tags": tag_list(dict(each.tags))} for each in page.items]
    return {"PaginationToken": page.next_token or "", "ResourceTagMappingList": mappings}


OPERATIONS: Operations = {
    ("ssm", "GetInventory"): get_inventory,
    ("tagging", "GetResources"): get_resources,
}
