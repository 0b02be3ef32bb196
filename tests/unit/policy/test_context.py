"""Values of condition keys, and how each family of operators reads them."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from ipaddress import ip_address

import pytest

from ferryman.policy.context import (
    Value,
    as_address,
    as_bytes,
    as_instant,
    as_number,
    as_text,
    as_truth,
    fold,
    request_context,
)

NOON = datetime(2030, 1, 31, 12, tzinfo=UTC)
NOON_MICROSECONDS = 1_896_091_200_000_000


def test_keys_have_no_case_and_values_one_or_several() -> None:
    context = request_context({"aws:UserName": "alice", "AWS:TagKeys": ["a", "b"], "x:empty": []})
    assert context.get("aws:username") == ("alice",)
    assert context.get("aws:tagkeys") == ("a", "b")
    assert context.get("x:empty") == context.get("x:missing") == ()


def test_keys_that_differ_in_case_only_come_together() -> None:
    assert request_context({"ssm:resourceTag/A": "1", "ssm:resourceTag/a": "2"}).get("ssm:resourcetag/a") == ("1", "2")


def test_only_ascii_letters_have_a_case() -> None:
    assert fold("aws:PrincipalTag/É\u212a") == "aws:principaltag/É\u212a"


def test_a_time_has_a_zone() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        request_context({"aws:CurrentTime": datetime(2030, 1, 1)})  # noqa: DTZ001 - that is the point


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("x", "x"),
        (True, "true"),
        (False, "false"),
        (7, "7"),
        (Decimal("1.50"), "1.50"),
        (b"\x00\xff", "AP8="),
        (NOON, "2030-01-31T12:00:00Z"),
        (ip_address("192.0.2.1"), "192.0.2.1"),
        (ip_address("2001:db8::1"), "2001:db8::1"),
    ],
)
def test_text(value: Value, text: str) -> None:
    assert as_text(value) == text


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (7, 7),
        ("7", 7),
        ("-7.25", Decimal("-7.25")),
        ("+0.1", Decimal("0.1")),
        (Decimal("0.1"), Decimal("0.1")),
        (True, None),
        ("", None),
        ("1e9", None),
        ("NaN", None),
        ("Infinity", None),
        ("1_0", None),
        (" 1", None),
        ("1.", None),
        ("٣", None),
        ("9" * 65, None),
        (NOON, None),
    ],
)
def test_numbers(value: Value, number: object) -> None:
    assert as_number(value) == number


@pytest.mark.parametrize(
    ("value", "microseconds"),
    [
        (NOON, NOON_MICROSECONDS),
        (NOON.astimezone(timezone(timedelta(hours=-5))), NOON_MICROSECONDS),
        ("2030-01-31T12:00:00Z", NOON_MICROSECONDS),
        ("2030-01-31T12:00Z", NOON_MICROSECONDS),
        ("2030-01-31T12:00:00.0000000Z", NOON_MICROSECONDS),
        ("2030-01-31T12:00:00.25Z", NOON_MICROSECONDS + 250_000),
        ("2030-01-31T13:30:00+01:30", NOON_MICROSECONDS),
        ("2030-01-31T07:00:00-05:00", NOON_MICROSECONDS),
        ("2030-01-31", NOON_MICROSECONDS - 43_200_000_000),
        ("1970-02", 31 * 86_400_000_000),
        ("1971", 365 * 86_400_000_000),
        ("1896091200", NOON_MICROSECONDS),
        (1896091200, NOON_MICROSECONDS),
        ("0", 0),
        (True, None),
        ("2030-02-30", None),
        ("2030-01-31T12:00:00", None),
        ("2030-01-31 12:00:00Z", None),
        ("2030-01-31T24:00:00Z", None),
        ("2030-01-31T12:00:60Z", None),
        ("2030-01-31T12:00:00+24:00", None),
        ("2030-01-31T12:00:00+01:60", None),
        ("0000", None),
        ("-1", None),
        ("", None),
        ("٢٠٣٠", None),
        (b"0", None),
    ],
)
def test_times(value: Value, microseconds: int | None) -> None:
    assert as_instant(value) == microseconds


@pytest.mark.parametrize(
    ("value", "truth"),
    [(True, True), (False, False), ("TRUE", True), ("false", False), ("1", None), ("", None), (1, None)],
)
def test_truths(value: Value, truth: bool | None) -> None:
    assert as_truth(value) is truth


@pytest.mark.parametrize(
    ("value", "octets"), [(b"\x00", b"\x00"), ("AA==", b"\x00"), ("AA", None), ("A*==", None), ("é", None), (7, None)]
)
def test_bytes(value: Value, octets: bytes | None) -> None:
    assert as_bytes(value) == octets


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        (ip_address("192.0.2.1"), "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        (ip_address("::ffff:192.0.2.1"), "192.0.2.1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("192.0.2.1/32", None),
        ("192.0.2.256", None),
        ("", None),
        (3221225985, None),
        (b"\xc0\x00\x02\x01", None),
    ],
)
def test_addresses(value: Value, address: str | None) -> None:
    assert as_address(value) == (None if address is None else ip_address(address))
