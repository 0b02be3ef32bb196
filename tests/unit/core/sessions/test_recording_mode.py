"""Which sessions are recorded: the configuration, documents, the account's preferences, and tags of nodes."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ferryman.core.documents import actions as documents
from ferryman.core.documents.requests import DocumentDraft
from ferryman.core.ports.recordings.recorder import Unrecordable
from ferryman.core.ports.recordings.store import RecordingMode
from ferryman.core.sessions import actions as sessions
from ferryman.core.sessions.recording_mode import recording_mode
from ferryman.core.sessions.requests import StartSessionRequest
from ferryman.model.documents import PREFERENCES_DOCUMENT
from ferryman.model.errors import ServiceError
from ferryman.model.sessions import Session
from ferryman.model.tags import ResourceType
from ferryman.recording.recorder import ServerRecorder
from ferryman.recording.storage.directory import DirectoryStorage

if TYPE_CHECKING:
    from tests.unit.core.conftest import World

OFF, BEST_EFFORT, REQUIRED = RecordingMode.OFF, RecordingMode.BEST_EFFORT, RecordingMode.REQUIRED


async def create(world: "World", name: str, mode: str) -> None:
    content = {"schemaVersion": "1.0", "sessionType": "Standard_Stream", "inputs": {"recordingMode": mode}}
    await documents.create_document(world.service, world.administrator, DocumentDraft(name, json.dumps(content)), {})


async def session(
    world: "World", document: str | None = None, preferences: str | None = None, tag: str | None = None
) -> Session:
    """A session with a document of this mode, under such preferences, on a node with such a tag."""
    node_id = await world.node()
    if preferences is not None:
        await create(world, PREFERENCES_DOCUMENT, preferences)
    if document is not None:
        await create(world, "Own", document)
    if tag is not None:
        await world.store.tags.put(ResourceType.NODE, node_id, {"Ferryman:Recording": tag})
    request = StartSessionRequest(node_id, None if document is None else "Own")
    ticket = await sessions.start_session(world.service, world.administrator, request)
    return await world.session(ticket.session_id)


@pytest.mark.parametrize(
    ("document", "preferences", "tag", "expected"),
    [
        (None, None, None, {OFF: OFF, BEST_EFFORT: BEST_EFFORT}),
        ("off", None, None, {OFF: OFF, BEST_EFFORT: OFF}),
        ("required", None, None, {OFF: REQUIRED, BEST_EFFORT: REQUIRED}),
        (None, "best-effort", None, {OFF: BEST_EFFORT, BEST_EFFORT: BEST_EFFORT}),
        ("off", "best-effort", None, {OFF: OFF, BEST_EFFORT: OFF}),
        ("off", "required", None, {OFF: REQUIRED, BEST_EFFORT: REQUIRED}),
        ("best-effort", "required", "off", {OFF: REQUIRED, BEST_EFFORT: REQUIRED}),
        ("", "required", None, {OFF: REQUIRED, BEST_EFFORT: REQUIRED}),
        (None, None, "off", {OFF: OFF, BEST_EFFORT: OFF}),
        ("off", None, "best-effort", {OFF: BEST_EFFORT, BEST_EFFORT: BEST_EFFORT}),
        ("required", None, "off", {OFF: REQUIRED, BEST_EFFORT: REQUIRED}),
        (None, None, "yes, please", {OFF: REQUIRED, BEST_EFFORT: REQUIRED}),
    ],
)
async def test_the_strictest_of_document_and_tag_wins(
    world: "World",
    document: str | None,
    preferences: str | None,
    tag: str | None,
    expected: dict[RecordingMode, RecordingMode],
) -> None:
    started = await session(world, document, preferences, tag)
    for configured, mode in expected.items():
        assert await recording_mode(world.service, started, configured) is mode


async def test_nothing_turns_off_what_the_configuration_requires(world: "World") -> None:
    started = await session(world, "off", "off", "off")
    assert await recording_mode(world.service, started, REQUIRED) is REQUIRED


async def test_the_mode_is_not_a_parameter_and_not_sent_to_the_node(world: "World") -> None:
    with pytest.raises(ServiceError, match=r"inputs\.recordingMode"):
        await create(world, "Chosen", "{{ mode }}")
    with pytest.raises(ServiceError, match=r"inputs\.recordingMode"):
        await create(world, "Chosen", "sometimes")
    started = await session(world, "required")
    assert "recordingMode" not in str(await world.store.sessions.document_content(started.session_id))


async def test_a_server_that_records_nothing_else_records_what_must_be(world: "World", tmp_path: Path) -> None:
    started = await session(world, tag="required")
    recorder = ServerRecorder(world.service, DirectoryStorage(tmp_path / "recordings"), OFF)
    await recorder.begin(started)
    recording = await world.store.recordings.get(started.session_id)
    assert recording is not None
    assert recording.mode is REQUIRED
    await recorder.close()
    (tmp_path / "file").touch()
    unable = ServerRecorder(world.service, DirectoryStorage(tmp_path / "file"), OFF)
    with pytest.raises(Unrecordable):
        await unable.begin(started)
    await unable.close()
