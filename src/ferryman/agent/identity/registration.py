"""Registration: exchanges an activation for a node id, with a new key pair for this machine."""

import asyncio
import uuid
from pathlib import Path
from urllib.parse import urlsplit

from ferryman.agent.identity.faults import StateUnusable
from ferryman.agent.identity.node_key import new_key
from ferryman.agent.identity.server_trust import server_trust
from ferryman.agent.identity.state import Registration, StateDirectory
from ferryman.agent.machine import this_machine
from ferryman.agent.versions import USER_AGENT
from ferryman.model.identifiers import NODE_ID_PATTERN, NodeId
from ferryman.signing.rsa import encode_public_key
from ferryman.transport.errors import Unreachable
from ferryman.transport.http import HttpClient

REGISTER_TARGET = "AmazonSSM.RegisterManagedInstance"


async def register(
    endpoint: str,
    region: str,
    activation_id: str,
    activation_code: str,
    state_dir: Path,
    *,
    ca_file: Path | None = None,
    name: str | None = None,
    replace: bool = False,
) -> NodeId:
    """Register this machine with the server at `endpoint` and keep its identity in `state_dir`.

    `endpoint` is `http[s]://host[:port]`, one URL for everything the agent talks to. An existing registration is
    replaced only if `replace` is set, and only once the new one has succeeded. The node reports `name`, if there is
    one, in place of the host's. Raises `StateUnusable`, `ServiceError` with the server's reason (InvalidActivation …),
    or `Unreachable`. Source: `protocol/agent.md` §1.2.
    """
    state = StateDirectory(state_dir)
    state.create()
    if state.registered and not replace:
        raise StateUnusable(f"{state.path} already holds node {state.registration().node_id}; replace it explicitly")
    if not _is_server(endpoint):
        raise Unreachable(f"{endpoint} is not a URL like https://sessions.example.com")
    state.require_writable()
    key = await asyncio.to_thread(new_key)
    fingerprint = str(uuid.uuid4())
    trusted = server_trust(endpoint, ca_file)
    async with HttpClient(endpoint, user_agent=USER_AGENT, trusted=trusted) as client:
        answer = await client.call(
            REGISTER_TARGET,
            {
                "ActivationCode": activation_code,
                "ActivationId": activation_id,
                "Fingerprint": fingerprint,
                "PublicKey": encode_public_key(key),
                "PublicKeyType": "Rsa",
            },
            None,
        )
    identity = str(answer.get("InstanceId"))
    if not NODE_ID_PATTERN.fullmatch(identity):
        raise Unreachable(f"{endpoint} answered the registration without a node id")
    state.save_registration(_identity(endpoint, region, identity, fingerprint, ca_file, name), key)
    return NodeId(identity)


def _identity(
    endpoint: str, region: str, node: str, fingerprint: str, ca_file: Path | None, name: str | None
) -> Registration:
    return Registration(
        endpoint=endpoint.rstrip("/"),
        region=region,
        node_id=node,
        fingerprint=fingerprint,
        machine=this_machine().machine_id,
        ca_file=str(ca_file.absolute()) if ca_file else None,
        name=name,
    )


def _is_server(endpoint: str) -> bool:
    try:
        parts = urlsplit(endpoint)
        _ = parts.port
    except ValueError:  # half an IPv6 address, or a port out of range
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)
