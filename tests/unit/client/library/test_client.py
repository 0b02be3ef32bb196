"""Starting sessions when the node or the server is away for a moment; StartSession is scripted."""

from collections.abc import Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from ferryman.client.calls.api import Api
from ferryman.client.calls.endpoints import Absent
from ferryman.client.calls.resume_session import ServiceClient
from ferryman.client.library.client import Client
from ferryman.client.library.running_command import CommandHandler
from ferryman.model.failures import Failure
from ferryman.transport.dialler import Dialler

NODE = "mi-0123456789abcdef0"
AWAY = ClientError({"Error": {"Code": "TargetNotConnected", "Message": "away"}}, "StartSession")
DENIED = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "StartSession")
DOWN = EndpointConnectionError(endpoint_url="http://server.test")


class Script:
    """StartSession fails in these ways, one after another."""

    def __init__(self, faults: Sequence[Exception]) -> None:
        self.faults = list(faults)

    def start_session(self, **_: Any) -> None:
        raise self.faults.pop(0)


def client(*faults: Exception, reconnect_seconds: float = 60.0, reached: bool = True) -> tuple[Client, list[Exception]]:
    script = Script(faults)
    api = Api(script, "http://server.test")
    made = Client(api, Dialler(user_agent="t", heartbeat=15.0), ServiceClient("", "", ""), reconnect_seconds)
    made.reached.update([NODE] if reached else [])
    return made, script.faults


async def start(made: Client) -> None:
    await made.start(NODE, "document", {}, CommandHandler.new())


async def test_a_node_or_server_that_was_there_before_is_waited_for() -> None:
    made, left = client(AWAY, DOWN, AWAY, DENIED)
    with pytest.raises(Failure, match="AccessDeniedException"):
        await start(made)
    assert left == []


async def test_a_node_that_never_was_there_is_not_waited_for() -> None:
    made, left = client(AWAY, DENIED, reached=False)
    with pytest.raises(Absent, match="TargetNotConnected"):
        await start(made)
    assert left == [DENIED]


async def test_an_outage_is_waited_out_no_longer_than_allowed() -> None:
    made, left = client(AWAY, AWAY, DENIED, reconnect_seconds=0.25)
    with pytest.raises(Absent, match="TargetNotConnected"):
        await start(made)
    assert left in ([DENIED], [AWAY, DENIED])  # on a slow machine the first call may take all the time
