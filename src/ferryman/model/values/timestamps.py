"""Points in time: milliseconds since the epoch inside, ISO 8601 in UTC outside."""

from datetime import UTC, datetime, timedelta

from ferryman.model.identifiers import Millis

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def from_millis(millis: int) -> datetime:
    """Return a time in UTC."""
    return datetime.fromtimestamp(millis / 1000, UTC)


def to_millis(moment: datetime, *, round_up: bool = False) -> Millis:
    """Return a time in whole milliseconds, rounded down unless `round_up`."""
    return Millis(-((_EPOCH - moment) // _MILLISECOND) if round_up else (moment - _EPOCH) // _MILLISECOND)


def parse_iso(text: str) -> datetime:
    """Return the time that an ISO 8601 text means; without a zone it is UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def iso_seconds(moment: datetime) -> str:
    """Return a time as `2026-01-31T09:00:00Z`; fractions of a second are cut off."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").removesuffix("+00:00") + "Z"


def iso_millis(moment: datetime) -> str:
    """Return a time as `2026-01-31T09:00:00.000Z`; smaller fractions are cut off."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
