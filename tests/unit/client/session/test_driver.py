"""The session driver over a scripted connection: what its owner gets, and how a session is ended."""

import asyncio
import contextlib
from typing import Any, cast

import pytest

from ferryman.channel.events import OutputReceived, SessionEnded, SessionStarted
from ferryman.client.calls.launch import Launch
from ferryman.client.calls.resume_session import CallRefused, ServiceClient, SessionOver, Ticket
from ferryman.client.session import driver as module
from ferryman.client.session.connection import CannotConnect, SessionTimedOut
from ferryman.client.session.driver import OutageBegan, OutageEnded, SessionDriver, SessionEvent
from ferryman.model.values.secret import Secret
from ferryman.transport.dialler import Dialler
from ferryman.transport.errors import ConnectionLost
from ferryman.wire.agent_message import PayloadType

LAUNCH = Launch("alice-1", Secret("token"), "ws://server.test/v1/data-channel/alice-1", "r")
STARTED = SessionStarted("Standard_Stream", None, "3.3.0.0")
OUTPUT = OutputReceived(0, PayloadType.OUTPUT, b"hello")


class Server:
    """Dialler, service and socket in one. `losses` connections break immediately; the next stays open."""

    def __init__(self, losses: int = 0, resume: Exception | None = None, terminate: Exception | None = None) -> None:
        self.losses = losses
        self.resuming = asyncio.Event()
        self.resuming.set()
        self.dialled = asyncio.Event()
        self.terminated: list[str] = []
        self._resume = resume
        self._terminate = terminate

    async def dial(self, _: str) -> "Server":
        self.dialled.set()
        return self

    async def send(self, _: str) -> None:
        """Accept the opening."""

    async def receive(self) -> bytes:
        if self.losses:
            self.losses -= 1
            raise ConnectionLost(1006)
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    async def close(self) -> None:
        """Nothing to close."""

    async def resume(self, _: str) -> Ticket:
        await self.resuming.wait()
        if self._resume is not None:
            raise self._resume
        return Ticket(Secret("another"), "")

    async def terminate(self, session_id: str) -> None:
        if self._terminate is not None:
            raise self._terminate
        self.terminated.append(session_id)


class Owner:
    """Records everything. Handles output only if `accepts`."""

    def __init__(self, *, accepts: bool = True) -> None:
        self.seen: list[Any] = []
        self._accepts = accepts
        self.news = asyncio.Event()

    def session_started(self, started: SessionStarted) -> "Owner | None":
        self.seen.append(started)
        return self if self._accepts else None

    def on_event(self, event: SessionEvent) -> None:
        self.seen.append(event)
        self.news.set()

    def on_output(self, event: OutputReceived) -> None:
        self.seen.append(event)

    def flush(self) -> None:
        self.seen.append("flush")


def made(server: Server, owner: Owner) -> SessionDriver:
    return SessionDriver(LAUNCH, cast(Dialler, server), cast(ServiceClient, server), 60.0, owner)


async def test_output_goes_to_the_handler_and_everything_else_to_the_owner() -> None:
    owner = Owner()
    driver = made(Server(), owner)
    driver._on_events([OUTPUT])
    assert owner.seen == [], "output before the session has started is dropped"
    driver._on_events([STARTED, OUTPUT, SessionEnded("")])
    assert owner.seen == [STARTED, OUTPUT, SessionEnded(""), "flush"]


async def test_a_session_that_cannot_run_drops_its_output() -> None:
    owner = Owner(accepts=False)
    driver = made(Server(), owner)
    driver._on_events([STARTED, OUTPUT])
    assert owner.seen == [STARTED]


async def test_an_outage_is_reported_once_it_lasts_and_again_when_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "NOTICE_SECONDS", 0.0)
    server, owner = Server(losses=1), Owner()
    server.resuming.clear()
    driver = made(server, owner)
    running = asyncio.create_task(driver.run())
    await owner.news.wait()
    assert owner.seen == [OutageBegan()]
    assert not driver.connected
    owner.news.clear()
    server.resuming.set()
    await owner.news.wait()
    assert owner.seen == [OutageBegan(), OutageEnded()]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize(
    ("refusal", "error", "cause"),
    [
        (SessionOver("alice-1"), SessionTimedOut, "it timed out"),
        (CallRefused("no"), CannotConnect, "the connection was lost, and ResumeSession failed: no"),
    ],
)
async def test_a_lost_session_raises_its_cause(refusal: Exception, error: type[Exception], cause: str) -> None:
    driver = made(Server(losses=1, resume=refusal), Owner())
    with pytest.raises(CannotConnect) as lost:
        await driver.run()
    assert type(lost.value) is error
    assert str(lost.value) == cause


async def test_a_session_that_was_never_connected_is_not_terminated() -> None:
    server = Server()
    driver = made(server, Owner())
    await driver.terminate()
    assert server.terminated == []


@pytest.mark.parametrize(
    ("refusal", "error"), [(None, None), (SessionOver("alice-1"), None), (CallRefused("no"), CallRefused)]
)
async def test_terminating_raises_only_what_somebody_must_hear(
    refusal: Exception | None, error: type[Exception] | None
) -> None:
    server = Server(terminate=refusal)
    driver = made(server, Owner())
    running = asyncio.create_task(driver.run())
    while not driver.connected:
        await server.dialled.wait()
        await asyncio.sleep(0)
    with pytest.raises(error) if error is not None else contextlib.nullcontext():
        await driver.terminate()
    assert server.terminated == ([] if refusal else ["alice-1"])
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_node_that_does_not_acknowledge_the_flag_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FLAG_SECONDS", 0.01)
    driver = made(Server(), Owner())
    await driver.end_by_flag()
    assert not driver.far_end.is_settled
