"""Managed nodes: registration, role tokens, the information they report, deregistration."""

import base64
import binascii

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from ferryman.core.audit.records import node_changed
from ferryman.core.authorization.decisions import require
from ferryman.core.authorization.request_context import resource_keys
from ferryman.core.identity.node_credentials import issue_credentials
from ferryman.core.messages import CloseControlChannel, control_subject, encode
from ferryman.core.nodes.activations import claim_activation
from ferryman.core.nodes.requests import RegisterNodeRequest, RoleToken
from ferryman.core.service import Service
from ferryman.core.sessions.lifecycle import end_session
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import NodeId, new_node_id
from ferryman.model.identity.callers import Caller
from ferryman.model.nodes import ManagedNode, NodeInformation
from ferryman.model.tags import ResourceType
from ferryman.signing.rsa import KEY_BITS

_ID_ENTROPY = 9
_EXPONENT_BITS = 32
"""Verifying with a larger exponent takes up to a tenth of a second, and anyone can request it."""
_DAY = 86_400_000
_PING_INTERVAL = 6 * 60_000
"""Milliseconds. Agents report every five minutes."""
_PLATFORMS = {"linux": "Linux", "windows": "Windows", "macos": "MacOS"}
"""Spelled as in the first frame, and as in UpdateInstanceInformation."""


async def register_managed_instance(service: Service, request: RegisterNodeRequest) -> NodeId:
    """RegisterManagedInstance (`protocol/agent.md` §1.2), unsigned: the activation code is the credential.

    Raises InvalidPublicKey, InvalidActivation, ActivationExpired, RegistrationLimitExceeded.
    """
    _check_key(request.public_key, request.public_key_type)
    activation = await claim_activation(service, request.activation_id, request.activation_code)
    now = service.clock()
    node = ManagedNode(
        node_id=new_node_id(service.entropy(_ID_ENTROPY)),
        public_key=request.public_key,
        fingerprint=request.fingerprint,
        activation_id=activation.activation_id,
        iam_role=activation.iam_role,
        registered_at=now,
        key_since=now,
        name=activation.default_node_name,
    )
    await service.store.nodes.add(node)
    node_changed(service, node.node_id, "Registered", activationId=activation.activation_id)
    tags = await service.store.tags.of(ResourceType.ACTIVATION, [activation.activation_id])
    if tags:
        await service.store.tags.put(ResourceType.NODE, node.node_id, tags[activation.activation_id])
    return node.node_id


async def find_node(service: Service, node_id: str) -> ManagedNode:
    """Return the node whose RSA signature is to be verified; UnrecognizedClientException if it is not registered."""
    node = await service.store.nodes.get(NodeId(node_id))
    if node is None:
        raise ServiceError("UnrecognizedClientException", "The security token included in the request is invalid.")
    return node


async def request_role_token(service: Service, node: ManagedNode, fingerprint: str) -> RoleToken:
    """RequestManagedInstanceRoleToken (`protocol/agent.md` §1.11) of a node whose RSA signature was verified.

    Raises MachineFingerprintDoesNotMatch: another machine has the node's key, perhaps a cloned disk.
    """
    if fingerprint != node.fingerprint:
        raise ServiceError(
            "MachineFingerprintDoesNotMatch",
            f"The fingerprint is not that of {node.node_id}; register this machine as a node of its own.",
        )
    credentials, expires_at = issue_credentials(service, node.node_id)
    return RoleToken(credentials, expires_at, update_key_pair=_is_key_old(service, node))


async def update_public_key(service: Service, node: ManagedNode, public_key: str, public_key_type: str) -> None:
    """UpdateManagedInstancePublicKey, signed with the key in `node`: from now on only the new key is valid.

    Raises InvalidPublicKey; UnrecognizedClientException if the signing key was replaced in the meantime.
    """
    _check_key(public_key, public_key_type)
    if not await service.store.nodes.replace_key(node.node_id, node.public_key, public_key, service.clock()):
        raise ServiceError("UnrecognizedClientException", "The security token included in the request is invalid.")


async def update_information(service: Service, caller: Caller, instance_id: str, information: NodeInformation) -> None:
    """UpdateInstanceInformation by the node itself; empty members keep their previous values, long ones are cut.

    Raises AccessDeniedException for another node, InvalidInstanceId if the node is no longer registered.
    """
    node_id = NodeId(instance_id)
    require(service, caller, "ssm:UpdateInstanceInformation", _arn(service, node_id))
    if not await service.store.nodes.update_information(node_id, information.cut(), service.clock()):
        raise _not_registered(node_id)


