"""ListRecordings."""

from collections.abc import Sequence

from ferryman.core.authorization.decisions import require
from ferryman.core.listings import narrowed_by
from ferryman.core.paging import Listing, Page, Position
from ferryman.core.ports.recordings.store import Recording, RecordingPosition
from ferryman.core.recordings.requests import ListRecordingsRequest
from ferryman.core.service import Service
from ferryman.model.identifiers import Millis, SessionId
from ferryman.model.identity.callers import Caller

DEFAULT_PAGE = 50


async def list_recordings(service: Service, caller: Caller, request: ListRecordingsRequest) -> Page[Recording]:
    """ListRecordings: newest first; every page is full except the last.

    Raises AccessDeniedException, InvalidNextToken.
    """
    require(service, caller, "ferryman:ListRecordings", service.arns.recording("*"))
    query = request.query
    members = (query.target, query.owner, query.started_after, query.started_before)
    listing = Listing(service, caller, "ListRecordings", members)

    async def read(after: Position | None, most: int) -> Sequence[Recording]:
        behind = None if after is None else RecordingPosition(Millis(int(after[0])), SessionId(str(after[1])))
        return await service.store.recordings.page(query, behind, most)

    with narrowed_by("Target", "Owner", "StartedAfter", "StartedBefore"):
        return await listing.page(
            request.next_token, request.max_results or DEFAULT_PAGE, read, lambda row: (row.started_at, row.session_id)
        )
