"""DescribeInstances, GetInventory and GetResources through botocore, against a real server."""

import asyncio
import sqlite3
from contextlib import closing
from typing import Any

from ferryman.model.nodes import NodeInformation
from ferryman.model.tags import ResourceType
from tests.server.running import Server


async def paged(client: Any, operation: str, **parameters: Any) -> list[dict[str, Any]]:
    return await asyncio.to_thread(lambda: list(client.get_paginator(operation).paginate(**parameters)))


async def test_tagged_node_appears_in_every_listing(server: Server) -> None:
    node = await server.register()
    await node.control()
    information = NodeInformation("agent", "1", "Linux", computer_name="web-1", ip_address="192.0.2.1")
    await server.store.nodes.update_information(node.node_id, information, server.clock())
    await server.store.tags.put(ResourceType.NODE, node.node_id, {"Name": "web", "env": "prod"})
    filters = [{"Name": "tag:Name", "Values": ["w*"]}, {"Name": "instance-state-name", "Values": ["running"]}]
    (page,) = await paged(server.client("ec2"), "describe_instances", Filters=filters)
    (instance,) = page["Reservations"][0]["Instances"]
    assert instance["InstanceId"] == node.node_id
    assert instance["State"] == {"Code": 16, "Name": "running"}
    assert instance["PrivateIpAddress"] == "192.0.2.1"
    assert instance["PrivateDnsName"] == "web-1"
    assert instance["Placement"]["AvailabilityZone"] == "test-1a"
    assert instance["Tags"] == [{"Key": "Name", "Value": "web"}, {"Key": "env", "Value": "prod"}]
    assert "Platform" not in instance

    filters = [{"Key": "AWS:InstanceInformation.InstanceStatus", "Values": ["Stopped"], "Type": "NotEqual"}]
    (page,) = await paged(server.client("ssm"), "get_inventory", Filters=filters)
    item = page["Entities"][0]["Data"]["AWS:InstanceInformation"]
    assert item["Content"][0]["ComputerName"] == "web-1"
    assert item["CaptureTime"].endswith("Z")

    (page,) = await paged(server.client("tagging"), "get_resources", TagFilters=[{"Key": "env", "Values": ["prod"]}])
    (mapping,) = page["ResourceTagMappingList"]
    assert mapping["ResourceARN"].endswith(f":managed-instance/{node.node_id}")
    assert mapping["Tags"] == [{"Key": "Name", "Value": "web"}, {"Key": "env", "Value": "prod"}]

    aliases = await asyncio.to_thread(server.client("iam").list_account_aliases)
    assert aliases["AccountAliases"] == []


async def test_a_page_of_a_thousand_instances_does_not_hold_the_event_loop(server: Server, database_url: str) -> None:
    """The stall guard fails this if it does: the answer is 2 MB of XML."""
    first = await server.register()
    with closing(sqlite3.connect(database_url.removeprefix("sqlite:///"))) as store, store:
        store.execute("CREATE TEMP TABLE copies AS SELECT * FROM nodes WHERE node_id = ?", (first.node_id,))
        ids = [f"mi-{place:017x}" for place in range(1000)]
        for node_id in ids:
            store.execute("UPDATE copies SET node_id = ?", (node_id,))
            store.execute("INSERT INTO nodes SELECT * FROM copies")
        tags = [("ManagedInstance", node_id, f"key-{place}", "value") for node_id in ids for place in range(20)]
        store.executemany("INSERT INTO tags (resource_type, resource_id, key, value) VALUES (?, ?, ?, ?)", tags)
    answer = await asyncio.to_thread(server.client("ec2").describe_instances)
    assert len(answer["Reservations"]) == 1000
    assert len(answer["Reservations"][0]["Instances"][0]["Tags"]) == 20
    assert answer["NextToken"]
