"""What operations are given and give back, and how times are shown."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ferryman.core.service import Service
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis
from ferryman.model.identity.callers import NO_ORIGIN, Caller, Origin
from ferryman.model.nodes import ManagedNode
from ferryman.server.channels.gateway import Gateway

Parameters = Mapping[str, Any]
Result = Mapping[str, Any]
"""In AWS's spelling, as `awsapi.dispatch` parses and serialises them."""


@dataclass(frozen=True, slots=True)
class OperationContext:
    """What an operation may use. `origin` is where the request came from."""

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


def as_datetime(millis: Millis | None) -> datetime | None:
    """Return a time as results have it."""
    return None if millis is None else datetime.fromtimestamp(millis / 1000, UTC)


def requested_tags(parameters: Parameters, code: str = "InvalidInput") -> dict[str, str]:
    """Return the tags of a request; ServiceError `code` if a key is there twice, in any case."""
    tags = {tag["Key"]: tag["Value"] for tag in parameters.get("Tags") or []}
    if len({key.casefold() for key in tags}) != len(parameters.get("Tags") or []):
        raise ServiceError(code, "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    return tags
