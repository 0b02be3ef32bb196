"""What is noted of a session that forwards a port or copies a file, while it has an end on a server."""

import json
import uuid
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ferryman.core.audit.traffic_records import PortTotals
from ferryman.core.ports.audit import NoTrail
from ferryman.core.ports.recordings.recorder import SessionTap
from ferryman.core.service import Service
from ferryman.model.identifiers import Millis, NodeId, SessionId
from ferryman.model.sessions import Session, SessionStatus
from ferryman.model.values.copy_reasons import upload_reason
from ferryman.server.channels.relay.recording_tap import RecordingTap
from ferryman.server.channels.traffic import session_traffic
from ferryman.server.channels.traffic.session_traffic import SessionTraffic
from ferryman.wire.agent_message import AgentMessage, MessageType, PayloadType, encode

SHELL = json.dumps({"sessionType": "Standard_Stream"})
PORT = json.dumps({"sessionType": "Port", "properties": {"portNumber": "22"}})
COPY = upload_reason("a", "/b")


class Observed:
    """One session's traffic: `noted` in its recording, `recorded` in the trail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.noted: list[tuple[str, Any]] = []
        self.recorded: list[Any] = []
        monkeypatch.setattr(session_traffic, "connections_summed", lambda *said: self.recorded.append(said[-1]))
        monkeypatch.setattr(session_traffic, "file_copied", lambda *said: self.recorded.append(said[-2:]))

    def note(self, kind: str, data: bytes) -> None:
        self.noted.append((kind, json.loads(data)))

    def session(
        self, document: str, reason: str = "", *, is_new: bool = True, trail: object = None, recorded: bool = True
    ) -> tuple[SessionTraffic, RecordingTap]:
        status = SessionStatus.CONNECTING if is_new else SessionStatus.CONNECTED
        session = Session(
            SessionId("alice-0"),
            NodeId("mi-0"),
            status,
            Millis(0),
            "x",
            "arn",
            "id",
            "alice",
            Millis(0),
            20,
            reason=reason,
        )
        tap = RecordingTap(lambda _: None)
        tap.recorder = cast(SessionTap, self) if recorded else None
        return SessionTraffic(cast(Service, SimpleNamespace(trail=trail)), session, document, tap), tap


@pytest.fixture
def observed(monkeypatch: pytest.MonkeyPatch) -> Observed:
    return Observed(monkeypatch)


def data(number: int) -> bytes:
    return encode(AgentMessage(MessageType.INPUT_STREAM_DATA, number, 0, uuid.UUID(int=0), 1, PayloadType.OUTPUT, b"x"))


@pytest.mark.parametrize("is_new", [True, False])
def test_copy_is_noted_when_the_session_begins_only(observed: Observed, is_new: bool) -> None:
    traffic, tap = observed.session(SHELL, COPY, is_new=is_new)
    tap.exit_code = 3
    traffic.close()
    assert [kind for kind, _ in observed.noted] == ["f"] * is_new
    ((copy, code),) = observed.recorded
    assert (copy.name, code) == ("a", 3)


def test_reason_of_a_port_session_is_not_a_copy(observed: Observed) -> None:
    observed.session(PORT, COPY)[0].close()
    assert {kind for kind, _ in observed.noted} == {"c"}
    assert [type(each) for each in observed.recorded] == [PortTotals]


def test_connections_of_a_session_that_is_under_way_are_only_counted(observed: Observed) -> None:
    for is_new in (True, False):
        traffic, tap = observed.session(PORT, is_new=is_new)
        assert tap.traffic is not None
        tap.traffic.from_client(700, data(700))
        traffic.close()
    assert [totals.sent for totals in observed.recorded] == [0, 1]  # a new session begins with message 0
    assert [totals.is_complete for totals in observed.recorded] == [False, False]


def test_connections_are_not_followed_if_nobody_would_know(observed: Observed) -> None:
    traffic, tap = observed.session(PORT, trail=NoTrail(), recorded=False)
    assert tap.traffic is None
    traffic.close()
    assert observed.recorded == []
    assert observed.session(PORT, recorded=False)[1].traffic is not None
