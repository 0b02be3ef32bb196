"""Managed nodes: registration, role tokens, what they say of themselves, listing, deregistration."""

from ferryman.core.requests import DescribeNodesRequest, NodeView, Page, RegisterNodeRequest, RoleToken
from ferryman.core.service import Service
from ferryman.model.callers import Caller
from ferryman.model.identifiers import NodeId
from ferryman.model.nodes import ManagedNode, NodeInformation


async def register_managed_instance(service: Service, request: RegisterNodeRequest) -> NodeId:
    """RegisterManagedInstance, unsigned: the activation code is the credential.

    Raises InvalidActivation, ActivationExpired, RegistrationLimitExceeded, InvalidPublicKey.
    """
    raise NotImplementedError


async def find_node(service: Service, node_id: str) -> ManagedNode:
    """Return the node whose RSA signature is to be verified; UnrecognizedClientException if it is not registered."""
    raise NotImplementedError


async def request_role_token(service: Service, node: ManagedNode, fingerprint: str) -> RoleToken:
    """RequestManagedInstanceRoleToken of a node whose RSA signature was verified.

    Raises MachineFingerprintDoesNotMatch.
    """
    raise NotImplementedError


async def update_public_key(service: Service, node: ManagedNode, public_key: str, public_key_type: str) -> None:
    """UpdateManagedInstancePublicKey, signed with the old key: from now on only the new one is valid.

    Raises InvalidPublicKey.
    """
    raise NotImplementedError


async def update_information(service: Service, caller: Caller, instance_id: str, information: NodeInformation) -> None:
    """UpdateInstanceInformation of the node itself; empty members keep what was there.

    Raises AccessDeniedException for another node, InvalidInstanceId if it is not registered any more.
    """
    raise NotImplementedError


async def describe_instance_information(
    service: Service, caller: Caller, request: DescribeNodesRequest
) -> Page[NodeView]:
    """DescribeInstanceInformation, nodes by id. Raises AccessDeniedException, InvalidFilterKey,
    InvalidInstanceInformationFilterValue, InvalidNextToken."""
    raise NotImplementedError


async def deregister_managed_instance(service: Service, caller: Caller, instance_id: str) -> None:
    """DeregisterManagedInstance: its sessions end, its control channel closes. Raises InvalidInstanceId."""
    raise NotImplementedError
