"""Activations and managed nodes, as people use them; `agents` has what agents call."""

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
from ferryman.model.identity.callers import Caller
from ferryman.model.values.timestamps import to_millis
from ferryman.server.operations.context import OperationContext, Operations, Parameters, Result
from ferryman.server.operations.parameters import filters, requested_tags
from ferryman.server.operations.results import as_datetime, tag_list


async def create_activation(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    """CreateActivation."""
    expires: datetime | None = parameters.get("ExpirationDate")
    request = CreateActivationRequest(
        iam_role=parameters["IamRole"],
        description=parameters.get("Description"),
        default_instance_name=parameters.get("DefaultInstanceName"),
        registration_limit=1 if parameters.get("RegistrationLimit") is None else parameters["RegistrationLimit"],
        expires_at=None if expires is None else to_millis(expires),
        tags=requested_tags(parameters, "ValidationException"),
    )
    ticket = await activations.create_activation(context.service, caller, request)
    return {"ActivationId": ticket.activation_id, "ActivationCode": ticket.activation_code.reveal()}


async def describe_activations(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    """DescribeActivations."""
    request = DescribeActivationsRequest(
        max_results=parameters.get("MaxResults"),
        next_token=parameters.get("NextToken"),
        filters=filters(parameters, "Filters", key="FilterKey", values="FilterValues"),
    )
    page = await activations.describe_activations(context.service, caller, request)
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
        "ExpirationDate": as_datetime(activation.expires_at),
        "Expired": view.expired,
        "CreatedDate": as_datetime(activation.created_at),
        "Tags": tag_list(view.tags),
    }


async def delete_activation(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    """DeleteActivation."""
    await activations.delete_activation(context.service, caller, parameters["ActivationId"])
    return {}


async def describe_instance_information(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    """DescribeInstanceInformation; AWS's model has an older and a newer list of filters."""
    if parameters.get("InstanceInformationFilterList") and parameters.get("Filters"):
        raise ServiceError("ValidationException", "Specify InstanceInformationFilterList or Filters, not both.")
    older = ((each["key"], tuple(each["valueSet"])) for each in parameters.get("InstanceInformationFilterList") or ())
    newer = ((each["Key"], tuple(each["Values"])) for each in parameters.get("Filters") or ())
    request = DescribeNodesRequest(
        max_results=parameters.get("MaxResults"), next_token=parameters.get("NextToken"), filters=(*older, *newer)
    )
    page = await node_listing.describe_instance_information(context.service, caller, request)
    return {"InstanceInformationList": [_node(item) for item in page.items], "NextToken": page.next_token}


def _node(view: NodeView) -> Result:
    node, information = view.node, view.node.information
    return {
        "InstanceId": node.node_id,
        "PingStatus": view.ping_status.value,
        "LastPingDateTime": as_datetime(node.last_ping_at),
        "AgentVersion": information.agent_version or None,
        "IsLatestVersion": view.is_latest_version,
        "PlatformType": information.platform_type or None,
        "PlatformName": information.platform_name or None,
        "PlatformVersion": information.platform_version or None,
        "ActivationId": node.activation_id,
        "IamRole": node.iam_role,
        "RegistrationDate": as_datetime(node.registered_at),
        "ResourceType": node_listing.RESOURCE_TYPE,
        "Name": node.name,
        "IPAddress": information.ip_address or None,
        "ComputerName": information.computer_name or None,
        "SourceId": node.node_id,
        "SourceType": node_listing.SOURCE_TYPE,
    }


async def update_managed_instance_role(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    """UpdateManagedInstanceRole."""
    await nodes.update_managed_instance_role(context.service, caller, parameters["InstanceId"], parameters["IamRole"])
    return {}


async def deregister_managed_instance(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    """DeregisterManagedInstance."""
    await nodes.deregister_managed_instance(context.service, caller, parameters["InstanceId"])
    return {}


OPERATIONS: Operations = {
    ("ssm", "CreateActivation"): create_activation,
    ("ssm", "DescribeActivations"): describe_activations,
    ("ssm", "DeleteActivation"): delete_activation,
    ("ssm", "DescribeInstanceInformation"): describe_instance_information,
    ("ssm", "DeregisterManagedInstance"): deregister_managed_instance,
    ("ssm", "UpdateManagedInstanceRole"): update_managed_instance_role,
}
