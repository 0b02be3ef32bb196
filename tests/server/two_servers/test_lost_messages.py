"""What one server tells another, and what becomes of it if the message is lost."""

from dataclasses import replace

import pytest

from ferryman.server.timeouts import Timeouts
from tests.server.running import Server


@pytest.fixture
def timeouts() -> Timeouts:
    return Timeouts(deregistered=0.1)


async def test_a_node_whose_deregistration_another_server_did_not_hear_of_is_closed(
    server: Server, other: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lose(_subject: str, _payload: bytes) -> None:
        """As without a connection to NATS."""

    node, kept = await server.register(), await server.register()
    control = await replace(node, server=other).control()
    await replace(kept, server=other).control()
    monkeypatch.setattr(server.service.bus, "publish", lose)
    await server.call("deregister_managed_instance", InstanceId=node.node_id)
    assert await control.closed() == 1008
    await server.until_connected(kept.node_id)
