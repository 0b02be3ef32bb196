"""Makes inputs of other inputs: at the level of bytes, and inside JSON at the level of values."""

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

DEEPEST = 20_000
"""Brackets within brackets."""
_NUMBERS = (
    b"0",
    b"-1",
    b"1",
    b"255",
    b"65536",
    b"2147483648",
    b"4294967295",
    b"9223372036854775807",
    b"18446744073709551616",
    b"1e400",
    b"-1e-400",
    b"0.1",
    b"NaN",
    b"9" * 5000,
)
_TEXTS = (
    b"",
    b"\x00",
    b"\xff",
    b"\xed\xa0\x80",
    b"\\ud800",
    b"\\u0000",
    "\u0130\u017f\ufb01".encode(),
    "\U0001f600".encode(),
    b"\x1b]0;x\x07",
    b"\r\n",
    b"../../x",
    b"//x",
    b"%00%ff%2e",
    b"*?" * 20,
    b"${aws:username}",
    b"{{ x }}",
    b"[::1",
    b"0.0.0.0/0",
    b"9999-12-31T23:59:59Z",
    b"0001-01-01T00:00:00+23:59",
    b"9" * 5000,
    b"a" * 5000,
)
_VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    2**63,
    2**64,
    10**400,
    1.5,
    1e308,
    "",
    "*",
    "\0",
    "\ud800",
    "9" * 5000,
    [],
    {},
    [[]],
    [{}],
    {"": ""},
    [None],
)
_OPEN, _CLOSE = b"[{(", b"]})"


def mutate(random: Random, corpus: Sequence[bytes], words: Sequence[bytes], limit: int) -> bytes:
    """Return an input like those of `corpus`, at most `limit` bytes long."""
    data = random.choice(corpus)
    if random.random() < 0.3:
        data = _in_json(random, data)
    for _ in range(random.choice((0, 1, 1, 1, 2, 2, 4, 8))):
        data = random.choice(_CHANGES)(random, data, corpus, words)
    if random.random() < 0.02:
        data = random.choice((_repeat, _nest))(random, data, limit)
    return data[:limit]


Change = Callable[[Random, bytes, Sequence[bytes], Sequence[bytes]], bytes]


def _cut(random: Random, data: bytes) -> tuple[int, int]:
    """Return a random piece, more often a short one."""
    start = random.randrange(len(data) + 1)
    return start, min(len(data), start + random.choice((0, 1, 1, 2, 4, 8, 16, 64, 1024)))


def _flip(random: Random, data: bytes, _: Sequence[bytes], __: Sequence[bytes]) -> bytes:
    if not data:
        return data
    place = random.randrange(len(data))
    return data[:place] + bytes([data[place] ^ (1 << random.randrange(8))]) + data[place + 1 :]


def _overwrite(random: Random, data: bytes, _: Sequence[bytes], __: Sequence[bytes]) -> bytes:
    size = random.choice((1, 2, 4, 8))
    number = random.choice((0, 1, (1 << 8 * size) - 1, 1 << (8 * size - 1), random.getrandbits(8 * size)))
    place = random.randrange(len(data) + 1)
    return data[:place] + number.to_bytes(size, random.choice(("big", "little"))) + data[place + size :]


def _delete(random: Random, data: bytes, _: Sequence[bytes], __: Sequence[bytes]) -> bytes:
    start, end = _cut(random, data)
    return data[:start] + data[end:]


def _truncate(random: Random, data: bytes, _: Sequence[bytes], __: Sequence[bytes]) -> bytes:
    return data[: random.randrange(len(data) + 1)]


def _double(random: Random, data: bytes, _: Sequence[bytes], __: Sequence[bytes]) -> bytes:
    start, end = _cut(random, data)
    return data[:end] + data[start:end] * random.choice((1, 1, 2, 40)) + data[end:]


def _insert(random: Random, data: bytes, _: Sequence[bytes], words: Sequence[bytes]) -> bytes:
    piece = random.choice(random.choice((words or _TEXTS, words or _TEXTS, _NUMBERS, _TEXTS)))
    start, end = _cut(random, data)
    return data[:start] + piece + data[random.choice((start, end)) :]


