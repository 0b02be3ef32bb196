"""Every operation of the API over a real store, as an administrator calls it: a refusal is an AWS error, never a 500.

The store keeps what inputs make, so an input may do something else when it is tried again on an empty one.
"""

import asyncio
import json
import os
from collections.abc import Coroutine
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from ferryman.awsapi import json11
from ferryman.awsapi.dispatch import ApiCall, ApiProtocol, serialise
from ferryman.awsapi.models import operation_model
from ferryman.awsapi.validation import validate
from ferryman.bus.memory import MemoryBus
from ferryman.core.documents.work import InProcessWorker
from ferryman.core.iam import operator as identities
from ferryman.core.identity import callers
from ferryman.core.identity.node_credentials import node_caller
from ferryman.core.nodes import actions as nodes
from ferryman.core.nodes.activations import create_activation
from ferryman.core.nodes.requests import CreateActivationRequest, RegisterNodeRequest
from ferryman.core.service import Service, Settings
from ferryman.core.vault import Vault
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis
from ferryman.model.identity.callers import BuiltinRole, Caller
from ferryman.model.nodes import ManagedNode
from ferryman.server.channels.gateway import Gateway
from ferryman.server.operations.context import OperationContext
from ferryman.server.operations.registry import BY_ANYONE, BY_CALLER, BY_NODE_KEY
from ferryman.store.database import open_store
from tests.fuzz.rooms.core import NOW
from tests.fuzz.rooms.signing import PUBLIC_KEY
from tests.fuzz.samples import sample
from tests.fuzz.target import MIB, Target

_OPERATIONS = (*BY_CALLER, *BY_NODE_KEY, *BY_ANYONE)
_SERVICES = sorted({service for service, _ in _OPERATIONS})
_PROTOCOLS = {
    "sts": ApiProtocol.QUERY,
    "iam": ApiProtocol.QUERY,
    "ec2": ApiProtocol.EC2,
    "ssmmessages": ApiProtocol.CHANNEL,
}
_BY_NODES = frozenset({"UpdateInstanceInformation", "CreateControlChannel", "CreateDataChannel"})


@dataclass(frozen=True, slots=True)
class _World:
    loop: asyncio.AbstractEventLoop
    context: OperationContext
    administrator: Caller
    node: ManagedNode

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(coroutine)


@cache
def _world(_process: int) -> _World:
    """Return the world of a process: threads of a store do not survive a fork."""
    loop = asyncio.new_event_loop()

    async def make() -> tuple[Service, Caller, ManagedNode]:
        store = await open_store(f"sqlite:///{Path(mkdtemp(prefix='ferryman-fuzz-'))}/store.db")
        settings = Settings("123456789012", "us-east-1", "https://x.example.org")
        service = Service(
            settings,
            store,
            MemoryBus(),
            Vault(bytes(32), os.urandom),
            _clock,
            os.urandom,
            document_worker=InProcessWorker(),
        )
        user = await identities.create_user(service, "root", BuiltinRole.ADMINISTRATOR)
        administrator = await callers.caller_of(service, user)
        ticket = await create_activation(service, administrator, CreateActivationRequest("role"))
        request = RegisterNodeRequest(ticket.activation_id, ticket.activation_code, PUBLIC_KEY, "Rsa", "print")
        node_id = await nodes.register_managed_instance(service, request)
        node = await store.nodes.get(node_id)
        assert node is not None
        return service, administrator, node

    service, administrator, node = loop.run_until_complete(make())
    return _World(loop, OperationContext(service, Gateway(service)), administrator, node)


def _clock() -> Millis:
    return NOW


async def _operate(world: _World, call: ApiCall, given: dict[str, Any]) -> Any:
    key = (call.service, call.operation)
    if key in BY_ANYONE:
        return await BY_ANYONE[key](world.context, given)
    if key in BY_NODE_KEY:
        return await BY_NODE_KEY[key](world.context, world.node, given)
    caller = world.administrator
    if call.operation in _BY_NODES:
        caller = node_caller(world.context.service, world.node.node_id)
    return await BY_CALLER[key](world.context, caller, given)


def _run(data: bytes) -> None:
    """A line OPERATION, then its members as JSON, whatever its protocol."""
    name, _, body = data.partition(b"\n")
    service, _, operation = name.decode("utf-8", "replace").partition(".")
    if (service, operation) not in _OPERATIONS:
        return
    model = operation_model(service, operation)
    assert model is not None
    given = json11.decode(body, model.input_shape)
    if model.input_shape is not None:
        validate(model.input_shape, given)
    call = ApiCall(service, operation, _PROTOCOLS.get(service, ApiProtocol.JSON))
    world = _world(os.getpid())
    serialise(call, world.run(_operate(world, call, given)), "r")


def _seed(service: str, operation: str) -> bytes:
    model = operation_model(service, operation)
    assert model is not None
    members = sample(model.input_shape)
    return f"{service}.{operation}\n{json.dumps(members)}".encode()


_DOCUMENT = json.dumps({"schemaVersion": "1.0", "sessionType": "Standard_Stream"})
_WORDS = (
    *(f"{service}.".encode() for service in _SERVICES),
    b'"MaxResults":1,',
    b'"NextToken":"x",',
    b'"Filters":[{}],',
    b'"Marker":"x",',
    b"$LATEST",
    b"arn:aws:iam::123456789012:user/root",
    b"arn:aws:iam::aws:policy/",
    b"AmazonSSM",
    b"aws:TagKeys",
    json.dumps(_DOCUMENT).encode(),
)

TARGETS = tuple(
    Target(
        f"operations.{service}",
        _run,
        tuple(_seed(each, operation) for each, operation in _OPERATIONS if each == service),
        (ServiceError,),
        _WORDS,
        MIB,
        costly=True,
    )
    for service in _SERVICES
)
