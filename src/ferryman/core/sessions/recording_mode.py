"""Decides whether a session is recorded, by its document, the account's preferences and its node's tag."""

import json

from ferryman.core.documents.actions import find_document
from ferryman.core.ports.recordings.store import RecordingMode
from ferryman.core.service import Service
from ferryman.model.documents import PREFERENCES_DOCUMENT, StoredDocument, WhichVersion
from ferryman.model.sessions import Session
from ferryman.model.tags import ResourceType
from ferryman.policy.context import fold

RECORDING_TAG = "ferryman:recording"
"""The key of the node's tag; its value is a mode."""
_STRICTEST_FIRST = (RecordingMode.REQUIRED, RecordingMode.BEST_EFFORT, RecordingMode.OFF)


async def recording_mode(service: Service, session: Session, configured: RecordingMode) -> RecordingMode:
    """Return the mode for a session.

    If the configuration or the account's preferences require recordings, nothing turns them off. Otherwise the node's
    tag and the document (or, if that says nothing, the preferences) decide, the stricter of the two; the configuration
    decides if neither says anything.
    """
    if configured is RecordingMode.REQUIRED:
        return configured
    said = {await _of_document(service, session), await _of_node(service, session)}
    return next((mode for mode in _STRICTEST_FIRST if mode in said), configured)


async def _of_document(service: Service, session: Session) -> RecordingMode | None:
    which = WhichVersion(number=session.document_version)
    own = _said(await find_document(service, session.document_name, which))
    preferred = _said(await find_document(service, PREFERENCES_DOCUMENT))
    return preferred if own is None or preferred is RecordingMode.REQUIRED else own


def _said(document: StoredDocument | None) -> RecordingMode | None:
    inputs = {} if document is None else json.loads(document.json).get("inputs") or {}
    mode = inputs.get("recordingMode")
    return RecordingMode(mode) if mode else None


async def _of_node(service: Service, session: Session) -> RecordingMode | None:
    tags = (await service.store.tags.of(ResourceType.NODE, [session.target])).get(session.target, {})
    values = [value for key, value in tags.items() if fold(key) == fold(RECORDING_TAG)]
    if not values:
        return None
    # Whoever set an invalid value wanted some mode; the strictest is the safe choice.
    modes = [RecordingMode(value) if value in list(RecordingMode) else RecordingMode.REQUIRED for value in values]
    return next(mode for mode in _STRICTEST_FIRST if mode in modes)