def _splice(random: Random, data: bytes, corpus: Sequence[bytes], _: Sequence[bytes]) -> bytes:
    other = random.choice(corpus)
    return data[: random.randrange(len(data) + 1)] + other[random.randrange(len(other) + 1) :]


_CHANGES: tuple[Change, ...] = (_flip, _overwrite, _delete, _truncate, _double, _insert, _insert, _splice)


def _repeat(random: Random, data: bytes, limit: int) -> bytes:
    """Fill the input with one piece: work that grows faster than its input shows."""
    start, end = _cut(random, data)
    piece = data[start:end] or b"a"
    room = max(0, limit - len(data)) // random.choice((1, 1, 4, 32))
    return data[:start] + piece * (room // len(piece)) + data[start:]


def _nest(random: Random, data: bytes, limit: int) -> bytes:
    """Put brackets around a place, many deep."""
    kind = random.randrange(len(_OPEN))
    depth = min(random.choice((40, 2000, DEEPEST)), limit // 2)
    opening = random.choice((_OPEN[kind : kind + 1], b'{"a":', b"{{", b"- ", b"!a "))
    place = random.randrange(len(data) + 1)
    return data[:place] + opening * depth + _CLOSE[kind : kind + 1] * depth + data[place:]


def _in_json(random: Random, data: bytes) -> bytes:
    """Change one value of a JSON text: the whole input, a line of it, or what a frame holds."""
    lines = data.split(b"\n")
    place = random.randrange(len(lines))
    before, line, after = b"\n".join(lines[:place]), lines[place], b"\n".join(lines[place + 1 :])
    for start, text, end in ((b"", data, b""), (before + b"\n" * (place > 0), line, b"\n" + after)):
        opening, closing = text.find(b"{"), text.rfind(b"}") + 1
        if 0 <= opening < closing:
            changed = _changed_json(random, text[opening:closing])
            if changed is not None:
                return start + text[:opening] + changed + text[closing:] + end
    return data


def _changed_json(random: Random, text: bytes) -> bytes | None:
    try:
        changed = _changed(random, json.loads(text))
        return json.dumps(changed, ensure_ascii=random.random() < 0.5, separators=(",", ":")).encode(
            errors="surrogatepass"
        )
    except (ValueError, RecursionError):
        return None


def _changed(random: Random, value: Any) -> Any:
    """Return `value` with something in it replaced, repeated, renamed, added or left out."""
    inside = random.random() < 0.85
    if inside and isinstance(value, dict) and value:
        return _changed_object(random, value)
    if inside and isinstance(value, list) and value:
        return _changed_list(random, value)
    if inside and isinstance(value, str) and value.startswith("{"):
        text = _changed_json(random, value.encode(errors="replace"))
        return value if text is None else text.decode(errors="replace")
    if isinstance(value, str) and random.random() < 0.5:
        other = random.choice(_TEXTS).decode(errors="replace")
        return random.choice((other, value + other, other + value, value * 40, value.swapcase(), value[:-1]))
    return random.choice((*_VALUES, [value], {"a": value}, str(value)))


def _changed_object(random: Random, value: dict[str, Any]) -> dict[str, Any]:
    name = random.choice(list(value))
    match random.randrange(8):
        case 0:
            return {other: member for other, member in value.items() if other != name}
        case 1:
            return {**value, name + random.choice(("x", "\0", "", "\ud800")): value[name]}
        case 2:
            return {**value, **{f"{name}{count}": value[name] for count in range(random.choice((2, 60, 1100)))}}
        case _:
            return {**value, name: _changed(random, value[name])}


def _changed_list(random: Random, value: list[Any]) -> list[Any]:
    place = random.randrange(len(value))
    match random.randrange(6):
        case 0:
            return value[:place] + value[place + 1 :]
        case 1:
            return value[:place] + [value[place]] * random.choice((2, 60, 1100)) + value[place:]
        case _:
            return [*value[:place], _changed(random, value[place]), *value[place + 1 :]]
