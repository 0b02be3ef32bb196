"""EC2's operations and those of EC2 Instance Connect: managed nodes as instances."""

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
from ferryman.server.operations.context import OperationContext, Operations, Parameters, Result, as_datetime

AVAILABILITY_ZONE_SUFFIX = "a"
"""Every instance is in one zone: clients want one, and hand it on to SendSSHPublicKey."""
_AT_ONCE = 100
"""Instances written before other calls have a turn."""


async def list_instances(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    """DescribeInstances: each node in a reservation of its own."""
    request = DescribeInstancesRequest(
        instance_ids=tuple(parameters.get("InstanceIds") or ()),
        filters=tuple(
            (each.get("Name") or "", tuple(each.get("Values") or ())) for each in parameters.get("Filters") or ()
        ),
        max_results=parameters.get("MaxResults"),
        next_token=parameters.get("NextToken"),
        dry_run=parameters.get("DryRun") or False,
    )
    page = await describe_instances(context.service, caller, request)
    reservations = []
    for place, item in enumerate(page.items):
        if place % _AT_ONCE == 0:
            await asyncio.sleep(0)
        reservations.append(_reservation(context.service, item))
    return {"Reservations": reservations, "NextToken": page.next_token}


async def send_ssh_public_key(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    """SendSSHPublicKey, of EC2 Instance Connect; a node is in no zone, so the request's is not looked at."""
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
        "Tags": [{"Key": key, "Value": value} for key, value in item.tags.items()],
    }


OPERATIONS: Operations = {
    ("ec2", "DescribeInstances"): list_instances,
    ("ec2-instance-connect", "SendSSHPublicKey"): send_ssh_public_key,
}
