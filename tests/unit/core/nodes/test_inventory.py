"""GetInventory: what nodes say of themselves, its filters and pages."""

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ferryman.core.nodes import actions as nodes
from ferryman.core.nodes import fleet
from ferryman.core.nodes.inventory import GetInventoryRequest, InventoryFilter, content_of, get_inventory
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import NodeId
from ferryman.model.nodes import NodeInformation

if TYPE_CHECKING:
    from tests.unit.core.conftest import World

LINUX = NodeInformation("agent", "1.0.0.0", "Linux", "Debian", "12", "web-1", "192.0.2.1")


async def found(world: "World", *filters: InventoryFilter) -> set[NodeId]:
    page = await get_inventory(world.service, world.alice, GetInventoryRequest(filters))
    assert page.next_token is None
    return {view.node.node_id for view in page.items}


def about(attribute: str, comparison: str, *values: str) -> InventoryFilter:
    return InventoryFilter(f"AWS:InstanceInformation.{attribute}", values, comparison)


async def test_filters(world: "World") -> None:
    silent, away, online = await world.register(), await world.register(), await world.node()
    await nodes.update_information(world.service, world.node_caller(away), away, LINUX)
    everything = {silent, away, online}
    for given, expected in (
        (about("InstanceStatus", "Equal", "Active"), {online}),
        (about("InstanceStatus", "NotEqual", "Terminated", "Stopped", "ConnectionLost"), {online}),
        (about("InstanceStatus", "Equal", "ConnectionLost"), {away}),
        (about("InstanceStatus", "Equal", "Stopped"), {silent}),
        (about("ResourceType", "Equal", "EC2Instance", "ManagedInstance"), everything),
        (about("ResourceType", "Equal", "EC2Instance"), set()),
        (about("InstanceId", "Equal", away, "mi-00000000000000000"), {away}),
        (about("InstanceId", "NotEqual", away), {silent, online}),
        (about("ComputerName", "BeginWith", "web-", "db-"), {away}),
        (about("ComputerName", "Exists", "true"), {away}),
        (InventoryFilter("PlatformType", ("Linux",)), {away}),
    ):
        assert await found(world, given) == expected, given
    assert await found(world, about("InstanceStatus", "Equal", "Active"), about("InstanceId", "Equal", away)) == set()
    page = await get_inventory(world.service, world.alice, GetInventoryRequest((about("IpAddress", "Exists", ""),)))
    assert content_of(page.items[0]) == {
        "AgentType": "agent",
        "AgentVersion": "1.0.0.0",
        "ComputerName": "web-1",
        "InstanceId": away,
        "InstanceStatus": "ConnectionLost",
        "IpAddress": "192.0.2.1",
        "PlatformName": "Debian",
        "PlatformType": "Linux",
        "PlatformVersion": "12",
        "ResourceType": "ManagedInstance",
    }


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (GetInventoryRequest((InventoryFilter("AWS:Application.Name", ("x",)),)), "InvalidFilter"),
        (GetInventoryRequest((about("AgentVersion", "LessThan", "2"),)), "InvalidFilter"),
        (GetInventoryRequest(type_names=("AWS:Application",)), "InvalidTypeNameException"),
        (GetInventoryRequest(has_aggregators=True), "InvalidAggregatorException"),
        (GetInventoryRequest(next_token="x"), "InvalidNextToken"),
    ],
)
async def test_what_is_refused(world: "World", request_: GetInventoryRequest, code: str) -> None:
    with pytest.raises(ServiceError) as refused:
        await get_inventory(world.service, world.alice, request_)
    assert refused.value.code == code


async def test_a_caller_without_a_policy_is_refused(world: "World") -> None:
    nobody = replace(world.alice, policies=())
    with pytest.raises(ServiceError, match=r"is not authorized to perform: ssm:GetInventory on resource: \*"):
        await get_inventory(world.service, nobody, GetInventoryRequest())


async def test_pages_hold_every_node_once(world: "World", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet, "MOST_READ", 4)
    everything = sorted([await world.register() for _ in range(9)])
    seen: list[NodeId] = []
    token: str | None = None
    while token is not None or not seen:
        request = GetInventoryRequest(max_results=2, next_token=token)
        page = await get_inventory(world.service, world.alice, request)
        seen += [view.node.node_id for view in page.items]
        token = page.next_token
    assert seen == everything
