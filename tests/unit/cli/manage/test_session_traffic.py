"""What `sessions show` says about connections."""

from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from ferryman.cli.manage import session_traffic
from ferryman.cli.manage.session_traffic import connections
from ferryman.client.calls.api import Connection, Refused
from ferryman.client.recordings.events import RecordedEvent
from ferryman.model.values.copy_reasons import upload_reason

BEGAN = datetime(2026, 11, 29, tzinfo=UTC)


def events(*said: str) -> list[RecordedEvent]:
    return [RecordedEvent(number, "c", text.encode()) for number, text in enumerate(said)]


def test_connections_have_times_sizes_and_totals() -> None:
    found = connections(
        [
            *events(
                '{"state":"forwarding","host":"db","port":"5432"}',
                '{"state":"opened","connection":1}',
                '{"state":"opened","connection":2}',
                '{"state":"closed","connection":1,"by":"client","sent":3,"received":9}',
                '{"state":"closed","connection":2,"by":"session","sent":0,"received":0,"reason":"reset"}',
                '{"state":"total","connections":2,"refused":1,"sent":3,"received":9,"complete":true}',
            ),
            RecordedEvent(9, "m", b"A client connected."),
            *events(
                '{"state":"forwarding","host":"db","port":"5432"}',
                '{"state":"opened","connection":1}',
                '{"state":"total","connections":1,"refused":0,"sent":5,"received":0,"complete":false}',
            ),
        ],
        BEGAN,
    )
    first, second, third = (BEGAN + timedelta(seconds=at) for at in (1, 2, 3))
    assert found == {
        "Host": "db",
        "Port": "5432",
        "Connections": 3,
        "Refused": 1,
        "BytesFromClient": 8,
        "BytesFromNode": 9,
        "Complete": False,
        "List": [
            {"Opened": first, "Closed": third, "ClosedBy": "client", "BytesFromClient": 3, "BytesFromNode": 9},
            {
                "Opened": second,
                "Closed": BEGAN + timedelta(seconds=4),
                "ClosedBy": "session",
                "Reason": "reset",
                "BytesFromClient": 0,
                "BytesFromNode": 0,
            },
            {"Opened": first},
        ],
    }


def test_recording_of_a_shell_is_not_read_further() -> None:
    recording = iter([RecordedEvent(0, "m", b"A client connected."), *events('{"state":"opened","connection":1}')])
    assert connections(recording, BEGAN) is None
    assert next(recording).kind == "c"
    assert connections([], BEGAN) is None


def test_totals_are_incomplete_if_any_were_and_connections_begin_anew_with_each() -> None:
    """After both ends had left the server and came back, numbers begin with 1 again."""
    found = connections(
        events(
            '{"state":"forwarding","port":"22"}',
            '{"state":"opened","connection":1}',
            '{"state":"total","connections":1,"complete":false}',
            '{"state":"forwarding","port":"22"}',
            '{"state":"closed","connection":1,"by":"node"}',
            '{"state":"total","connections":0,"complete":true}',
        ),
        BEGAN,
    )
    assert found is not None
    assert found["Complete"] is False
    assert found["List"] == [{"Opened": BEGAN + timedelta(seconds=1)}]


def test_only_so_many_connections_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_traffic, "MOST_SHOWN", 2)
    opened = [f'{{"state":"opened","connection":{number}}}' for number in range(10)]
    found = connections(events('{"state":"forwarding"}', *opened), BEGAN)
    assert found is not None
    assert len(found["List"]) == 2  # type: ignore[arg-type] # a list


def test_who_may_not_read_the_recording_sees_the_copy_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> list[RecordedEvent]:
        raise Refused("GetRecording was refused", "AccessDenied", "Ask", "AccessDenied")

    monkeypatch.setattr(session_traffic, "recorded_events", refuse)
    monkeypatch.setattr(session_traffic, "connect", lambda *_: None)
    session = {"SessionId": "alice-0", "StartDate": BEGAN, "Reason": upload_reason("a", "/b")}
    assert session_traffic.session_traffic(cast(Connection, None), session) == {
        "Copy": {"Direction": "upload", "Name": "a", "Destination": "/b"}
    }
