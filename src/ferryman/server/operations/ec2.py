"""Operations of EC2 and EC2 Instance Connect, which show managed nodes as instances."""

import asyncio
import uuid

from ferryman.core.nodes import ssh_keys
from ferryman.core.nodes.instances import (
    PLATFORM_DETAILS,
    STATE_CODES,
    WINDOWS,
    DescribeInstancesRequest,
    InstanceView,
    describe_instances,
)
from ferryman.core.nodes.ssh_keys import SendSshPublicKeyRequest
from ferryman.core.service import Service
from ferryman.model.identity.callers import Caller
from ferryman.server.operations.context import OperationContext, Operations, Parameters, Result
from ferryman.server.operations.parameters import filters
from ferryman.server.operations.results import as_datetime, tag_list

AVAILABILITY_ZONE_SUFFIX = "a"
"""All instances are in one zone; clients require one and pass it on to SendSSHPublicKey."""
_INSTANCES_PER_TURN = 100
"""Instances written before other calls get a turn."""


async def list_instances(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    """DescribeInstances: each node in a reservation of its own."""
    request = DescribeInstancesRequest(
        instance_ids=tuple(parameters.get("InstanceIds") or ()),
        filters=filters(parameters, "Filters", key="Name"),
        max_results=parameters.get("MaxResults"),
        next_token=parameters.get("NextToken"),
        dry_run=parameters.get("DryRun") or False,
    )
    page = await describe_instances(context.service, caller, request)
    reservations = []
    for place, item in enumerate(page.items):
        if place % _INSTANCES_PER_TURN == 0:
            await asyncio.sleep(0)
        reservations.append(_reservation(context.service, item))
    return {"Reservations": reservations, "NextToken": page.next_token}


async def send_ssh_public_key(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    """SendSSHPublicKey of EC2 Instance Connect; the zone is ignored because nodes are in none."""
    request = SendSshPublicKeyRequest(
        parameters["InstanceId"], parameters["InstanceOSUser"], parameters["SSHPublicKey"]
    )
    await ssh_keys.send_ssh_public_key(context.service, caller, request)
    return {"RequestId": str(uuid.UUID(bytes=context.service.entropy(16), version=4)), "Success": True}


def _reservation(service: Service, item: InstanceView) -> Result:
    return {
        "ReservationId": f"r-{item.view.node.node_id.rpartition('-')[2]}",
        "OwnerId": service.settings.account_id,
        "Groups": [],
        "Instances": [_instance(service, item)],
    }


def _instance(service: Service, item: InstanceView) -> Result:
    node, information = item.view.node, item.view.node.information
    return {
        "InstanceId": node.node_id,
        "State": {"Code": STATE_CODES[item.state], "Name": item.state},
        "PrivateDnsName": information.computer_name,
        "PrivateIpAddress": information.ip_address or None,
        "PublicDnsName": "",
        "LaunchTime": as_datetime(node.registered_at),
        "Placement": {"AvailabilityZone": service.settings.region + AVAILABILITY_ZONE_SUFFIX, "Tenancy": "default"},
        "Platform": "windows" if information.platform_type == WINDOWS else None,
        "PlatformDetails": PLATFORM_DETAILS.get(information.platform_type),
        "Tags": tag_list(item.tags),
    }


OPERATIONS: Operations = {
    ("ec2", "DescribeInstances"): list_instances,
    ("ec2-instance-connect", "SendSSHPublicKey"): send_ssh_public_key,
}
