"""Standard streams on real pipes, files, sockets and terminals."""

import asyncio
import fcntl
import os
import pty
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from ferryman.client.plugin.tty.streams import Input, Output
from tests.waiting import PATIENCE


class Collected:
    """What an Input delivered."""

    def __init__(self) -> None:
        self.data = b""
        self.arrived = asyncio.Event()
        self.ended = asyncio.Event()

    def on_data(self, data: bytes) -> None:
        self.data += data
        self.arrived.set()


def opened(descriptor: int) -> tuple[Input, Collected]:
    seen = Collected()
    return Input(descriptor, seen.on_data, seen.ended.set), seen


async def test_a_pipe_is_read_to_its_end_and_stays_blocking() -> None:
    read_end, write_end = os.pipe()
    stream, seen = opened(read_end)
    stream.resume()
    os.write(write_end, b"one")
    await asyncio.wait_for(seen.arrived.wait(), PATIENCE)
    assert seen.data == b"one"
    assert os.get_blocking(read_end)
    os.close(write_end)
    await asyncio.wait_for(seen.ended.wait(), PATIENCE)
    stream.close()
    os.close(read_end)


async def test_nothing_is_read_while_paused() -> None:
    read_end, write_end = os.pipe()
    stream, seen = opened(read_end)
    os.write(write_end, b"one")
    stream.resume()
    stream.pause()
    stream.pause()
    for _ in range(5):
        await asyncio.sleep(0)
    assert seen.data == b""
    stream.resume()
    stream.resume()
    await asyncio.wait_for(seen.arrived.wait(), PATIENCE)
    assert seen.data == b"one"
    stream.close()
    os.close(read_end)
    os.close(write_end)


@pytest.mark.parametrize("content", [b"", b"x" * 200_000])
async def test_a_file_is_read_from_where_it_stands(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "input"
    path.write_bytes(b"skipped" + content)
    with path.open("rb", buffering=0) as file:
        file.seek(7)
        stream, seen = opened(file.fileno())
        stream.resume()
        stream.pause()
        stream.resume()
        await asyncio.wait_for(seen.ended.wait(), PATIENCE)
        stream.close()
    assert seen.data == content


async def test_dev_null_is_at_its_end() -> None:
    null = os.open(os.devnull, os.O_RDONLY)
    stream, seen = opened(null)
    stream.resume()
    await asyncio.wait_for(seen.ended.wait(), PATIENCE)
    assert seen.data == b""
    stream.close()
    os.close(null)


async def test_a_terminal_that_hangs_up_has_ended() -> None:
    master, slave = pty.openpty()
    stream, seen = opened(slave)
    stream.resume()
    os.write(master, b"typed\n")
    await asyncio.wait_for(seen.arrived.wait(), PATIENCE)
    assert seen.data == b"typed\n"
    assert os.get_blocking(slave)
    os.close(master)
    await asyncio.wait_for(seen.ended.wait(), PATIENCE)
    stream.close()
    os.close(slave)


async def test_a_socket_gets_its_blocking_mode_back() -> None:
    ours, theirs = socket.socketpair()
    stream, seen = opened(ours.fileno())
    stream.resume()
    theirs.send(b"one")
    await asyncio.wait_for(seen.arrived.wait(), PATIENCE)
    assert not os.get_blocking(ours.fileno())
    stream.close()
    assert os.get_blocking(ours.fileno())
    ours.close()
    theirs.close()


def writer(descriptor: int) -> tuple[Output, list[int], asyncio.Event]:
    written: list[int] = []
    closed = asyncio.Event()
    return Output(descriptor, written.append, closed.set), written, closed


async def read_exactly(descriptor: int, count: int) -> bytes:
    loop = asyncio.get_running_loop()

    def read() -> bytes:
        data = b""
        while len(data) < count:
            data += os.read(descriptor, count - len(data))
        return data

    return await asyncio.wait_for(loop.run_in_executor(None, read), PATIENCE)


async def test_a_piece_that_fits_is_written_and_reported_immediately() -> None:
    read_end, write_end = os.pipe()
    output, written, _ = writer(write_end)
    output.push(b"hello")
    output.push(b" there", 4)
    assert written == [4]
    assert os.read(read_end, 100) == b"hello there"
    output.close()
    os.close(read_end)
    os.close(write_end)


async def test_a_full_pipe_holds_back_the_report_and_keeps_the_order() -> None:
    read_end, write_end = os.pipe()
    fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, 4096)
    output, written, _ = writer(write_end)
    first, second = os.urandom(100_000), os.urandom(5_000)
    output.push(first, 1)
    output.push(second, 2)
    output.push(b"", 3)
    assert written == []
    assert os.get_blocking(write_end)
    waiting = asyncio.create_task(output.drained())
    assert await read_exactly(read_end, 105_000) == first + second
    await asyncio.wait_for(waiting, PATIENCE)
    assert written == [1, 2, 3]
    output.close()
    os.close(read_end)
    os.close(write_end)


def _broken_pipe() -> tuple[int, Callable[[], None]]:
    read_end, write_end = os.pipe()
    os.close(read_end)
    return write_end, lambda: None


def _gone_terminal() -> tuple[int, Callable[[], None]]:
    master, slave = pty.openpty()
    return slave, lambda: os.close(master)


@pytest.mark.parametrize("make", [_broken_pipe, _gone_terminal])
async def test_a_closed_reader_is_reported_once_and_nothing_counts_as_written(
    make: Callable[[], tuple[int, Callable[[], None]]],
) -> None:
    descriptor, break_it = make()
    output, written, closed = writer(descriptor)
    break_it()
    output.push(b"lost", 1)
    output.push(b"lost", 2)
    assert closed.is_set()
    assert written == []
    await asyncio.wait_for(output.drained(), PATIENCE)
    output.close()
    os.close(descriptor)


async def test_a_reader_that_goes_while_output_waits_ends_the_wait() -> None:
    read_end, write_end = os.pipe()
    output, written, closed = writer(write_end)
    output.push(b"x" * 1_000_000, 1)
    os.close(read_end)
    await asyncio.wait_for(closed.wait(), PATIENCE)
    await asyncio.wait_for(output.drained(), PATIENCE)
    assert written == []
    output.close()
    os.close(write_end)


async def test_a_file_is_appended_to_where_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "output"
    with path.open("wb", buffering=0) as file:
        file.write(b"before ")
        output, written, _ = writer(file.fileno())
        output.push(b"after", 1)
        output.close()
        file.write(b" end")
    assert path.read_bytes() == b"before after end"
    assert written == [1]
