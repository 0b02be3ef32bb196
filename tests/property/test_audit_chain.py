"""Any single change to a trail shows: a byte altered, a record removed, doubled, moved, or taken from elsewhere."""

import json
import os
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ferryman.core.audit.chain import KEY_CHANGED, ChainLink, ChainVerification, key_id, link_of, seal
from tests.examples import examples

KEY = bytes(range(32))
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(codec="utf-8"), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
entries = st.lists(st.dictionaries(st.text(max_size=6), values, min_size=1, max_size=4), min_size=1, max_size=6)


def trail(told: list[dict[str, Any]], key: bytes = KEY) -> list[bytes]:
    link, lines = ChainLink(), []
    for entry in told:
        line, link = seal(key, link, entry)
        lines.append(line + b"\n")
    return lines


OLD = bytes(32)


def changed(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> list[bytes]:
    """A trail whose key was changed from OLD to KEY."""
    link, lines = ChainLink(), []
    for entry in [*before, {"detail-type": KEY_CHANGED, "detail": {"keyId": key_id(KEY)}}]:
        line, link = seal(OLD, link, entry)
        lines.append(line + b"\n")
    for entry in after:
        line, link = seal(KEY, link, entry)
        lines.append(line + b"\n")
    return lines


def whole_over_keys(lines: list[bytes]) -> bool:
    verification = ChainVerification(KEY, [OLD])
    return not [*verification.problems("file", lines), *verification.conclude()]


def relinked(lines: list[bytes], at: int, entry: dict[str, Any], key: bytes) -> list[bytes]:
    """Who has `key` replaces record `at` and makes all behind it follow, as far as that key goes."""
    link = link_of(lines[at - 1]) if at else ChainLink()
    assert link is not None
    forged = []
    for original in [entry, *(json.loads(line) for line in lines[at + 1 :])]:
        line, link = seal(key, link, {name: value for name, value in original.items() if name != "chain"})
        forged.append(line + b"\n")
    return lines[:at] + forged


@settings(max_examples=examples(15))
@given(entries, entries)
def test_a_key_is_followed_by_the_one_that_it_names(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> None:
    assert whole_over_keys(changed(before, after))
    assert whole_over_keys(changed(before, []))


@settings(max_examples=examples(15))
@given(entries, entries, st.data())
def test_the_old_key_alone_cannot_alter_records_unnoticed(
    before: list[dict[str, Any]], after: list[dict[str, Any]], data: st.DataObject
) -> None:
    lines = changed(before, after)
    at = data.draw(st.integers(0, len(lines) - 1))
    assert not whole_over_keys(relinked(lines, at, {"forged": 1}, OLD))
    # Nor by cutting the change off and going on, nor by going on behind it.
    assert not whole_over_keys(trail([*before, {"forged": 1}], OLD))
    link = link_of(lines[-1])
    assert link is not None
    assert not whole_over_keys([*lines, seal(OLD, link, {"forged": 1})[0] + b"\n"])


@settings(max_examples=examples(15))
@given(entries, entries)
def test_a_change_of_key_that_nothing_tells_shows(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> None:
    lines = changed(before, after)
    link = link_of(lines[len(before) - 1])
    assert link is not None
    line, _ = seal(KEY, link, {"untold": 1})
    assert not whole_over_keys([*lines[: len(before)], line + b"\n"])


def whole(lines: list[bytes], at_least: int = 0) -> bool:
    # Read as a file is: what a changed byte makes of the lines counts.
    verification = ChainVerification(KEY)
    problems = list(verification.problems("file", b"".join(lines).splitlines(keepends=True)))
    return not problems + list(verification.conclude(at_least))


@given(entries)
def test_written_files_are_complete(told: list[dict[str, Any]]) -> None:
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
