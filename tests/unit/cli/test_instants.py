import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from ferryman.cli.instants import ShownTimes, parse_instant, shown_length
from ferryman.model.failures import Failure

NOW = datetime(2026, 3, 30, 9, 30, tzinfo=UTC)
"""The day after the clocks went forward in Berlin."""


@pytest.fixture(autouse=True)
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("90s", timedelta(seconds=90)),
        ("15m", timedelta(minutes=15)),
        ("12h", timedelta(hours=12)),
        ("30d", timedelta(days=30)),
        ("2w", timedelta(weeks=2)),
        ("0s", timedelta(0)),
    ],
)
def test_a_number_with_a_unit_is_that_long_ago(text: str, ago: timedelta) -> None:
    assert parse_instant("--since", text, NOW) == NOW - ago


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("today", "2026-03-29T22:00:00+00:00"),
        ("yesterday", "2026-03-28T23:00:00+00:00"),
        ("2026-01-31", "2026-01-30T23:00:00+00:00"),
        ("2026-01-31T09:00:00", "2026-01-31T08:00:00+00:00"),
        ("2026-07-01T09:00:00", "2026-07-01T07:00:00+00:00"),
        ("2026-01-31T09:00:00Z", "2026-01-31T09:00:00+00:00"),
        ("2026-01-31T09:00:00-05:00", "2026-01-31T14:00:00+00:00"),
    ],
)
def test_days_and_times_without_a_zone_are_local(text: str, instant: str) -> None:
    assert parse_instant("--since", text, NOW) == datetime.fromisoformat(instant)


def test_no_text_is_no_limit() -> None:
    assert parse_instant("--since", None) is None


def test_without_a_time_of_its_own_it_is_counted_from_now() -> None:
    before = datetime.now(UTC)
    found = parse_instant("--since", "1h")
    assert found is not None
    assert before <= found + timedelta(hours=1) <= datetime.now(UTC)


@pytest.mark.parametrize(
    "text", ["", "30", "d", "-1d", "1.5h", "30 d", "99999999d", "999999w", "30D", "٣d", "Yesterday"]
)
def test_anything_else_is_refused_with_what_is_accepted(text: str) -> None:
    with pytest.raises(Failure, match=r"--since .* is not a valid time") as refused:
        parse_instant("--since", text, NOW)
    assert "30d" in str(refused.value)


class TestShownTimes:
    WINTER, SUMMER = datetime(2026, 1, 31, 8, tzinfo=UTC), datetime(2026, 7, 1, 7, tzinfo=UTC)

    def test_the_heading_names_the_zones_of_local_times(self) -> None:
        times = ShownTimes(utc=False)
        assert [times.cell(each) for each in (self.SUMMER, self.WINTER, None)] == [
            "2026-07-01 09:00:00",
            "2026-01-31 09:00:00",
            "",
        ]
        assert times.heading("Started") == "Started (CEST/CET)"

    def test_utc(self) -> None:
        times = ShownTimes(utc=True)
        assert times.cell(self.SUMMER) == "2026-07-01 07:00:00"
        assert times.heading("Started") == "Started (UTC)"

    def test_programs_get_offsets_and_a_heading_that_stays(self) -> None:
        times = ShownTimes(utc=False, for_programs=True)
        assert times.cell(self.SUMMER) == "2026-07-01T09:00:00+02:00"
        assert times.heading("Started") == "Started"


@pytest.mark.parametrize(("seconds", "shown"), [(0.4, "0:00:00"), (61, "0:01:01"), (90_061, "25:01:01")])
def test_lengths(seconds: float, shown: str) -> None:
    assert shown_length(seconds) == shown
