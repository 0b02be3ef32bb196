"""A trail in whose files somebody else wrote, read without being read into memory whole."""

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from ferryman.audit.reader import last_link, newest_first, verify
from ferryman.core.audit.chain import ChainLink, seal

KEY = bytes(32)
MIB = 1024 * 1024
LONG = b"x" * 24 * MIB


def records() -> tuple[bytes, bytes, ChainLink]:
    first, link = seal(KEY, ChainLink(), {"eventName": "first"})
    second, link = seal(KEY, link, {"eventName": "second"})
    return first + b"\n", second + b"\n", link


@pytest.fixture
def trail(tmp_path: Path) -> Path:
    """Two records, and a line of 24 MiB between them."""
    first, second, _ = records()
    (tmp_path / "audit-000000000001.jsonl").write_bytes(first + LONG + b"\n" + second)
    return tmp_path


@pytest.fixture
def little_memory(trail: Path) -> Iterator[None]:
    """Measured once the trail is written."""
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * MIB


@pytest.mark.usefixtures("little_memory")
def test_a_line_longer_than_any_record_is_passed_over(trail: Path) -> None:
    assert [record["eventName"] for record in newest_first(trail)] == ["second", "first"]


@pytest.mark.usefixtures("little_memory")
def test_such_a_line_at_the_end_is_passed_over(trail: Path) -> None:
    with (trail / "audit-000000000001.jsonl").open("ab") as file:
        file.write(LONG)
    assert last_link(trail) == records()[2]


@pytest.mark.usefixtures("little_memory")
def test_such_a_line_is_one_problem(trail: Path) -> None:
    verification, problems = verify(trail, KEY)
    assert [(problem.line, problem.what) for problem in problems] == [(2, "it is not a record")]
    assert verification.last.sequence == 2


@pytest.mark.usefixtures("little_memory")
def test_such_a_line_that_is_not_whole_is_one_problem(trail: Path) -> None:
    with (trail / "audit-000000000001.jsonl").open("ab") as file:
        file.write(LONG)
    _, problems = verify(trail, KEY)
    assert [problem.line for problem in problems] == [2, 4]
