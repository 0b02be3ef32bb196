"""Operations that agents call for their node: registration, credentials, keys, information and channels."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from ferryman.core.authorization.admission import SessionOver, admit_agent
from ferryman.core.authorization.decisions import require
from ferryman.core.channel_tokens import Channel, issue_channel_token
from ferryman.core.nodes import actions as nodes
from ferryman.core.nodes.requests import RegisterNodeRequest
from ferryman.core.service import Service
from ferryman.model.identifiers import NodeId, SessionId
from ferryman.model.identity.callers import Caller
from ferryman.model.nodes import ManagedNode, NodeInformation
from ferryman.model.values.secret import Secret
from ferryman.server.operations.context import (
    Key,
    NodeOperation,
    OperationContext,
    Operations,
    Parameters,
    Result,
    UnsignedOperation,
)
from ferryman.server.operations.results import credentials_result
from ferryman.wire.opening import MESSAGE_SCHEMA_VERSION


async def _register_managed_instance(context: OperationContext, parameters: Parameters) -> Result:
    request = RegisterNodeRequest(
        activation_id=parameters["ActivationId"],
        activation_code=Secret(parameters["ActivationCode"]),
        public_key=parameters["PublicKey"],
        public_key_type=parameters.get("PublicKeyType") or "Rsa",
        fingerprint=parameters["Fingerprint"],
    )
    return {"InstanceId": await nodes.register_managed_instance(context.service, request)}


async def _request_role_token(context: OperationContext, node: ManagedNode, parameters: Parameters) -> Result:
    token = await nodes.request_role_token(context.service, node, parameters["Fingerprint"])
    return {
        **credentials_result(token.credentials, token.expires_at, "TokenExpirationDate"),
        "UpdateKeyPair": token.update_key_pair,
    }


async def _update_public_key(context: OperationContext, node: ManagedNode, parameters: Parameters) -> Result:
    key_type = parameters.get("NewPublicKeyType") or "Rsa"
    await nodes.update_public_key(context.service, node, parameters["NewPublicKey"], key_type)
    return {}


async def _update_instance_information(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    information = NodeInformation(
        agent_name=parameters.get("AgentName") or "",
        agent_version=parameters.get("AgentVersion") or "",
        platform_type=parameters.get("PlatformType") or "",
        platform_name=parameters.get("PlatformName") or "",
        platform_version=parameters.get("PlatformVersion") or "",
        computer_name=parameters.get("ComputerName") or "",
        ip_address=parameters.get("IPAddress") or "",
    )
    await nodes.update_information(context.service, caller, parameters["InstanceId"], information)
    return {}


async def _list_instance_associations(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    require(context.service, caller, "ssm:ListInstanceAssociations", _arn_of(context.service, parameters["InstanceId"]))
    return {"Associations": []}


async def _get_messages(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    """GetMessages: never has any, because tasks go over the control channel. It is held open so that agents do not poll
    without a pause."""
    require(context.service, caller, "ec2messages:GetMessages", _arn_of(context.service, parameters["Destination"]))
    with suppress(TimeoutError):
        async with asyncio.timeout(context.gateway.timeouts.poll):
            await context.gateway.closing.wait()
    return {
        "Destination": parameters["Destination"],
        "Messages": [],
        "MessagesRequestId": parameters.get("MessagesRequestId"),
    }


async def _create_control_channel(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    node_id = parameters["ChannelId"]
    require(context.service, caller, "ssmmessages:CreateControlChannel", _arn_of(context.service, node_id))
    context.gateway.contention.check(NodeId(node_id), context.service.clock())
    return _channel(issue_channel_token(context.service, caller, Channel.CONTROL, node_id))


async def _create_data_channel(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    session_id = SessionId(parameters["ChannelId"])
    # An ended session gets its channel, too, and learns there that it ended: after an error here, the agent would leave
    # the shell running (`protocol/agent.md` §4.8).
    with suppress(SessionOver):
        await admit_agent(context.service, caller, session_id)
    if caller.node_id is not None:
        await context.gateway.session_started(caller.node_id, session_id)
    return _channel(issue_channel_token(context.service, caller, Channel.DATA, session_id))


def _channel(token: Secret) -> Result:
    return {"MessageSchemaVersion": MESSAGE_SCHEMA_VERSION, "TokenValue": token.reveal()}


def _arn_of(service: Service, node_id: str) -> str:
    return service.arns.node(NodeId(node_id))


OPERATIONS: Operations = {
    ("ssm", "UpdateInstanceInformation"): _update_instance_information,
    ("ssm", "ListInstanceAssociations"): _list_instance_associations,
    ("ec2messages", "GetMessages"): _get_messages,
    ("ssmmessages", "CreateControlChannel"): _create_control_channel,
    ("ssmmessages", "CreateDataChannel"): _create_data_channel,
}

OPERATIONS_BY_NODE_KEY: Mapping[Key, NodeOperation] = {
    ("ssm", "RequestManagedInstanceRoleToken"): _request_role_token,
    ("ssm", "UpdateManagedInstancePublicKey"): _update_public_key,
}
OPERATIONS_UNSIGNED: Mapping[Key, UnsignedOperation] = {
    ("ssm", "RegisterManagedInstance"): _register_managed_instance,
}
