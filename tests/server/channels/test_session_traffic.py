"""What is recorded of forwarded ports and of copies: connections and files, in the recording and in the trail."""

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ferryman.core.audit.traffic_records import CONNECTIONS, COPY
from ferryman.core.ports.audit import Entry, NoTrail
from ferryman.core.ports.recordings.store import RecordingMode
from ferryman.core.service import Service
from ferryman.model.sessions import SessionStatus
from ferryman.model.values.copy_reasons import download_reason, upload_reason
from tests.server.callers.own_calls import call, finished
from tests.server.captured_sessions import Stage, recordings
from tests.server.peers import exit_code, output, typed
from tests.server.recorded_sessions import Disk, Recording, shown
from tests.server.running import Recorded, Server, until

DIGEST = "ab" * 32


@pytest.fixture
async def recording(tmp_path: Path) -> AsyncIterator[Recording]:
    made = Recording(Disk(tmp_path / "recordings"), RecordingMode.BEST_EFFORT)
    yield made
    made.running.cancel()
    await made.recorder.close()


@pytest.fixture
def entries() -> list[Entry]:
    """What the audit trail got."""
    return []


@pytest.fixture
def recorded(recording: Recording, entries: list[Entry]) -> Recorded:
    class Trail(NoTrail):
        def note(self, entry: Entry) -> None:
            entries.append(entry)

    def record(service: Service) -> Service:
        return recording.record(replace(service, trail=Trail()))

    return record


def details(entries: list[Entry], kind: str) -> list[Any]:
    return [entry["detail"] for entry in entries if entry.get("detail-type") == kind]


async def events(server: Server, session_id: str, kind: str) -> list[Any]:
    """The events of one kind of a finished recording."""

    async def look() -> Any:
        return (await call(server, "GetRecording", SessionId=session_id))["Recording"]["Status"]

    await until(look, lambda status: status == "Finished")
    page = await call(server, "GetRecordingEvents", SessionId=session_id)
    return [json.loads(base64.b64decode(each["Data"])) for each in page["Events"] if each["Kind"] == kind]


async def test_connection_of_awss_agent_and_plugin_is_listed(server: Server, entries: list[Entry]) -> None:
    (name,) = [each for each in recordings() if each.startswith("Port session, mux")]
    stage = await Stage.set(server, name)
    await stage.in_step()
    await stage.finish()
    session_id = stage.recording.session_id
    listed = await events(server, session_id, "c")
    assert listed == [
        {"state": "forwarding", "host": "", "port": "8080"},
        {"state": "opened", "connection": 1},
        {"state": "closed", "connection": 1, "by": "session", "sent": 4, "received": 6},
        {"state": "total", "connections": 1, "refused": 0, "sent": 4, "received": 6, "complete": True},
    ]
    assert await shown(server, session_id) == b""
    (summary,) = details(entries, CONNECTIONS)
    assert summary["target"] == stage.recording.node_id
    assert (summary["port"], summary["connections"], summary["complete"]) == ("8080", 1, True)
    assert (summary["bytesFromClient"], summary["bytesFromNode"]) == (4, 6)


async def test_content_of_ports_is_not_recorded(server: Server) -> None:
    paired = await server.paired(DocumentName="AWS-StartSSHSession", ferryman=True)
    await paired.client.send(typed(0, b"secret"))
    await paired.agent.frame()
    await paired.agent.send(output(0, b"secret"))
    await paired.client.frame()
    await finished(server, paired)
    page = await call(server, "GetRecordingEvents", SessionId=paired.session_id)
    assert {event["Kind"] for event in page["Events"]} <= {"c", "m"}
    assert b"secret" not in b"".join(base64.b64decode(event["Data"]) for event in page["Events"])


async def test_copied_file_is_recorded_with_the_exit_code(server: Server, entries: list[Entry]) -> None:
    paired = await server.paired(Reason=upload_reason("app.conf", "/etc/", 12, DIGEST))
    await paired.agent.send(exit_code(0, b"EXIT_CODE: 0"))
    await paired.client.frame()
    await finished(server, paired)
    said = {"direction": "upload", "name": "app.conf", "destination": "/etc/", "bytes": 12, "sha256": DIGEST}
    assert await events(server, paired.session_id, "f") == [said]
    (copied,) = details(entries, COPY)
    assert copied == copied | said | {"exitCode": 0, "reportedBy": "client", "sessionId": paired.session_id}


async def test_copy_without_an_exit_code_is_recorded_too(server: Server, entries: list[Entry]) -> None:
    paired = await server.paired(Reason=download_reason("/etc/shadow"))
    await paired.end()
    await server.until_status(paired.session_id, SessionStatus.TERMINATED)

    async def look() -> list[Any]:
        return details(entries, COPY)

    (copied,) = await until(look, bool)
    assert (copied["name"], copied["direction"]) == ("/etc/shadow", "download")
    assert "exitCode" not in copied
    assert not details(entries, CONNECTIONS)
