"""SendSSHPublicKey: a key that may log in to a node over SSH for a minute, passed to the node's agent.

The server stores no keys. It answers when the agent has confirmed that sshd can find the key.
"""

import asyncio
from dataclasses import dataclass

from ferryman.core.authorization.decisions import require
from ferryman.core.authorization.request_context import resource_keys
from ferryman.core.messages import (
    OfferSshKey,
    control_subject,
    decode_key_offered,
    encode,
    ssh_key_subject,
)
from ferryman.core.ports.bus import NoResponders
from ferryman.core.service import Service
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import NodeId
from ferryman.model.identity.callers import Caller
from ferryman.model.tags import ResourceType
from ferryman.model.values.versions import AGENT_NAME
from ferryman.wire.ssh_keys import bare_key

NODE_SECONDS = 5.0
"""Seconds that the node may take."""
_REACH_SECONDS = 2.0
_ID_ENTROPY = 16


@dataclass(frozen=True, slots=True)
class SendSshPublicKeyRequest:
    """SendSSHPublicKey. `public_key` is a line of an authorized_keys file without options."""

    instance_id: str
    os_user: str
    public_key: str


async def send_ssh_public_key(service: Service, caller: Caller, request: SendSshPublicKeyRequest) -> None:
    """SendSSHPublicKey: the node's sshd accepts the key for this user for 60 s.

    Raises AccessDeniedException, InvalidArgsException, EC2InstanceNotFoundException, EC2InstanceStateInvalidException
    (not connected), EC2InstanceUnavailableException (the agent does not answer, or does not accept the key).
    """
    node_id = NodeId(request.instance_id)
    keys = {
        **await resource_keys(service, ResourceType.NODE, node_id, "ec2:ResourceTag"),
        "ec2:osuser": request.os_user,
    }
    arn = service.arns.instance(node_id)
    require(service, caller, "ec2-instance-connect:SendSSHPublicKey", arn, keys)
    try:
        public_key = bare_key(request.public_key)
    except ValueError as error:
        raise ServiceError("InvalidArgsException", f"The SSH public key is not valid: {error}.") from error
    node = await service.store.nodes.get(node_id)
    if node is None:
        raise ServiceError("EC2InstanceNotFoundException", f"{node_id} is not a registered managed node.")
    if node.information.agent_name not in ("", AGENT_NAME):
        raise _unavailable(f"{node_id} does not run Ferryman's agent, which SSH keys need.")
    error_of_node = await _offered(service, node_id, request.os_user, public_key)
    if error_of_node:
        raise _unavailable(f"{node_id} did not accept the key: {error_of_node}.")


async def _offered(service: Service, node_id: NodeId, os_user: str, public_key: str) -> str:
    """Return why the node did not accept the key, empty if it did."""
    key_id = service.entropy(_ID_ENTROPY).hex()
    answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def answered(payload: bytes) -> bytes:
        if not answer.done():
            answer.set_result(decode_key_offered(payload).error)
        return b"ok"

    subscription = await service.bus.subscribe(ssh_key_subject(key_id), answered)
    try:
        offer = encode(OfferSshKey(key_id, os_user, public_key))
        await service.bus.request(control_subject(node_id), offer, timeout=_REACH_SECONDS)
        async with asyncio.timeout(NODE_SECONDS):
            return await answer
    except NoResponders as error:
        raise ServiceError("EC2InstanceStateInvalidException", f"{node_id} is not connected.") from error
    except TimeoutError as error:
        raise _unavailable(
            f"{node_id} did not answer within {NODE_SECONDS:g} seconds: its agent is too old for SSH keys, or busy."
        ) from error
    finally:
        await subscription.close()


def _unavailable(message: str) -> ServiceError:
    return ServiceError("EC2InstanceUnavailableException", message)
