"""The connections and the file of a session in `ferryman sessions show`, for people who may read the recording."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from ferryman.client.calls.api import Connection, Refused, connect
from ferryman.client.recordings.events import RecordedEvent, recorded_events
from ferryman.client.recordings.traffic import connection_event
from ferryman.model.values.copy_reasons import file_copy

MOST_SHOWN = 1000
"""Connections; a session may have more if all its ends left the server and came back."""


def session_traffic(connection: Connection, session: Mapping[str, Any]) -> dict[str, object]:
    """Return the file that a session copies, and the connections of its recording if it forwards a port.

    Without a recording, or without permission to read it, there are no connections.
    """
    found: dict[str, object] = {}
    if (copy := file_copy(session.get("Reason"))) is not None:
        found["Copy"] = {key[0].upper() + key[1:]: value for key, value in copy.members.items()}
    try:
        events = recorded_events(connect(connection, "ferryman"), session["SessionId"])
        forwarding = connections(events, session["StartDate"])
    except Refused:
        forwarding = None
    return found if forwarding is None else found | {"Forwarding": forwarding}


def connections(events: Iterable[RecordedEvent], began: datetime) -> dict[str, object] | None:
    """Return the connections in a recording; None, after the first event, if the session forwards no port."""
    forwarding: dict[str, Any] = {}
    listed: list[dict[str, object]] = []
    open_now: dict[int, dict[str, object]] = {}
    for event in events:
        said, at = connection_event(event), began + timedelta(seconds=event.at)
        if said is None:
            if not forwarding:
                return None
        elif said.state == "forwarding":
            open_now.clear()
            forwarding = forwarding or {"Host": said.host, "Port": said.port}
        elif said.state == "opened" and len(listed) < MOST_SHOWN:
            open_now[said.connection] = {"Opened": at}
            listed.append(open_now[said.connection])
        elif said.state == "closed" and (one := open_now.pop(said.connection, None)) is not None:
            one |= {"Closed": at, "ClosedBy": said.by} | ({"Reason": said.reason} if said.reason else {})
            one |= {"BytesFromClient": said.sent, "BytesFromNode": said.received}
        elif said.state == "total":
            forwarding = {
                **forwarding,
                "Connections": forwarding.get("Connections", 0) + said.connections,
                "Refused": forwarding.get("Refused", 0) + said.refused,
                "BytesFromClient": forwarding.get("BytesFromClient", 0) + said.sent,
                "BytesFromNode": forwarding.get("BytesFromNode", 0) + said.received,
                "Complete": forwarding.get("Complete", True) and said.complete,
            }
    return {**forwarding, "List": listed} if forwarding else None
