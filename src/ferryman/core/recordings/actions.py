"""GetRecording, GetRecordingEvents, VerifyRecording, DeleteRecording."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from ferryman.core.audit.recording_records import recording_deleted
from ferryman.core.kms.encryption.custody import require_readable, unwrap_key
from ferryman.core.paging import Listing
from ferryman.core.ports.kms import KeyUnusable
from ferryman.core.ports.recordings.recorder import BlockPosition, Damaged, RecordedEvent
from ferryman.core.ports.recordings.store import Recording, RecordingKey
from ferryman.core.recordings.access import accessible
from ferryman.core.recordings.requests import GetRecordingEventsRequest, RecordingEvents, Verification
from ferryman.core.recordings.retention import begin_deletion
from ferryman.core.service import Service
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import SessionId
from ferryman.model.identity.callers import Caller
from ferryman.model.sessions import ENDED

PAGE_BYTES = 256 * 1024
"""A page of events ends with the block in which it reaches this many bytes."""
PAGE_BLOCKS = 1000
"""A page has at most this many blocks; those of a session that shows a byte a second are small."""
_EVENT_BYTES = 64
"""What an event adds to a page in addition to its data."""
_READ_INPUT = "ferryman:GetRecordingInput"
"""Needed to read what was typed, in addition to the permission to read events."""


async def get_recording(service: Service, caller: Caller, session_id: str) -> Recording:
    """GetRecording: what is known about the recording of a session.

    Raises AccessDeniedException, DoesNotExistException.
    """
    return await accessible(service, caller, "ferryman:GetRecording", session_id)


async def get_recording_events(service: Service, caller: Caller, request: GetRecordingEventsRequest) -> RecordingEvents:
    """GetRecordingEvents: a page of what was shown, and of what was typed if `caller` may read that, too.

    Raises AccessDeniedException, DoesNotExistException, InvalidNextToken, RecordingDamagedException,
    RecordingKeyUnavailableException.
    """
    recording = await accessible(service, caller, "ferryman:GetRecordingEvents", request.session_id)
    if request.include_input:
        await accessible(service, caller, _READ_INPUT, request.session_id)
    members = (request.session_id, request.start_at, request.include_input)
    listing = Listing(service, caller, "GetRecordingEvents", members)
    reached = listing.position(request.next_token)
    after = None if reached is None else BlockPosition(int(reached[0]), int(reached[1]))
    found: list[RecordedEvent] = []
    size = count = 0
    async with aclosing(_blocks(service, caller, recording, after, request.start_at)) as blocks:
        async for position, events in blocks:
            count += 1
            size += sum(len(event.data) + _EVENT_BYTES for event in events)
            found += (event for event in events if event.kind != "i" or request.include_input)
            if size >= PAGE_BYTES or count >= PAGE_BLOCKS:
                token = listing.ending_at((), [position.number, position.readable_from]).next_token
                return RecordingEvents(tuple(found), token)
    return RecordingEvents(tuple(found), None)


async def verify_recording(service: Service, caller: Caller, session_id: str) -> Verification:
    """VerifyRecording: whether every block of a recording is what was written.

    Raises AccessDeniedException, DoesNotExistException.
    """
    recording = await accessible(service, caller, "ferryman:VerifyRecording", session_id)
    key = await _key(service, caller, recording)
    return Verification(session_id, await service.recorder.verify(recording, key))


async def delete_recording(service: Service, caller: Caller, session_id: str) -> None:
    """DeleteRecording: delete the recording of a session that has ended, and its key.

    Raises AccessDeniedException, DoesNotExistException, ValidationException while the session is active,
    RecordingRetainedException while the recording is held or retained.
    """
    recording = await accessible(service, caller, "ferryman:DeleteRecording", session_id)
    session = await service.store.sessions.get(SessionId(session_id))
    if session is not None and session.status not in ENDED:
        message = f"The recording of {session_id} cannot be deleted while the session is active: end it first."
        raise ServiceError("ValidationException", message)
    await begin_deletion(service, recording)
    await service.recorder.delete(recording)
    await service.store.recordings.delete(session_id)
    recording_deleted(service, recording, caller.arn)
    await service.recording_search.remove(session_id)  # now that nothing adds it to the index again


async def _blocks(
    service: Service, caller: Caller, recording: Recording, after: BlockPosition | None, start_at: int
) -> AsyncGenerator[tuple[BlockPosition, list[RecordedEvent]], None]:
    key = await _key(service, caller, recording)
    try:
        async with aclosing(service.recorder.blocks(recording, key, after, start_at)) as blocks:
            async for block in blocks:
                yield block
    except Damaged as error:
        raise ServiceError("RecordingDamagedException", f"The recording is damaged: {error}.") from error


async def _key(service: Service, caller: Caller, recording: Recording) -> RecordingKey:
    """Return a recording's data key, if the caller may use the KMS key that it is under.

    Raises AccessDeniedException, DoesNotExistException, RecordingKeyUnavailableException.
    """
    session_id = recording.session_id
    key = await service.store.recordings.key(session_id)
    if key is None:
        raise ServiceError("DoesNotExistException", f"There is no recording of {session_id}.")
    try:
        await require_readable(service, caller, session_id, key)
        return await unwrap_key(service, session_id, key)
    except KeyUnusable as error:
        raise _unreadable(f"{error}") from error
    except ServiceError as error:
        if error.code != "NotFoundException":
            raise
        raise _unreadable("its KMS key was deleted") from error


def _unreadable(cause: str) -> ServiceError:
    return ServiceError("RecordingKeyUnavailableException", f"The recording cannot be read: {cause}.")
