"""DescribeInstanceInformation: filters, presence, pages."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ferryman.bus.memory import MemoryBus
from ferryman.core.nodes import actions as nodes
from ferryman.core.nodes import listing as node_listing
from ferryman.core.nodes.listing import describe_instance_information, is_latest_version
from ferryman.core.nodes.requests import DescribeNodesRequest
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import NodeId
from ferryman.model.nodes import NodeInformation
from ferryman.model.tags import NAME_TAG, ResourceType
from ferryman.model.values.versions import AGENT_NAME, AGENT_VERSION

if TYPE_CHECKING:
    from tests.unit.core.conftest import World


async def listed(world: "World", *filters: tuple[str, tuple[str, ...]]) -> set[NodeId]:
    page = await describe_instance_information(world.service, world.alice, DescribeNodesRequest(50, None, filters))
    return {view.node.node_id for view in page.items}


async def test_nodes_are_listed_with_their_presence(world: "World") -> None:
    silent, away, online = [await world.register() for _ in range(3)]
    for node_id in (away, online):
        linux = NodeInformation("agent", "1.0.0.0", "Linux")
        await nodes.update_information(world.service, world.node_caller(node_id), node_id, linux)
    await world.connect(online)
    page = await describe_instance_information(world.service, world.alice, DescribeNodesRequest())
    assert {view.node.node_id: view.ping_status for view in page.items} == {
        silent: "Inactive",
        away: "ConnectionLost",
        online: "Online",
    }
    assert await listed(world, ("PingStatus", ("Online", "Inactive"))) == {silent, online}
    assert await listed(world, ("PingStatus", ("Online",)), ("PlatformTypes", ("Linux",))) == {online}
    assert await listed(world, ("InstanceIds", (away, "mi-00000000000000000", "i-0123456789abcdef0"))) == {away}
    assert await listed(world, ("AgentVersion", ("1.0.0.0",))) == {away, online}
    everything = {silent, away, online}
    for key, value, expected in (
        ("ResourceType", "EC2Instance", set()),
        ("ResourceType", "ManagedInstance", everything),
        ("SourceTypes", "AWS::SSM::ManagedInstance", everything),
        ("SourceTypes", "AWS::EC2::Instance", set()),
        ("AssociationStatus", "Success", set()),
        ("SourceIds", online, {online}),
        ("SourceIds", "anything", set()),
        ("IamRole", "role", everything),
        ("IamRole", "another", set()),
        ("ActivationIds", (await nodes.find_node(world.service, away)).activation_id, {away}),
    ):
        assert await listed(world, (key, (value,))) == expected, key
    assert await listed(world, ("PingStatus", ("Online",)), ("PingStatus", ("Inactive",))) == set()
    assert await listed(world, ("IamRole", ("role",)), ("IamRole", ("another",))) == set()


async def test_a_node_that_was_not_heard_of_for_long_is_inactive(world: "World") -> None:
    node_id = await world.register()
    await nodes.update_information(world.service, world.node_caller(node_id), node_id, NodeInformation("agent"))
    world.clock.advance(days=30)
    assert await listed(world, ("PingStatus", ("ConnectionLost",))) == {node_id}
    world.clock.advance(seconds=1)
    assert await listed(world, ("PingStatus", ("Inactive",))) == {node_id}
    await world.connect(node_id)
    assert await listed(world, ("PingStatus", ("Online",))) == {node_id}


@pytest.mark.parametrize(
    ("name", "version", "latest"),
    [
        (AGENT_NAME, AGENT_VERSION, True),
        (AGENT_NAME, "999.0.0.0", True),
        (AGENT_NAME, "4.0.0.9", False),
        (AGENT_NAME, "", False),
        (AGENT_NAME, "4.x.²", False),
        ("amazon-ssm-agent", "3.3.0.0", None),
        ("", "3.3.0.0", None),
    ],
)
def test_whether_an_agent_is_of_this_release(name: str, version: str, latest: bool | None) -> None:
    assert is_latest_version(NodeInformation(name, version)) is latest


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("tag:", "y", "InvalidFilterKey"),
        ("PingStatus", "online", "InvalidInstanceInformationFilterValue"),
        ("PlatformTypes", "BSD", "InvalidInstanceInformationFilterValue"),
        ("ResourceType", "Managed", "InvalidInstanceInformationFilterValue"),
        ("AssociationStatus", "Fine", "InvalidInstanceInformationFilterValue"),
        ("SourceTypes", "AWS::SSM::Node", "InvalidInstanceInformationFilterValue"),
        ("PlatformType", "Linux", "InvalidFilterKey"),
        ("tag", "x", "InvalidFilterKey"),
        ("InstanceIds", "web-1", "InvalidInstanceId"),
        ("InstanceIds", "mi-0123456789ABCDEF0", "InvalidInstanceId"),
        ("InstanceIds", "i-0123", "InvalidInstanceId"),
    ],
)
async def test_bad_node_filters(world: "World", key: str, value: str, code: str) -> None:
    with pytest.raises(ServiceError) as refused:
        await listed(world, (key, (value,)))
    assert refused.value.code == code


async def test_node_pages_are_full_and_walk_everything(world: "World") -> None:
    everything = sorted([await world.register() for _ in range(13)])
    seen: list[NodeId] = []
    token: str | None = None
    while True:
        wanted = DescribeNodesRequest(5, token, (("ResourceType", ("ManagedInstance",)),))
        page = await describe_instance_information(world.service, world.alice, wanted)
        seen += [view.node.node_id for view in page.items]
        if (token := page.next_token) is None:
            break
        assert len(page.items) == 5
        last = token
    assert seen == everything
    with pytest.raises(ServiceError) as refused:
        await describe_instance_information(world.service, world.alice, DescribeNodesRequest(5, last))
    assert refused.value.code == "InvalidNextToken"


async def test_pages_by_ping_status_are_full_whatever_lies_between(
    world: "World", monkeypatch: pytest.MonkeyPatch
) -> None:
    """More nodes than are looked at together, of which few are online."""
    monkeypatch.setattr(node_listing, "LOOKED_AT", 50)
    everything = sorted([await world.register() for _ in range(210)])
    online = everything[3::45]
    for node_id in online:
        await world.connect(node_id)
    seen: list[NodeId] = []
    token: str | None = None
    while True:
        wanted = DescribeNodesRequest(5, token, (("PingStatus", ("Online",)),))
        page = await describe_instance_information(world.service, world.alice, wanted)
        seen += [view.node.node_id for view in page.items]
        if (token := page.next_token) is None:
            break
        assert len(page.items) == 5
    assert seen == online


class _CountingBus(MemoryBus):
    """Counts what it is asked."""

    asked = 0

    async def request(self, subject: str, payload: bytes, *, timeout: float) -> bytes:
        self.asked += 1
        return await super().request(subject, payload, timeout=timeout)

    async def subscribed(self, subjects: Sequence[str], *, timeout: float) -> frozenset[str]:
        self.asked += 1
        return await super().subscribed(subjects, timeout=timeout)


@pytest.mark.parametrize("filters", [(), (("PingStatus", ("Online",)),), (("PingStatus", ("Inactive",)),)])
async def test_one_question_finds_out_who_is_online(
    world: "World", filters: tuple[tuple[str, tuple[str, ...]], ...]
) -> None:
    for _ in range(40):
        await world.register()
    bus = _CountingBus()
    service = replace(world.service, bus=bus)
    await describe_instance_information(service, world.alice, DescribeNodesRequest(50, None, filters))
    assert bus.asked == 1


async def test_a_call_looks_at_a_bounded_number_of_nodes(world: "World", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_listing, "LOOKED_AT", 10)
    monkeypatch.setattr(node_listing, "SCANNED", 20)
    everything = sorted([await world.register() for _ in range(70)])
    await world.connect(everything[-1])
    pages, token = 0, None
    while True:
        wanted = DescribeNodesRequest(5, token, (("PingStatus", ("Online",)),))
        page = await describe_instance_information(world.service, world.alice, wanted)
        pages, token = pages + 1, page.next_token
        if token is None:
            break
        assert page.items == ()
    assert [view.node.node_id for view in page.items] == everything[-1:]
    assert pages == 3


async def test_the_tag_name_names_a_node_and_takes_precedence(world: "World") -> None:
    node_id = await world.register()
    before = await name_of(world, node_id)
    await world.service.store.tags.put(ResourceType.NODE, node_id, {NAME_TAG: "bastion-1"})
    assert await name_of(world, node_id) == "bastion-1"
    await world.service.store.tags.put(ResourceType.NODE, node_id, {NAME_TAG: ""})
    assert await name_of(world, node_id) == before


async def name_of(world: "World", node_id: NodeId) -> str | None:
    page = await describe_instance_information(world.service, world.alice, DescribeNodesRequest())
    (name,) = [view.node.name for view in page.items if view.node.node_id == node_id]
    return name
