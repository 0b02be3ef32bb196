"""Any single change to a trail shows: a byte altered, a record removed, doubled, moved, or taken from elsewhere."""

import os
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ferryman.core.audit_chain import Link, Verification, seal

KEY = bytes(range(32))
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(codec="utf-8"), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
entries = st.lists(st.dictionaries(st.text(max_size=6), values, min_size=1, max_size=4), min_size=1, max_size=6)


def trail(told: list[dict[str, Any]], key: bytes = KEY) -> list[bytes]:
    link, lines = Link(), []
    for entry in told:
        line, link = seal(key, link, entry)
        lines.append(line + b"\n")
    return lines


def whole(lines: list[bytes], at_least: int = 0) -> bool:
    # Read as a file is: what a changed byte makes of the lines counts.
    verification = Verification(KEY)
    problems = list(verification.problems("file", b"".join(lines).splitlines(keepends=True)))
    return not problems + list(verification.conclude(at_least))


@given(entries)
def test_what_was_written_is_whole(told: list[dict[str, Any]]) -> None:
    assert whole(trail(told), len(told))


@given(entries, st.data())
def test_an_altered_byte_shows(told: list[dict[str, Any]], data: st.DataObject) -> None:
    content = bytearray(b"".join(trail(told)))
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= data.draw(st.integers(1, 255))
    assert not whole([bytes(content)])


@given(entries, st.data())
def test_a_byte_put_in_or_left_out_shows(told: list[dict[str, Any]], data: st.DataObject) -> None:
    content = b"".join(trail(told))
    position = data.draw(st.integers(0, len(content) - 1))
    put = data.draw(st.binary(max_size=1))
    assert not whole([content[:position] + put + content[position + (not put) :]])


@given(entries, st.data())
def test_a_record_removed_doubled_or_moved_shows(told: list[dict[str, Any]], data: st.DataObject) -> None:
    lines = trail(told)
    count = len(lines)
    at = data.draw(st.integers(0, count - 1))
    assert not whole(lines[:at] + lines[at + 1 :], count)
    assert not whole([*lines[: at + 1], *lines[at:]])
    if count > 1:
        to = data.draw(st.integers(0, count - 1).filter(lambda to: to != at))
        moved = lines[:at] + lines[at + 1 :]
        moved.insert(to, lines[at])
        assert not whole(moved)


@given(entries, entries, st.data())
def test_a_record_of_another_chain_shows(
    told: list[dict[str, Any]], other: list[dict[str, Any]], data: st.DataObject
) -> None:
    lines = trail([*told, {"end": 1}])
    at = data.draw(st.integers(0, len(lines) - 2))
    forged = trail([*other, *told], os.urandom(32))[at]
    assert not whole([*lines[:at], forged, *lines[at + 1 :]])
    # Of the same key, too: what follows names the record that was there.
    foreign = trail([{"another": 1}, *other, *told])[at]
    assert not whole([*lines[:at], foreign, *lines[at + 1 :]])
