"""The port `LineIndex`: chunks of lines, found by keyed words."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ferryman.core.ports.recordings.search import LineChunk, LineIndex, SearchedRecording
from ferryman.core.ports.recordings.store import RecordingQuery
from ferryman.model.identifiers import Millis, NodeId, SessionId
from ferryman.store.line_index import SqliteLineIndex

EVERYTHING = range(1, 1 << 40)


def word(number: int) -> bytes:
    return number.to_bytes(5, "big")


def chunk(*numbers: int) -> LineChunk:
    return LineChunk(b"".join(word(number) for number in sorted(numbers)), repr(numbers).encode())


def recording(name: str, started_at: int = 0, target: str = "mi-1") -> SearchedRecording:
    return SearchedRecording(SessionId(name), NodeId(target), "arn:alice", "alice", "Shell", Millis(started_at))


@pytest.fixture(params=["sqlite"])
async def index(tmp_path: Path) -> AsyncIterator[LineIndex]:
    made = SqliteLineIndex(tmp_path / "lines.sqlite")
    await made.open()
    yield made
    await made.close()


async def put(index: LineIndex, each: SearchedRecording, *chunks: LineChunk) -> None:
    await index.begin(each)
    await index.add(each.session_id, 0, chunks)
    await index.complete(each.session_id)


async def found(index: LineIndex, *numbers: int, query: RecordingQuery | None = None) -> list[tuple[str, int]]:
    words = [word(number) for number in numbers]
    chunks = await index.find(words, query or RecordingQuery(), EVERYTHING, 100)
    return [(each.recording.session_id, each.number) for each in chunks]


async def test_chunks_with_all_the_words_are_found_newest_first(index: LineIndex) -> None:
    await put(index, recording("a"), chunk(1, 2), chunk(1, 3), chunk(2, 3))
    await put(index, recording("b"), chunk(1, 2, 3))
    assert await found(index, 1, 3) == [("b", 0), ("a", 1)]
    assert await found(index, 1) == [("b", 0), ("a", 1), ("a", 0)]
    assert await found(index, 1, 9) == []


async def test_found_chunk_is_what_was_added(index: LineIndex) -> None:
    await put(index, recording("a", 7), chunk(1), chunk(2))
    (only,) = await index.find([word(2)], RecordingQuery(), EVERYTHING, 10)
    assert only.recording == recording("a", 7)
    assert only.sealed == chunk(2).sealed
    assert only.chunk_id == await index.newest()


async def test_recording_that_is_not_complete_is_not_found_and_begun_again(index: LineIndex) -> None:
    await index.begin(recording("a"))
    await index.add("a", 0, [chunk(1)])
    assert await found(index, 1) == []
    assert await index.known(["a"]) == frozenset()
    await put(index, recording("a"), chunk(1), chunk(2))
    assert await found(index, 1) == [("a", 0)]
    assert await index.known(["a", "b"]) == {"a"}


async def test_removed_recording_is_not_found_and_others_are(index: LineIndex) -> None:
    for name in "abc":
        await put(index, recording(name), chunk(1, ord(name)))
    await index.remove("b")
    await index.remove("b")
    assert await found(index, 1) == [("c", 0), ("a", 0)]
    assert await found(index, ord("b")) == []
    assert await index.after("", 10) == ["a", "c"]
    assert await index.after("a", 10) == ["c"]


async def test_lines_of_a_recording_that_was_removed_meanwhile_are_not_added(index: LineIndex) -> None:
    await index.begin(recording("a"))
    await index.remove("a")
    await index.add("a", 0, [chunk(1)])
    await index.complete("a")
    assert await index.newest() == 0


async def test_search_is_narrowed_down_by_the_recording(index: LineIndex) -> None:
    await put(index, recording("a", 10, "mi-1"), chunk(1))
    await put(index, recording("b", 20, "mi-2"), chunk(1))
    for query, names in (
        (RecordingQuery(target="mi-1"), ["a"]),
        (RecordingQuery(owner="arn:bob"), []),
        (RecordingQuery(started_after=Millis(10)), ["b"]),
        (RecordingQuery(started_before=Millis(20)), ["a"]),
    ):
        assert [name for name, _ in await found(index, 1, query=query)] == names


async def test_search_is_limited_to_a_range_and_a_number(index: LineIndex) -> None:
    await put(index, recording("a"), *[chunk(1)] * 10)
    ids = [each.chunk_id for each in await index.find([word(1)], RecordingQuery(), EVERYTHING, 100)]
    assert ids == sorted(ids, reverse=True)
    some = await index.find([word(1)], RecordingQuery(), range(ids[5], ids[1]), 3)
    assert [each.chunk_id for each in some] == ids[2:5]


async def test_key_is_kept_until_the_index_is_cleared(index: LineIndex) -> None:
    assert await index.key() is None
    await index.replace_key(b"first")
    await index.replace_key(b"second")
    await put(index, recording("a"), chunk(1))
    assert await index.key() == b"second"
    await index.clear()
    assert await index.key() is None
    assert await found(index, 1) == []
    await put(index, recording("a"), chunk(1))
    assert await found(index, 1) == [("a", 0)]


async def test_file_is_private_and_a_damaged_one_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "lines.sqlite"
    for content in (None, b"this is not a database" * 100):
        if content is not None:
            path.write_bytes(content)
        index = SqliteLineIndex(path)
        await index.open()
        await put(index, recording("a"), chunk(1))
        await index.close()
        assert path.stat().st_mode & 0o777 == 0o600
    index = SqliteLineIndex(path)
    await index.open()
    assert await found(index, 1) == [("a", 0)]
    await index.close()


async def test_words_of_a_removed_recording_are_not_left_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "lines.sqlite"
    index = SqliteLineIndex(path)
    await index.open()
    secret = int.from_bytes(b"\xfa\xce\xb0\x0c\x11", "big")
    await put(index, recording("keep"), *(chunk(number, number + 1) for number in range(50)))
    await put(index, recording("gone"), chunk(secret))
    await index.remove("gone")
    await index.close()
    everything = b"".join(each.read_bytes() for each in tmp_path.iterdir())
    assert b"\xfa\xce\xb0\x0c\x11" not in everything
    assert repr((secret,)).encode() not in everything
