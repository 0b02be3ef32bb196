"""Points in time, in and out."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.model.values.timestamps import from_millis, iso_millis, iso_seconds, parse_iso, to_millis

NOON = datetime(2026, 1, 31, 12, tzinfo=timezone(timedelta(hours=2)))
UNTIL_2200 = st.integers(0, 7_258_118_400_000)


@given(UNTIL_2200)
def test_milliseconds_come_back_as_they_were(millis: int) -> None:
    assert to_millis(from_millis(millis)) == to_millis(from_millis(millis), round_up=True) == millis
    assert to_millis(parse_iso(iso_millis(from_millis(millis)))) == millis


def test_part_of_a_millisecond_is_rounded_down_or_up() -> None:
    moment = from_millis(5) + timedelta(microseconds=1)
    assert (to_millis(moment), to_millis(moment, round_up=True)) == (5, 6)


def test_texts_are_in_utc_and_cut_off() -> None:
    moment = NOON + timedelta(microseconds=999_999)
    assert (iso_seconds(moment), iso_millis(moment)) == ("2026-01-31T10:00:00Z", "2026-01-31T10:00:00.999Z")
    assert iso_millis(NOON) == "2026-01-31T10:00:00.000Z"


@pytest.mark.parametrize("text", ["2026-01-31T12:00:00+02:00", "2026-01-31T10:00:00Z", "2026-01-31T10:00:00"])
def test_a_text_without_a_zone_is_utc(text: str) -> None:
    assert parse_iso(text) == NOON
    assert parse_iso("2026-01-31") == datetime(2026, 1, 31, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "noon", "2026-02-30", "1769853600"])
def test_other_texts_are_not_times(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_iso(text)
