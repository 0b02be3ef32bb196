"""Times as users type them in options."""

import re
from datetime import UTC, datetime, timedelta

from ferryman.model.failures import Failure

FORMS = "90s, 15m, 12h, 30d, 2w, yesterday or ISO 8601"
"""What `parse_instant` reads, for the help of options."""

_AGE = re.compile(r"([0-9]{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DAYS_AGO = {"today": 0, "yesterday": 1}


def parse_instant(option: str, text: str | None, now: datetime | None = None) -> datetime | None:
    """Return the time that an option's text means, in UTC.

    A number with a unit (`90s`, `15m`, `12h`, `30d`, `2w`) is that long before `now`, by default the time of the call.
    `today` and `yesterday` are the midnight at which the day began here. Everything else is ISO 8601; without a zone it
    is local time. Raises `Failure`.
    """
    if text is None:
        return None
    here = (now or datetime.now(UTC)).astimezone()
    try:
        if age := _AGE.fullmatch(text):
            return (here - timedelta(**{_UNITS[age[2]]: int(age[1])})).astimezone(UTC)
        if text in _DAYS_AGO:
            day = here.date() - timedelta(days=_DAYS_AGO[text])
            return datetime(day.year, day.month, day.day).astimezone().astimezone(UTC)
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Failure(
            f"{option} {text!r} is not a valid time",
            f"it must be {FORMS}",
            "Try 30d for the last 30 days, 2026-01-31 or 2026-01-31T09:00:00+01:00",
        ) from error


def shown_length(seconds: float) -> str:
    """Return a length of time as `1:02:03`."""
    minutes, whole_seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{whole_seconds:02}"


class ShownTimes:
    """How a listing shows its times: in this machine's time zone or in UTC, which the heading names.

    For programs each time is ISO 8601 with its offset, and the heading stays the same.
    """

    def __init__(self, *, utc: bool, for_programs: bool = False) -> None:
        self._zone = UTC if utc else None
        self._for_programs = for_programs
        self._names: set[str] = set()

    def cell(self, moment: datetime | None) -> str:
        """Return the text of a time; empty for None."""
        if moment is None:
            return ""
        try:
            shown = moment.astimezone(self._zone)
        except (ValueError, OverflowError):
            shown = moment
        self._names.add(shown.tzname() or "")
        return shown.isoformat(timespec="seconds") if self._for_programs else shown.strftime("%Y-%m-%d %H:%M:%S")

    def heading(self, title: str) -> str:
        """Return the heading of a column, with the zones of the times shown so far, such as `Started (CEST/CET)`."""
        return title if self._for_programs or not self._names else f"{title} ({'/'.join(sorted(self._names))})"
