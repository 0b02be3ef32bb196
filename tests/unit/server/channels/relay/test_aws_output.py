"""What the relay does with output that AWS's agent sends again."""

from typing import cast
from unittest.mock import AsyncMock, MagicMock

import pytest

from ferryman.core.service import Service
from ferryman.server.channels import frames
from ferryman.server.channels.relay.acknowledgements import ClientAcknowledgements
from ferryman.server.channels.relay.aws_output import AwsOutput
from ferryman.server.timeouts import DEFAULT_TIMEOUTS
from tests.server.peers import output


async def test_an_agent_that_does_not_read_acknowledgements_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its output is acknowledged for the client, and those acknowledgements would pile up."""
    acknowledgements, caught_up = ClientAcknowledgements(underway=False), AsyncMock()
    acknowledgements.add(0)
    forwarding = AwsOutput(cast(Service, None), DEFAULT_TIMEOUTS, acknowledgements, MagicMock(), caught_up)
    monkeypatch.setattr(frames, "acknowledge", lambda _, frame: frame)
    agent, client = MagicMock(), MagicMock()
    agent.socket.send.return_value = True
    await forwarding.forward(agent, client, output(0), 0, new=False)
    caught_up.assert_awaited_once_with(agent)
    client.socket.send.assert_not_called()
