"""The records of each session in a trail, put together."""

from datetime import UTC, datetime
from typing import Any

import pytest

from ferryman.audit.sessions import RecordedSession, recorded_sessions
from ferryman.core.audit.records import CHANNEL_CHANGE, SESSION_CHANGE
from ferryman.core.audit.traffic_records import CONNECTIONS, COPY
from tests.trail_records import ALICE, NODE, life, recording_record, session_record

NINE, TEN, ELEVEN = (f"2026-01-31T{hour:02}:00:00.000Z" for hour in (9, 10, 11))


def told(*records: dict[str, Any]) -> list[RecordedSession]:
    """The sessions of a trail with these records, oldest first."""
    return list(recorded_sessions(reversed(records)))


def test_a_session_is_one_however_many_records_it_has() -> None:
    [session] = told(*life("alice-1", NINE, TEN, details="Terminated by root", reason="ticket 7"))
    assert (session.session_id, session.owner, session.person, session.target) == ("alice-1", ALICE, "alice", NODE)
    assert (session.status, session.details, session.reason) == ("Terminated", "Terminated by root", "ticket 7")
    assert (session.started_at, session.seconds) == (datetime(2026, 1, 31, 9, tzinfo=UTC), 3600)
    assert (session.client_address, session.recording) == ("192.0.2.7", "")


def test_sessions_are_listed_by_when_they_started_newest_first() -> None:
    outer, inner = life("outer", NINE, ELEVEN), life("inner", TEN, TEN)
    assert [each.session_id for each in told(*outer[:-1], *inner, outer[-1])] == ["inner", "outer"]


def test_an_open_session_has_no_end() -> None:
    [session] = told(*life("alice-1", NINE, TEN)[:-1])
    assert (session.status, session.ended_at, session.seconds) == ("Connected", None, None)
    assert session.client_address == "192.0.2.7"


def test_a_session_whose_beginning_was_deleted_is_listed_last() -> None:
    cut, whole = life("cut", NINE, ELEVEN)[-1:], life("whole", TEN, TEN)
    sessions = told(*whole, *cut)
    assert [(each.session_id, each.seconds) for each in sessions] == [("whole", 0), ("cut", 7200)]


@pytest.mark.parametrize(("states", "said"), [(["Finished"], "Finished"), (["Finished", "Deleted"], "Deleted")])
def test_recordings_are_named_by_what_became_of_them(states: list[str], said: str) -> None:
    [session] = told(*life("alice-1", NINE, TEN), *(recording_record("alice-1", each) for each in states))
    assert session.recording == said


def test_a_deleted_recording_of_a_session_that_the_trail_no_longer_has_is_not_a_session() -> None:
    assert told(recording_record("long-ago", "Deleted")) == []


def test_connections_are_added_up_and_copies_named() -> None:
    begun, *rest = life("alice-1", NINE, TEN)
    summary = {"sessionId": "alice-1", "connections": 2, "bytesFromClient": 10, "bytesFromNode": "many"}
    copy = {"direction": "upload", "name": "a", "bytes": 5, "exitCode": 0}
    records = [
        {"detail-type": CONNECTIONS, "detail": summary},
        {"detail-type": CONNECTIONS, "detail": summary | {"bytesFromNode": 7}},
        {"detail-type": COPY, "detail": {"sessionId": "alice-1", "owner": ALICE, **copy, "destination": ["x"]}},
    ]
    [session] = told(begun, *rest, *records)
    assert (session.connections, session.bytes_from_client, session.bytes_from_node) == (4, 20, 7)
    assert session.copy == copy
    [session] = told(*life("alice-2", NINE, TEN))
    assert (session.connections, session.copy) == (None, None)


def test_a_refused_channel_is_not_a_session() -> None:
    detail = {"sessionId": "invented", "state": "Refused", "end": "client", "sourceIPAddress": "192.0.2.9"}
    assert told({"detail-type": CHANNEL_CHANGE, "detail": detail}) == []


@pytest.mark.parametrize(
    "detail", [None, [], "x", {}, {"sessionId": 7, "status": [], "startDate": "0001-01-01T00+23:59"}]
)
def test_whatever_the_files_say_is_read(detail: Any) -> None:
    told({"detail-type": SESSION_CHANGE, "detail": detail}, {"detail-type": 7, "detail": detail}, {})


@pytest.mark.parametrize(
    ("earliest", "latest", "matches"),
    [
        (8, None, True), (10, None, True), (11, None, False),
        (None, 9, False), (None, 10, True), (None, None, True),
    ],
)  # fmt: skip
def test_a_session_matches_if_it_was_open_in_the_span(earliest: int | None, latest: int | None, matches: bool) -> None:
    [session] = told(*life("alice-1", NINE, TEN))

    def hour(value: int | None) -> datetime | None:
        return None if value is None else datetime(2026, 1, 31, value, tzinfo=UTC)

    assert session.was_open(hour(earliest), hour(latest)) is matches


def test_a_session_that_has_not_ended_is_open_ever_since() -> None:
    [session] = told(session_record("alice-1", "Connected", NINE))
    assert session.was_open(datetime(2027, 1, 1, tzinfo=UTC), None)
