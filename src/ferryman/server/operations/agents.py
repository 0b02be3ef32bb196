"""Operations that agents call for their node: register, credentials, keys, information, channels."""

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
from ferryman.model.secret import Secret
from ferryman.server.operations.context import (
    Key,
    NodeOperation,
    Operations,
    Parameters,
    Result,
    Surroundings,
    UnsignedOperation,
    moment,
)
from ferryman.wire.opening import MESSAGE_SCHEMA_VERSION


async def _register_managed_instance(here: Surroundings, given: Parameters) -> Result:
    request = RegisterNodeRequest(
        activation_id=given["ActivationId"],
        activation_code=Secret(given["ActivationCode"]),
        public_key=given["PublicKey"],
        public_key_type=given.get("PublicKeyType") or "Rsa",
        fingerprint=given["Fingerprint"],
    )
    return {"InstanceId": await nodes.register_managed_instance(here.service, request)}


async def _request_role_token(here: Surroundings, node: ManagedNode, given: Parameters) -> Result:
    token = await nodes.request_role_token(here.service, node, given["Fingerprint"])
    session_token = token.credentials.session_token
    return {
        "AccessKeyId": token.credentials.access_key_id,
        "SecretAccessKey": token.credentials.secret_access_key.reveal(),
        "SessionToken": None if session_token is None else session_token.reveal(),
        "TokenExpirationDate": moment(token.expires_at),
        "UpdateKeyPair": token.update_key_pair,
    }


async def _update_public_key(here: Surroundings, node: ManagedNode, given: Parameters) -> Result:
    key_type = given.get("NewPublicKeyType") or "Rsa"
    await nodes.update_public_key(here.service, node, given["NewPublicKey"], key_type)
    return {}


async def _update_instance_information(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    information = NodeInformation(
        agent_name=given.get("AgentName") or "",
        agent_version=given.get("AgentVersion") or "",
        platform_type=given.get("PlatformType") or "",
        platform_name=given.get("PlatformName") or "",
        platform_version=given.get("PlatformVersion") or "",
        computer_name=given.get("ComputerName") or "",
        ip_address=given.get("IPAddress") or "",
    )
    await nodes.update_information(here.service, caller, given["InstanceId"], information)
    return {}


async def _list_instance_associations(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    require(here.service, caller, "ssm:ListInstanceAssociations", _arn_of(here.service, given["InstanceId"]))
    return {"Associations": []}


async def _get_messages(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    """Nothing ever waits here: tasks go over the control channel. The poll is held so that agents do not spin."""
    require(here.service, caller, "ec2messages:GetMessages", _arn_of(here.service, given["Destination"]))
    with suppress(TimeoutError):
        async with asyncio.timeout(here.gateway.timing.poll):
            await here.gateway.closing.wait()
    return {
        "Destination": given["Destination"],
        "Messages": [],
        "MessagesRequestId": given.get("MessagesRequestId"),
    }


async def _create_control_channel(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    node_id = given["ChannelId"]
    require(here.service, caller, "ssmmessages:CreateControlChannel", _arn_of(here.service, node_id))
    here.gateway.contention.check(NodeId(node_id), here.service.clock())
    return _channel(issue_channel_token(here.service, caller, Channel.CONTROL, node_id))


async def _create_data_channel(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    session_id = SessionId(given["ChannelId"])
    # An ended session gets its channel, too, and is told there: an error here would leave the shell behind
    # (`protocol/agent.md` §4.8).
    with suppress(SessionOver):
        await admit_agent(here.service, caller, session_id)
    if caller.node_id is not None:
        here.gateway.session_started(caller.node_id, session_id)
    return _channel(issue_channel_token(here.service, caller, Channel.DATA, session_id))


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
