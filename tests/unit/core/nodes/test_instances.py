"""DescribeInstances: nodes as instances, filters with wildcards, pages."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ferryman.core.nodes import actions as nodes
from ferryman.core.nodes import fleet
from ferryman.core.nodes.instances import DescribeInstancesRequest, InstanceView, describe_instances
from ferryman.core.ports.nodes import NodeQuery
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import NodeId
from ferryman.model.nodes import ManagedNode, NodeInformation
from ferryman.model.tags import ResourceType
from tests.stall_guard import scale

if TYPE_CHECKING:
    from tests.unit.core.conftest import World

LINUX = NodeInformation("agent", "1.0.0.0", "Linux", computer_name="web-1.example", ip_address="192.0.2.1")
WINDOWS = NodeInformation("agent", "1.0.0.0", "Windows", computer_name="win-1", ip_address="192.0.2.2")


async def found(world: "World", *filters: tuple[str, tuple[str, ...]], ids: tuple[str, ...] = ()) -> set[NodeId]:
    request = DescribeInstancesRequest(instance_ids=ids, filters=filters)
    page = await describe_instances(world.service, world.alice, request)
    assert page.next_token is None
    return {item.view.node.node_id for item in page.items}


async def named(world: "World", name: str | None, information: NodeInformation, **tags: str) -> NodeId:
    node_id = await world.register()
    await nodes.update_information(world.service, world.node_caller(node_id), node_id, information)
    if name is not None:
        node = await world.store.nodes.get(node_id)
        assert node is not None
        await world.store.nodes.remove(node_id)
        await world.store.nodes.add(replace(node, name=name))
    if tags:
        await world.store.tags.put(ResourceType.NODE, node_id, tags)
    return node_id


async def items(world: "World") -> dict[NodeId, InstanceView]:
    page = await describe_instances(world.service, world.alice, DescribeInstancesRequest())
    return {item.view.node.node_id: item for item in page.items}


async def refusal(world: "World", request: DescribeInstancesRequest) -> tuple[str, str]:
    with pytest.raises(ServiceError) as refused:
        await describe_instances(world.service, world.alice, request)
    return refused.value.code, refused.value.message


async def test_a_connected_node_runs_and_any_other_is_stopped(world: "World") -> None:
    away, online = await world.register(), await world.node()
    assert {node_id: item.state for node_id, item in (await items(world)).items()} == {
        away: "stopped",
        online: "running",
    }
    for name, values, expected in (
        ("instance-state-name", ("running",), {online}),
        ("instance-state-name", ("stopped", "pending"), {away}),
        ("instance-state-name", ("terminated",), set()),
        ("instance-state-name", ("*ing",), {online}),
        ("instance-state-code", ("16",), {online}),
        ("instance-state-code", ("80",), {away}),
    ):
        assert await found(world, (name, values)) == expected, (name, values)
    assert await found(world, ("instance-state-name", ("running",)), ("instance-state-code", ("80",))) == set()


async def test_filters(world: "World") -> None:
    web = await named(world, None, LINUX, Name="web-1", env="prod")
    win = await named(world, "win [1]", WINDOWS)
    both = {web, win}
    for name, values, expected in (
        ("instance-id", (web, "i-0123456789abcdef0"), {web}),
        ("private-ip-address", ("192.0.2.2",), {win}),
        ("private-ip-address", ("192.0.2.*",), both),
        ("network-interface.addresses.private-ip-address", ("192.0.2.1",), {web}),
        ("private-dns-name", ("web-?.example",), {web}),
        ("platform", ("windows",), {win}),
        ("platform", ("linux",), set()),
        ("platform-details", ("Linux/UNIX",), {web}),
        ("platform-details", ("Windows*",), {win}),
        ("owner-id", ("123456789012",), both),
        ("owner-id", ("999999999999",), set()),
        ("tag:env", ("prod", "test"), {web}),
        ("tag:env", ("pro?",), {web}),
        ("tag:env", ("Prod",), set()),
        ("tag-key", ("env",), {web}),
        ("tag-key", ("e*",), {web}),
        ("tag-key", ("Name",), both),
        ("tag-key", ("N*",), both),
        ("tag:Name", ("web-1",), {web}),
        ("tag:Name", ("w*",), both),
        ("tag:Name", ("win [1]",), {win}),
        ("tag:Name", ("win [*",), {win}),
        ("tag:Name", ("win [[]1]",), set()),
        ("tag:Name", (r"web\*",), set()),
        ("tag:Name", (r"web\-1",), {web}),
        ("vpc-id", ("vpc-1",), set()),
        ("dns-name", ("web-1.example",), set()),
        ("network-interface.vpc-id", ("vpc-1",), set()),
    ):
        assert await found(world, (name, values)) == expected, (name, values)
    assert await found(world, ("tag:env", ("prod",)), ("platform", ("windows",))) == set()
    assert await found(world, ids=(win,)) == {win}
    assert await found(world, ("tag:env", ("prod",)), ids=(win,)) == set()


async def test_a_node_has_its_name_as_a_tag_unless_it_has_such_a_tag(world: "World") -> None:
    tagged = await named(world, "by itself", LINUX, Name="by a tag")
    plain = await named(world, "by itself", LINUX, env="prod")
    listed = await items(world)
    assert listed[tagged].tags == {"Name": "by a tag"}
    assert listed[plain].tags == {"Name": "by itself", "env": "prod"}
    assert await found(world, ("tag:Name", ("by itself",))) == {plain}


async def test_what_ec2_refuses(world: "World") -> None:
    node_id = await world.node()
    gone = "mi-00000000000000000"
    for request, code, message in (
        (DescribeInstancesRequest((gone, node_id)), "InvalidInstanceID.NotFound", f"The instance ID '{gone}' does not"),
        (
            DescribeInstancesRequest((gone, "i-00000000")),
            "InvalidInstanceID.NotFound",
            f"The instance IDs '{gone}, i-00000000' do not exist",
        ),
        (DescribeInstancesRequest(("web",)), "InvalidInstanceID.Malformed", 'Invalid id: "web"'),
        (DescribeInstancesRequest(filters=(("colour", ("red",)),)), "InvalidParameterValue", "The filter 'colour' is"),
        (DescribeInstancesRequest(filters=(("tag:", ("red",)),)), "InvalidParameterValue", "The filter 'tag:' is"),
        (DescribeInstancesRequest(max_results=4), "InvalidParameterValue", "Value ( 4 ) for parameter maxResults"),
        (DescribeInstancesRequest(max_results=1001), "InvalidParameterValue", "Value ( 1001 ) for parameter"),
        (DescribeInstancesRequest(dry_run=True), "DryRunOperation", "Request would have succeeded"),
        (DescribeInstancesRequest(next_token="x"), "InvalidParameterValue", "The specified token is not valid"),
        (
            DescribeInstancesRequest(filters=(("tag:a", ("*",) * 6), ("tag:b", ("*",) * 5))),
            "InvalidParameterValue",
            "A request may have at most 10 filter values with wildcards.",
        ),
    ):
        refused_as, words = await refusal(world, request)
        assert refused_as == code
        assert words.startswith(message), words


async def test_pages_hold_every_node_once(world: "World") -> None:
    everything = {await world.register() for _ in range(12)}
    seen: list[NodeId] = []
    token: str | None = None
    sizes = []
    while True:
        request = DescribeInstancesRequest(max_results=5, next_token=token)
        page = await describe_instances(world.service, world.alice, request)
        seen += [item.view.node.node_id for item in page.items]
        sizes.append(len(page.items))
        token = page.next_token
        if token is None:
            break
    assert sizes == [5, 5, 2]
    assert seen == sorted(everything)


async def test_a_call_reads_a_bounded_number_of_nodes(world: "World", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet, "MOST_READ", 4)
    monkeypatch.setattr(fleet, "BATCH", 2)
    ids = sorted([await world.register() for _ in range(7)])
    await world.connect(ids[-1])
    running = (("instance-state-name", ("running",)),)
    first = await describe_instances(world.service, world.alice, DescribeInstancesRequest(filters=running))
    assert first.items == ()
    assert first.next_token is not None
    request = DescribeInstancesRequest(filters=running, next_token=first.next_token)
    second = await describe_instances(world.service, world.alice, request)
    assert [item.view.node.node_id for item in second.items] == [ids[-1]]
    assert second.next_token is None


async def test_small_pages_of_few_matches_read_more_nodes_each_time(
    world: "World", monkeypatch: pytest.MonkeyPatch
) -> None:
    node = await world.store.nodes.get(await world.register())
    assert node is not None
    for place in range(30):
        await world.store.nodes.add(numbered(node, place, "web"))
    read, asked = world.store.nodes.page, []

    async def page(query: NodeQuery, after: NodeId | None, limit: int) -> Sequence[ManagedNode]:
        asked.append(limit)
        return await read(query, after, limit)

    monkeypatch.setattr(world.store.nodes, "page", page)
    running = (("instance-state-name", ("running",)),)
    request = DescribeInstancesRequest(filters=running, max_results=5)
    assert (await describe_instances(world.service, world.alice, request)).next_token is None
    assert asked == [6, 12, 24]


async def test_wildcards_that_nearly_match_are_not_costly(world: "World") -> None:
    node_id = await world.register()
    node = await world.store.nodes.get(node_id)
    assert node is not None
    await world.store.nodes.remove(node_id)
    for place in range(300):
        await world.store.nodes.add(numbered(node, place, "a" * 250))
    began = time.process_time()
    assert await found(world, ("tag:Name", ("a*" * 120 + "b",) * 10)) == set()
    assert await found(world, ("owner-id", ("1*" * 120 + "b",) * 10)) == set()
    assert time.process_time() - began < 2 * scale()


def numbered(node: ManagedNode, place: int, name: str) -> ManagedNode:
    return replace(node, node_id=NodeId(f"mi-{place:017x}"), name=name)


async def test_a_caller_without_a_policy_is_refused(world: "World") -> None:
    nobody = replace(world.alice, policies=())
    with pytest.raises(ServiceError, match=r"is not authorized to perform: ec2:DescribeInstances on resource: \*"):
        await describe_instances(world.service, nobody, DescribeInstancesRequest(dry_run=True))
