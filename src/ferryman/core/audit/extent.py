"""Where the trail begins, according to its own records: tells deletion by the server from removal by anyone else.

Every file begins with such a record, and each follows from the one before: a trail that begins at record N begins there
until a record says that the server deleted files or found some missing.
"""

from dataclasses import dataclass

import msgspec

OPENED = "AuditTrailOpened"
"""`detail-type` of the event which says that the server started; `detail.firstSequence` is the trail's first record."""
BEGUN = "AuditTrailFileBegun"
"""`detail-type` of a file's first record; `detail.firstSequence` is the trail's first record."""
DELETED = "AuditTrailFileDeleted"
"""`detail-type` of the event which says that the server deletes its oldest files: records `firstSequence` to
`lastSequence`."""
MISSING = "AuditTrailFileMissing"
"""`detail-type` of the event which says that the server found records `firstSequence` to `lastSequence` missing."""
_KINDS = (OPENED, BEGUN, DELETED, MISSING)
_MARKS = tuple(kind.encode() for kind in _KINDS)


@dataclass(frozen=True, slots=True)
class Extent:
    """Where the trail begins, as one record says. `first` is the trail's first record before that one, None if an older
    server left it out; `oldest` is the first record after it. `files` are those that the server deletes or has yet to
    delete.
    """

    kind: str
    first: int | None
    oldest: int
    files: tuple[str, ...] = ()


def extent_of(line: bytes) -> Extent | None:
    """Return what a record says about where the trail begins; None if nothing. The record is not verified."""
    if not any(mark in line for mark in _MARKS):
        return None
    try:
        entry = msgspec.json.decode(line)
    except msgspec.DecodeError:
        return None
    detail = entry.get("detail") if isinstance(entry, dict) and entry.get("detail-type") in _KINDS else None
    if not isinstance(detail, dict):
        return None
    kind, first, last = entry["detail-type"], detail.get("firstSequence"), detail.get("lastSequence")
    files = tuple(detail.get("files", ()))
    if kind in (OPENED, BEGUN):
        return Extent(kind, first, first, files) if isinstance(first, int) else None
    if not isinstance(last, int):
        return None
    return Extent(kind, first if isinstance(first, int) else None, last + 1, files)
