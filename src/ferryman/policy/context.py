"""The context of a request: condition keys and their values, and a value as each family of operators reads it.

A value that a family cannot read matches nothing there.
"""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address, ip_address

Value = str | int | Decimal | bool | bytes | datetime | IPv4Address | IPv6Address
"""One value of a key. Times are aware; bytes are a binary key's."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
_NUMBER = re.compile(r"[+-]?[0-9]{1,64}(\.[0-9]{1,64})?")
_EPOCH_SECONDS = re.compile(r"[0-9]{1,3}|[0-9]{5,12}")
_W3C_DATE = re.compile(
    r"(?P<year>\d{4})(-(?P<month>\d\d)(-(?P<day>\d\d)"
    r"(T(?P<hour>\d\d):(?P<minute>\d\d)(:(?P<second>\d\d)(\.(?P<fraction>\d{1,9}))?)?"
    r"(?P<zone>Z|[+-]\d\d:\d\d))?)?)?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class RequestContext:
    """Values by folded key; `request_context` makes it. A key without values counts as missing.

    `ambiguous` are the folded keys that came in several spellings, two tags `env` and `Env`, with the values of each.
    """

    values: Mapping[str, tuple[Value, ...]]
    ambiguous: Mapping[str, tuple[tuple[Value, ...], ...]] = field(default_factory=dict)

    def get(self, folded_key: str) -> tuple[Value, ...]:
        """Return the key's values, none if it is missing."""
        return self.values.get(folded_key, ())


NO_CONTEXT = RequestContext({})


def request_context(entries: Mapping[str, Value | Sequence[Value]]) -> RequestContext:
    """Return a context of condition keys in any case; those that differ in case only are one key, an ambiguous one.

    Raises ValueError for a time without a time zone.
    """
    values: dict[str, tuple[Value, ...]] = {}
    ambiguous: dict[str, tuple[tuple[Value, ...], ...]] = {}
    for key, given in entries.items():
        several = (given,) if isinstance(given, str | bytes) or not isinstance(given, Sequence) else tuple(given)
        if any(isinstance(value, datetime) and value.tzinfo is None for value in several):
            raise ValueError(f"The time in the condition key {key} has no time zone.")
        folded = fold(key)
        before = values.get(folded)
        if before and several:
            ambiguous[folded] = (*ambiguous.get(folded, (before,)), several)
        values[folded] = before + several if before else several
    return RequestContext(values, ambiguous)


def without(context: RequestContext, *keys: str) -> RequestContext:
    """Return the context without these keys."""
    dropped = {fold(key) for key in keys}
    return RequestContext(
        {key: values for key, values in context.values.items() if key not in dropped},
        {key: several for key, several in context.ambiguous.items() if key not in dropped},
    )


def overlaid(context: RequestContext, given: RequestContext) -> RequestContext:
    """Return the context with the keys of `given` in place of its own."""
    ambiguous = {key: several for key, several in context.ambiguous.items() if key not in given.values}
    return RequestContext({**context.values, **given.values}, {**ambiguous, **given.ambiguous})


def fold(name: str) -> str:
    """Return an action name or a condition key in lower case; only ASCII letters are folded."""
    return name.lower() if name.isascii() else name.translate(_ASCII_LOWER)


def as_text(value: Value) -> str:
    """Return a value as the string operators and variables see it."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return str(value)


def as_number(value: Value) -> Decimal | None:
    """Return a number, None if the value is not a number: digits with sign and fraction, no exponent."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | Decimal) or (isinstance(value, str) and _NUMBER.fullmatch(value)):
        return Decimal(value)
    return None


def as_instant(value: Value) -> int | None:
    """Return microseconds since the epoch, None if the value is not a time.

    Text is one of the W3C's profiles of ISO 8601, or seconds since the epoch; four digits are a year.
    """
    if isinstance(value, datetime):
        return (value - _EPOCH) // _MICROSECOND
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value * 1_000_000
    if not isinstance(value, str):
        return None
    if _EPOCH_SECONDS.fullmatch(value):
        return int(value) * 1_000_000
    matched = _W3C_DATE.fullmatch(value)
    return _instant(matched) if matched else None


def as_truth(value: Value) -> bool | None:
    """Return true or false, None if the value is neither; as text in any case."""
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value.lower()) if isinstance(value, str) else None


def as_bytes(value: Value) -> bytes | None:
    """Return the bytes of a binary value or of base64 text, None if the value is neither."""
    if isinstance(value, bytes):
        return value
    try:
        return base64.b64decode(value, validate=True) if isinstance(value, str) else None
    except (binascii.Error, ValueError):
        return None


def as_address(value: Value) -> IPv4Address | IPv6Address | None:
    """Return an IP address, None if the value is not an address; an IPv4 address mapped into IPv6 is that IPv4
    address."""
    try:
        address = ip_address(value) if isinstance(value, str) else value
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped or address
    return address if isinstance(address, IPv4Address) else None


def _instant(matched: re.Match[str]) -> int | None:
    parts = matched.groupdict()
    zone = parts["zone"] or "Z"
    try:
        offset = UTC if zone == "Z" else _offset(zone)
        moment = datetime(
            int(parts["year"]),
            int(parts["month"] or 1),
            int(parts["day"] or 1),
            int(parts["hour"] or 0),
            int(parts["minute"] or 0),
            int(parts["second"] or 0),
            int((parts["fraction"] or "0")[:6].ljust(6, "0")),
            offset,
        )
    except ValueError:
        return None
    return (moment - _EPOCH) // _MICROSECOND


def _offset(zone: str) -> timezone:
    hours, minutes = int(zone[1:3]), int(zone[4:6])
    if minutes > 59:
        raise ValueError(zone)
    away = timedelta(hours=hours, minutes=minutes)
    return timezone(-away if zone[0] == "-" else away)
