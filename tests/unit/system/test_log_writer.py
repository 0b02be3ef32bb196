"""Log lines on descriptors that are full, closed, slow or gone."""

import os
import select
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ferryman.system import log_writer
from ferryman.system.log_writer import LogWriter, dropped_log_lines
from tests.waiting import PATIENCE

LINE = "x" * 99 + "\n"


def notice(lines: int) -> str:
    return f"{lines} dropped\n"


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            continue


def read_lines(descriptor: int, last: str) -> list[str]:
    """Read until a line comes."""
    text = ""
    while last not in text:
        assert select.select([descriptor], [], [], PATIENCE)[0], text[-200:]
        text += os.read(descriptor, 65536).decode()
    return text.splitlines()


def test_lines_come_in_order(pipe: tuple[int, int]) -> None:
    with os.fdopen(os.dup(pipe[1]), "w") as stream:
        writer = LogWriter(stream, notice)
        for number in range(1000):
            writer.write(f"{number}\n")
        writer.drain(PATIENCE)
    assert read_lines(pipe[0], "999\n") == [str(number) for number in range(1000)]
    assert writer.dropped == 0


def test_a_pipe_that_nobody_reads_blocks_nobody_and_what_is_lost_is_reported(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_writer, "WAITING_LINES", 100)
    with os.fdopen(os.dup(pipe[1]), "w") as stream:
        writer = LogWriter(stream, notice)
        for _ in range(5000):  # 500 kB: many times what the pipe holds
            writer.write(LINE)
        assert writer.dropped > 0
        lost = writer.dropped
        reader = threading.Thread(target=lambda: lines.extend(read_lines(pipe[0], "last\n")))
        lines: list[str] = []
        reader.start()
        writer.drain(PATIENCE)
        writer.write("last\n")
        reader.join(PATIENCE)
    assert sum(int(line.split()[0]) for line in lines if line.endswith(" dropped")) == lost
    assert lines.count(LINE.rstrip()) == 5000 - lost
    assert dropped_log_lines() >= lost


def test_bytes_that_wait_are_bounded(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_writer, "WAITING_BYTES", 1000)
    with os.fdopen(os.dup(pipe[1]), "w") as stream:
        writer = LogWriter(stream, notice)
        writer.write("y" * 1001)
    assert writer.dropped == 1


def test_a_full_disk_loses_lines_and_raises_nothing() -> None:
    with Path("/dev/full").open("w") as stream:
        writer = LogWriter(stream, notice)
        for _ in range(10):
            writer.write(LINE)
        writer.drain(PATIENCE)
        assert writer.dropped == 10


def test_a_closed_pipe_loses_lines_and_raises_nothing(pipe: tuple[int, int]) -> None:
    os.close(pipe[0])
    with os.fdopen(os.dup(pipe[1]), "w") as stream:
        writer = LogWriter(stream, notice)
        writer.write(LINE)
        writer.drain(PATIENCE)
        assert writer.dropped == 1


def test_without_standard_error_every_line_is_dropped() -> None:
    writer = LogWriter(None, notice)
    writer.write(LINE)
    assert writer.dropped == 1


def test_a_descriptor_that_somebody_made_non_blocking_loses_nothing(pipe: tuple[int, int]) -> None:
    os.set_blocking(pipe[1], False)
    with os.fdopen(os.dup(pipe[1]), "w") as stream:
        writer = LogWriter(stream, notice)
        for _ in range(2000):
            writer.write(LINE)
        writer.write("last\n")
        assert len(read_lines(pipe[0], "last\n")) == 2001
        writer.drain(PATIENCE)
    assert writer.dropped == 0


def test_a_forked_child_logs_with_a_thread_of_its_own(pipe: tuple[int, int]) -> None:
    with os.fdopen(os.dup(pipe[1]), "w") as stream:
        writer = LogWriter(stream, notice)
        writer.write("parent\n")
        writer.drain(PATIENCE)
        child = os.fork()
        if child == 0:
            writer.write("child\n")
            writer.drain(PATIENCE)
            os._exit(0)
        os.waitpid(child, 0)
    assert read_lines(pipe[0], "child\n") == ["parent", "child"]
