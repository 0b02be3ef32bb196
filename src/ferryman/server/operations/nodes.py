"""Activations and managed nodes, for people: AWS's spelling to ours and back."""

from datetime import datetime

from ferryman.core.nodes import actions as nodes
from ferryman.core.nodes import activations
from ferryman.core.nodes import listing as node_listing
from ferryman.core.nodes.requests import (
    ActivationView,
    CreateActivationRequest,
    DescribeActivationsRequest,
    DescribeNodesRequest,
    NodeView,
)
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis
from ferryman.model.identity.callers import Caller
from ferryman.server.operations.context import Operations, Parameters, Result, Surroundings, moment, tags_given


async def create_activation(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    """CreateActivation."""
    expires: datetime | None = given.get("ExpirationDate")
    request = CreateActivationRequest(
        iam_role=given["IamRole"],
        description=given.get("Description"),
        default_instance_name=given.get("DefaultInstanceName"),
        registration_limit=1 if given.get("RegistrationLimit") is None else given["RegistrationLimit"],
        expires_at=None if expires is None else Millis(int(expires.timestamp() * 1000)),
        tags=tags_given(given, "ValidationException"),
    )
    ticket = await activations.create_activation(here.service, caller, request)
    return {"ActivationId": ticket.activation_id, "ActivationCode": ticket.activation_code.reveal()}


async def describe_activations(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    """DescribeActivations."""
    request = DescribeActivationsRequest(
        max_results=given.get("MaxResults"),
        next_token=given.get("NextToken"),
        filters=tuple(
            (each.get("FilterKey") or "", tuple(each.get("FilterValues") or ())) for each in given.get("Filters") or ()
        ),
    )
    page = await activations.describe_activations(here.service, caller, request)
    return {"ActivationList": [_activation(item) for item in page.items], "NextToken": page.next_token}


def _activation(view: ActivationView) -> Result:
    activation = view.activation
    return {
        "ActivationId": activation.activation_id,
        "Description": activation.description,
        "DefaultInstanceName": activation.default_node_name,
        "IamRole": activation.iam_role,
        "RegistrationLimit": activation.registration_limit,
        "RegistrationsCount": activation.registrations,
        "ExpirationDate": moment(activation.expires_at),
        "Expired": view.expired,
        "CreatedDate": moment(activation.created_at),
        "Tags": [{"Key": key, "Value": value} for key, value in view.tags.items()],
    }


async def delete_activation(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    """DeleteActivation."""
    await activations.delete_activation(here.service, caller, given["ActivationId"])
    return {}


async def describe_instance_information(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    """DescribeInstanceInformation, with filters in its older list or in its newer one, as AWS's model has it."""
    if given.get("InstanceInformationFilterList") and given.get("Filters"):
        raise ServiceError("ValidationException", "Give InstanceInformationFilterList or Filters, not both.")
    older = ((each["key"], tuple(each["valueSet"])) for each in given.get("InstanceInformationFilterList") or ())
    newer = ((each["Key"], tuple(each["Values"])) for each in given.get("Filters") or ())
    request = DescribeNodesRequest(
        max_results=given.get("MaxResults"), next_token=given.get("NextToken"), filters=(*older, *newer)
    )
    page = await node_listing.describe_instance_information(here.service, caller, request)
    return {"InstanceInformationList": [_node(item) for item in page.items], "NextToken": page.next_token}


def _node(view: NodeView) -> Result:
    node, information = view.node, view.node.information
    return {
        "InstanceId": node.node_id,
        "PingStatus": view.ping_status.value,
        "LastPingDateTime": moment(node.last_ping_at),
        "AgentVersion": information.agent_version or None,
        "IsLatestVersion": view.is_latest_version,
        "PlatformType": information.platform_type or None,
        "PlatformName": information.platform_name or None,
        "PlatformVersion": information.platform_version or None,
        "ActivationId": node.activation_id,
        "IamRole": node.iam_role,
        "RegistrationDate": moment(node.registered_at),
        "ResourceType": node_listing.RESOURCE_TYPE,
        "Name": node.name,
        "IPAddress": information.ip_address or None,
        "ComputerName": information.computer_name or None,
        "SourceId": node.node_id,
        "SourceType": node_listing.SOURCE_TYPE,
    }


async def update_managed_instance_role(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    """UpdateManagedInstanceRole."""
    await nodes.update_managed_instance_role(here.service, caller, given["InstanceId"], given["IamRole"])
    return {}


async def deregister_managed_instance(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    """DeregisterManagedInstance."""
    await nodes.deregister_managed_instance(here.service, caller, given["InstanceId"])
    return {}


OPERATIONS: Operations = {
    ("ssm", "CreateActivation"): create_activation,
    ("ssm", "DescribeActivations"): describe_activations,
    ("ssm", "DeleteActivation"): delete_activation,
    ("ssm", "DescribeInstanceInformation"): describe_instance_information,
    ("ssm", "DeregisterManagedInstance"): deregister_managed_instance,
    ("ssm", "UpdateManagedInstanceRole"): update_managed_instance_role,
}
