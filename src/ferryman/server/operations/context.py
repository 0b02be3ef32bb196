"""The arguments and results of operations."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ferryman.core.service import Service
from ferryman.model.identity.callers import NO_ORIGIN, Caller, Origin
from ferryman.model.nodes import ManagedNode
from ferryman.server.channels.gateway import Gateway

Parameters = Mapping[str, Any]
Result = Mapping[str, Any]
"""With AWS's member names, as `awsapi.dispatch` parses and serialises them; members that are None are left out."""


@dataclass(frozen=True, slots=True)
class OperationContext:
    """What an operation may use: the service, this server's channels, and where the request came from."""

    service: Service
    gateway: Gateway
    origin: Origin = NO_ORIGIN


Operation = Callable[[OperationContext, Caller, Parameters], Awaitable[Result]]
"""An operation whose caller signed with SigV4."""
NodeOperation = Callable[[OperationContext, ManagedNode, Parameters], Awaitable[Result]]
"""An operation of a node that has no credentials yet, signed with its own RSA key (`protocol/agent.md` §1.10)."""
UnsignedOperation = Callable[[OperationContext, Parameters], Awaitable[Result]]
"""An operation without a signature; the activation code (`protocol/agent.md` §1.2) or the token is the credential."""

Key = tuple[str, str]
"""Service and operation, as `("ssm", "StartSession")`."""
Operations = Mapping[Key, Operation]
"""What each module of this package exports, and `registry` joins."""
