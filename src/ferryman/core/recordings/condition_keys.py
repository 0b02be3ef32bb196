"""The condition keys of recordings."""

from ferryman.core.authorization.request_context import Keys, resource_keys
from ferryman.core.ports.recording_search import SearchedRecording
from ferryman.core.ports.recordings import Recording
from ferryman.core.service import Service
from ferryman.model.tags import ResourceType


async def recording_keys(service: Service, recording: Recording) -> Keys:
    """Return the condition keys of a recording: its session's owner and document, and its node with the node's tags."""
    return {**await resource_keys(service, ResourceType.NODE, recording.target), **own_keys(recording)}


def own_keys(recording: Recording | SearchedRecording) -> Keys:
    """Return the condition keys of a recording without those of its node's tags."""
    return {
        "ferryman:Owner": recording.owner,
        "ferryman:Target": recording.target,
        "ferryman:DocumentName": recording.document_name,
    }
