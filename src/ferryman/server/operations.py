"""Which use case answers which operation, and the one place that maps AWS's spelling to ours and back."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from ferryman.core import nodes, session_listing, sessions
from ferryman.core.authorization import SessionOver, admit_agent, require
from ferryman.core.channel_tokens import Channel, issue_channel_token
from ferryman.core.requests import (
    DescribeSessionsRequest,
    RegisterNodeRequest,
    SessionTicket,
    StartSessionRequest,
)
from ferryman.core.service import Service
from ferryman.model.callers import Caller, node_arn
from ferryman.model.identifiers import NodeId, SessionId
from ferryman.model.nodes import ManagedNode, NodeInformation
from ferryman.model.secret import Secret
from ferryman.model.sessions import Session, SessionState
from ferryman.server import (
    access_operations,
    document_operations,
    ec2_operations,
    iam_absent_operations,
    iam_account_operations,
    iam_group_operations,
    iam_held_operations,
    iam_policy_operations,
    iam_provider_operations,
    iam_role_operations,
    iam_simulation_operations,
    iam_user_operations,
    inventory_operations,
    node_operations,
    sts_operations,
)
from ferryman.server.surroundings import Operation, Parameters, Result, Surroundings, moment
from ferryman.wire.opening import MESSAGE_SCHEMA_VERSION

# Sessions


async def _start_session(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    request = StartSessionRequest(
        target=given["Target"],
        document_name=given.get("DocumentName"),
        reason=given.get("Reason"),
        parameters={name: tuple(values) for name, values in (given.get("Parameters") or {}).items()},
    )
    return _ticket(await sessions.start_session(here.service, caller, request))


async def _resume_session(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    return _ticket(await sessions.resume_session(here.service, caller, SessionId(given["SessionId"])))


def _ticket(ticket: SessionTicket) -> Result:
    return {
        "SessionId": ticket.session_id,
        "TokenValue": ticket.token_value.reveal(),
        "StreamUrl": ticket.stream_url,
    }


async def _terminate_session(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    return {"SessionId": await sessions.terminate_session(here.service, caller, SessionId(given["SessionId"]))}


async def _get_connection_status(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    status = await sessions.get_connection_status(here.service, caller, given["Target"])
    return {"Target": given["Target"], "Status": status.value}


async def _describe_sessions(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    request = DescribeSessionsRequest(
        state=SessionState(given["State"]),
        max_results=given.get("MaxResults"),
        next_token=given.get("NextToken"),
        filters=tuple((each["key"], each["value"]) for each in given.get("Filters") or ()),
    )
    page = await session_listing.describe_sessions(here.service, caller, request)
    return {"Sessions": [_session(item) for item in page.items], "NextToken": page.next_token}


def _session(session: Session) -> Result:
    return {
        "SessionId": session.session_id,
        "Target": session.target,
        "Status": session.status.value,
        "StartDate": moment(session.started_at),
        "EndDate": moment(session.ended_at),
        "DocumentName": session.document_name,
        "Owner": session.owner,
        "Reason": session.reason,
        "Details": session.details,
        "OutputUrl": {},
        "MaxSessionDuration": None if session.max_duration is None else str(session.max_duration),
        "AccessType": session.access_type.value,
    }


# Nodes, for their agents


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
    return node_arn(service.settings.account_id, service.settings.region, NodeId(node_id))


Key = tuple[str, str]
"""Service and operation."""

BY_CALLER: Mapping[Key, Operation] = {
    ("ssm", "StartSession"): _start_session,
    ("ssm", "ResumeSession"): _resume_session,
    ("ssm", "TerminateSession"): _terminate_session,
    ("ssm", "DescribeSessions"): _describe_sessions,
    ("ssm", "GetConnectionStatus"): _get_connection_status,
    ("ssm", "CreateActivation"): node_operations.create_activation,
    ("ssm", "DescribeActivations"): node_operations.describe_activations,
    ("ssm", "DeleteActivation"): node_operations.delete_activation,
    ("ssm", "DescribeInstanceInformation"): node_operations.describe_instance_information,
    ("ssm", "DeregisterManagedInstance"): node_operations.deregister_managed_instance,
    ("ssm", "UpdateManagedInstanceRole"): node_operations.update_managed_instance_role,
    ("ssm", "CreateDocument"): document_operations.create_document,
    ("ssm", "GetDocument"): document_operations.get_document,
    ("ssm", "DescribeDocument"): document_operations.describe_document,
    ("ssm", "DescribeDocumentPermission"): document_operations.describe_document_permission,
    ("ssm", "ListDocuments"): document_operations.list_documents,
    ("ssm", "ListDocumentVersions"): document_operations.list_document_versions,
    ("ssm", "UpdateDocument"): document_operations.update_document,
    ("ssm", "UpdateDocumentDefaultVersion"): document_operations.update_document_default_version,
    ("ssm", "DeleteDocument"): document_operations.delete_document,
    ("ssm", "AddTagsToResource"): document_operations.add_tags_to_resource,
    ("ssm", "ListTagsForResource"): document_operations.list_tags_for_resource,
    ("ssm", "RemoveTagsFromResource"): document_operations.remove_tags_from_resource,
    ("ssm", "StartAccessRequest"): access_operations.start_access_request,
    ("ssm", "GetAccessToken"): access_operations.get_access_token,
    ("ssm", "SendAutomationSignal"): access_operations.send_automation_signal,
    ("ssm", "GetOpsItem"): access_operations.get_ops_item,
    ("ssm", "DescribeOpsItems"): access_operations.describe_ops_items,
    ("ssm", "UpdateInstanceInformation"): _update_instance_information,
    ("ssm", "ListInstanceAssociations"): _list_instance_associations,
    ("ec2messages", "GetMessages"): _get_messages,
    ("ssmmessages", "CreateControlChannel"): _create_control_channel,
    ("ssmmessages", "CreateDataChannel"): _create_data_channel,
    **{("iam", name): operation for name, operation in iam_user_operations.OPERATIONS.items()},
    **{("iam", name): operation for name, operation in iam_absent_operations.OPERATIONS.items()},
    **{("iam", name): operation for name, operation in iam_account_operations.OPERATIONS.items()},
    **{("iam", name): operation for name, operation in iam_group_operations.OPERATIONS.items()},
    **{("iam", name): operation for name, operation in iam_held_operations.OPERATIONS.items()},
    **{("iam", name): operation for name, operation in iam_policy_operations.OPERATIONS.items()},
    **{("iam", name): operation for name, operation in iam_simulation_operations.OPERATIONS.items()},
    **{("iam", name): operation for name, operation in iam_role_operations.OPERATIONS.items()},
    **{("iam", name): operation for name, operation in iam_provider_operations.OPERATIONS.items()},
    ("ssm", "GetInventory"): inventory_operations.get_inventory,
    ("tagging", "GetResources"): inventory_operations.get_resources,
    ("ec2", "DescribeInstances"): ec2_operations.list_instances,
    ("ec2-instance-connect", "SendSSHPublicKey"): ec2_operations.send_ssh_public_key,
    ("sts", "GetCallerIdentity"): sts_operations.get_caller_identity,
    ("sts", "GetSessionToken"): sts_operations.get_session_token,
    ("sts", "AssumeRole"): sts_operations.assume_role,
}
"""Operations of whoever signed with SigV4."""

BY_NODE_KEY: Mapping[Key, Callable[[Surroundings, ManagedNode, Parameters], Awaitable[Result]]] = {
    ("ssm", "RequestManagedInstanceRoleToken"): _request_role_token,
    ("ssm", "UpdateManagedInstancePublicKey"): _update_public_key,
}
"""Operations of a node that has no credentials yet, signed with its own RSA key (`protocol/agent.md` §1.10)."""

BY_ANYONE: Mapping[Key, Callable[[Surroundings, Parameters], Awaitable[Result]]] = {
    ("ssm", "RegisterManagedInstance"): _register_managed_instance,
    ("sts", "AssumeRoleWithWebIdentity"): sts_operations.assume_role_with_web_identity,
}
"""Operations without a signature; the activation code (`protocol/agent.md` §1.2) or the token is the credential."""
