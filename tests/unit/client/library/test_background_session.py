"""Sessions of programs, against a far end in the same process."""

from collections.abc import Callable
from typing import Any

import pytest

from ferryman.client.calls import resume_session
from ferryman.client.calls.launch import Launch
from ferryman.client.calls.resume_session import ServiceClient
from ferryman.client.library.background_session import BackgroundHandler, BackgroundSession
from ferryman.client.library.port_sessions import Destination, PortHandler
from ferryman.client.library.running_command import CommandHandler
from ferryman.client.plugin.arguments import parse
from ferryman.client.session import driver
from ferryman.model.failures import Failure
from ferryman.transport.dialler import Dialler
from tests.waiting import PATIENCE

MULTIPLEXING = "3.3.0.0"
FORWARDING = {"type": "LocalPortForwarding", "portNumber": "80"}
PORT = {"DocumentName": "AWS-StartPortForwardingSession", "Parameters": {"localPortNumber": ["0"]}}
COMMAND = {"DocumentName": "AWS-StartNonInteractiveCommand", "Parameters": {"command": ["ls"]}}


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")


@pytest.fixture(autouse=True)
def _a_busy_machine_has_time_to_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "TERMINATE_SECONDS", PATIENCE)
    monkeypatch.setattr(resume_session, "ANSWER_SECONDS", PATIENCE)


def port_handler() -> PortHandler:
    return PortHandler(Destination(80), lambda _: None)


async def start(far_end: Any, request: dict[str, Any], handler: BackgroundHandler) -> None:
    far_end.request = request
    launch = parse(far_end.arguments(), {})
    assert isinstance(launch, Launch)
    async with Dialler(user_agent="t", heartbeat=15.0) as dialler:
        service = ServiceClient(launch.region, launch.profile, launch.endpoint)
        session = BackgroundSession(launch, dialler, service, 5.0, handler)
        try:
            await session.started()
        finally:
            await session.close()


@pytest.mark.parametrize(
    ("request_members", "make_handler", "session_type", "properties"),
    [
        (PORT, port_handler, "Port", {**FORWARDING, "localPortNumber": "8080"}),
        (PORT, port_handler, "Port", {**FORWARDING, "localConnectionType": "unix", "localUnixSocket": "/run/me/db"}),
        (PORT, port_handler, "Port", {"portNumber": "80"}),
        (PORT, port_handler, "Standard_Stream", None),
        (COMMAND, CommandHandler.new, "InteractiveCommands", None),
        (COMMAND, CommandHandler.new, "Port", {**FORWARDING, "localPortNumber": "0"}),
    ],
)
async def test_a_session_that_was_not_asked_for_is_refused(
    make_far_end: Any,
    request_members: dict[str, Any],
    make_handler: Callable[[], BackgroundHandler],
    session_type: str,
    properties: dict[str, str] | None,
) -> None:
    far_end = make_far_end(session_type, properties, MULTIPLEXING)
    with pytest.raises(Failure, match=r"was not started: the node .* as asked for"):
        await start(far_end, request_members, make_handler())
    assert far_end.calls == ["TerminateSession"]


async def test_the_session_that_was_asked_for_starts(make_far_end: Any) -> None:
    far_end = make_far_end("Port", {**FORWARDING, "localPortNumber": "0"}, MULTIPLEXING)
    await start(far_end, PORT, port_handler())
    far_end = make_far_end("NonInteractiveCommands", None, MULTIPLEXING)
    await start(far_end, COMMAND, CommandHandler.new())
