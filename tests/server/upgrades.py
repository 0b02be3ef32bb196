"""Upgrades that tests of the channels share."""

import uuid

import aiohttp
import pytest

from ferryman.server.timeouts import Timeouts
from tests.server.running import Server


async def refused_upgrade(server: Server, target: str, headers: dict[str, str] | None = None) -> int:
    """The status of an upgrade that is refused."""
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await server.dial(target, headers)
    return caught.value.status


def control_opening(token: str) -> dict[str, str | None]:
    return {
        "Cookie": None,
        "MessageSchemaVersion": "1.0",
        "RequestId": str(uuid.uuid4()),
        "TokenValue": token,
        "AgentVersion": "3.3.0.0",
        "PlatformType": "linux",
    }


TIMEOUTS = Timeouts(opening=600, close=0.2, drain=0.05)
"""An opening has more time than any test: a channel must be refused for what its opening says, or be open."""
