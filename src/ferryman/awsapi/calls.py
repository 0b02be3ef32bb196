"""Calls and answers, independent of the protocol."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class ApiProtocol(StrEnum):
    """How a call is written."""

    JSON = "json"
    QUERY = "query"
    CHANNEL = "channel"
    EC2 = "ec2"


@dataclass(frozen=True, slots=True)
class ApiCall:
    """The operation that a request names, before anything is checked.

    `service` is one of `models.SERVICES`: also the service that the signature must be scoped to. `operation` is AWS's
    name. `located` are members that are not in the body: of a GET's query string, of the path.
    """

    service: str
    operation: str
    protocol: ApiProtocol
    located: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Response:
    """An answer ready to send. `headers` include Content-Type and x-amzn-RequestId."""

    status: int
    headers: Mapping[str, str]
    body: bytes
