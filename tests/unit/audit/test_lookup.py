"""Searching the trail's files: newest first, across files, a bounded amount at a time."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ferryman.audit import lookup as lookup_module
from ferryman.audit.lookup import TrailLookup
from ferryman.core.ports.audit import TrailPosition, TrailSearch

ALL = TrailSearch("", "", (), lambda _: True)


def time_of(n: int) -> str:
    return f"2026-01-{n // 100 + 1:02}T00:{n % 60:02}:00.000Z"


def write(directory: Path, first: int, numbers: range, filling: int = 100) -> None:
    lines = [{"eventTime": time_of(n), "n": n, "name": f"name-{n % 3}", "filling": "x" * filling} for n in numbers]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (directory / f"audit-{first:012d}.jsonl").write_text(text)


async def found(directory: Path, search: TrailSearch = ALL, most: int = 7) -> tuple[list[int], int]:
    """Return what all pages have, and how many pages there were."""
    lookup, behind, numbers, pages = TrailLookup(directory, list), None, list[int](), 0
    while True:
        place: TrailPosition | None = behind
        page = await lookup.find(search, place, most)
        assert len(page.records) <= most
        numbers += [each["n"] for each in page.records]
        pages += 1
        behind = page.behind
        if behind is None:
            return numbers, pages


@pytest.fixture(params=[300, 512 * 1024])
def chunk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Chunks of two lines, and of whole files."""
    monkeypatch.setattr(lookup_module, "CHUNK_BYTES", request.param)
    return int(request.param)


@pytest.mark.usefixtures("chunk")
async def test_every_record_is_found_once_newest_first(tmp_path: Path) -> None:
    write(tmp_path, 1, range(20))
    write(tmp_path, 21, range(20, 45))
    assert (await found(tmp_path))[0] == list(range(44, -1, -1))
    assert (await found(tmp_path, most=1))[0] == list(range(44, -1, -1))


@pytest.mark.usefixtures("chunk")
async def test_only_matching_records_are_returned(tmp_path: Path) -> None:
    def matches(record: Mapping[str, Any]) -> bool:
        return bool(record["name"] == "name-1")

    write(tmp_path, 1, range(30))
    assert (await found(tmp_path, TrailSearch("", "", ("name-1",), matches)))[0] == list(range(28, -1, -3))


async def test_a_time_span_is_found_and_the_rest_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for first in range(7):  # files of a hundred records, one a day
        write(tmp_path, first * 100 + 1, range(first * 100, first * 100 + 100))
    read: list[str] = []
    original = lookup_module._read_chunk

    def counted(path: Path, *given: Any) -> Any:
        chunk = original(path, *given)
        if chunk is not None:
            read.append(path.name)
        return chunk

    monkeypatch.setattr(lookup_module, "_read_chunk", counted)
    search = TrailSearch("2026-01-04T00:00:00.000Z", "2026-01-04T23:00:00.000Z", (), lambda _: True)
    numbers, _ = await found(tmp_path, search, most=1000)
    assert numbers == list(range(399, 299, -1))
    assert "audit-000000000601.jsonl" not in read
    assert "audit-000000000001.jsonl" not in read


async def test_a_call_reads_a_bounded_amount(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup_module, "CHUNK_BYTES", 1000)
    monkeypatch.setattr(lookup_module, "MOST_BYTES", 4000)
    write(tmp_path, 1, range(100))
    numbers, pages = await found(tmp_path, TrailSearch("", "", (), lambda record: record["n"] == 0))
    assert numbers == [0]
    assert pages > 3


@pytest.mark.usefixtures("chunk")
async def test_whatever_is_in_a_file_the_search_ends(tmp_path: Path) -> None:
    write(tmp_path, 1, range(3))
    with (tmp_path / "audit-000000000001.jsonl").open("ab") as file:
        file.write(b"x" * 5000 + b"\n" + b"[1]\nnull\n{}\n" + b"y" * 5000)
    search = TrailSearch("", "", (), lambda record: "n" in record)
    assert (await found(tmp_path, search))[0] == [2, 1, 0]


async def test_a_page_goes_on_after_its_file_was_deleted(tmp_path: Path) -> None:
    write(tmp_path, 1, range(10))
    write(tmp_path, 11, range(10, 20))
    page = await TrailLookup(tmp_path, list).find(ALL, None, 5)
    assert page.behind is not None
    (tmp_path / "audit-000000000011.jsonl").unlink()
    page = await TrailLookup(tmp_path, list).find(ALL, page.behind, 3)
    assert [each["n"] for each in page.records] == [9, 8, 7]


async def test_an_empty_trail_has_nothing(tmp_path: Path) -> None:
    assert await found(tmp_path / "nowhere") == ([], 1)
