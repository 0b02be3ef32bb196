"""What operations are given and give back, and how times are shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ferryman.core.service import Service
from ferryman.model.identifiers import Millis
from ferryman.server.gateway import Gateway

Parameters = Mapping[str, Any]
Result = Mapping[str, Any]
"""In AWS's spelling, as `awsapi.dispatch` parses and serialises them."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an operation may use."""

    service: Service
    gateway: Gateway


def moment(millis: Millis | None) -> datetime | None:
    """Return a time as results have it."""
    return None if millis is None else datetime.fromtimestamp(millis / 1000, UTC)