async def control_channel_opened(service: Service, node_id: NodeId, agent_version: str, platform_type: str) -> bool:
    """Store the information in the first frame of a node's control channel (`protocol/agent.md` §3.2).

    An agent in a container reports it nowhere else. If the same was just reported by UpdateInstanceInformation, nothing
    is written. Returns False if the node is no longer registered: its channel must be closed.
    """
    node = await service.store.nodes.get(node_id)
    if node is None:
        return False
    now, known = service.clock(), node.information
    said = NodeInformation(
        agent_version=agent_version,
        platform_type="" if known.platform_type else _PLATFORMS.get(platform_type.lower(), ""),
    ).cut()
    news = said.platform_type or said.agent_version not in ("", known.agent_version)
    if news or node.last_ping_at is None or now - node.last_ping_at > _PING_INTERVAL:
        return await service.store.nodes.update_information(node_id, said, now)
    return True


async def control_channel_closed(service: Service, node_id: NodeId) -> None:
    """Store when a node was last connected, unless it reported by itself recently."""
    node = await service.store.nodes.get(node_id)
    now = service.clock()
    if node is not None and (node.last_ping_at is None or now - node.last_ping_at > _PING_INTERVAL):
        await service.store.nodes.update_information(node_id, NodeInformation(), now)


async def update_managed_instance_role(service: Service, caller: Caller, instance_id: str, iam_role: str) -> None:
    """UpdateManagedInstanceRole: the role name that listings show; what nodes may do is the same for all.

    Raises AccessDeniedException, InvalidInstanceId.
    """
    node_id = NodeId(instance_id)
    keys = await resource_keys(service, ResourceType.NODE, node_id)
    require(service, caller, "ssm:UpdateManagedInstanceRole", _arn(service, node_id), keys)
    if not await service.store.nodes.set_role(node_id, iam_role):
        raise _not_registered(node_id)


async def deregister_managed_instance(service: Service, caller: Caller, instance_id: str) -> None:
    """DeregisterManagedInstance: delete the node and its tags, end its sessions, void its credentials.

    Its control channel is closed. Raises AccessDeniedException, InvalidInstanceId.
    """
    node_id = NodeId(instance_id)
    keys = await resource_keys(service, ResourceType.NODE, node_id)
    require(service, caller, "ssm:DeregisterManagedInstance", _arn(service, node_id), keys)
    if not await service.store.nodes.remove(node_id):
        raise _not_registered(node_id)
    node_changed(service, node_id, "Deregistered", by=caller.arn)
    await service.store.tags.remove(ResourceType.NODE, node_id)
    for session in await service.store.sessions.active_on(node_id):
        await end_session(service, session.session_id, f"{node_id} was deregistered by {caller.arn}.")
    await service.bus.publish(control_subject(node_id), encode(CloseControlChannel()))


def _arn(service: Service, node_id: NodeId) -> str:
    return service.arns.node(node_id)


def _is_key_old(service: Service, node: ManagedNode) -> bool:
    days = service.settings.limits.node_key_days
    return days is not None and service.clock() - node.key_since > days * _DAY


def _check_key(public_key: str, public_key_type: str) -> None:
    try:
        key = load_der_public_key(base64.b64decode(public_key.encode(), validate=True))
    except (binascii.Error, UnicodeError, ValueError, UnsupportedAlgorithm) as error:
        raise _invalid_key() from error
    if public_key_type != "Rsa" or not isinstance(key, RSAPublicKey) or key.key_size not in KEY_BITS:
        raise _invalid_key()
    if key.public_numbers().e.bit_length() > _EXPONENT_BITS:
        raise _invalid_key()


def _invalid_key() -> ServiceError:
    return ServiceError(
        "InvalidPublicKey",
        f"PublicKey must be the base64 DER of an RSA key of {KEY_BITS[0]} to {KEY_BITS[-1]} bits, its exponent of "
        f"{_EXPONENT_BITS} bits at most, type Rsa.",
    )


def _not_registered(node_id: NodeId) -> ServiceError:
    return ServiceError("InvalidInstanceId", f"{node_id} is not a registered managed node.")
