"""Times as users type them in options."""

from datetime import UTC, datetime

from ferryman.model.failures import Failure


def parse_instant(option: str, text: str | None) -> datetime | None:
    """Return the time in an option's ISO 8601 text, in UTC; without a zone it is local time. Raises `Failure`."""
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Failure(
            f"{option} {text!r} is not a valid time",
            "it must be in ISO 8601",
            "Try 2026-01-31 or 2026-01-31T09:00:00+01:00",
        ) from error
