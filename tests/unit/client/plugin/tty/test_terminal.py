"""Raw mode and size on a real pty."""

import os
import pty
import termios
from collections.abc import Iterator
from typing import Any

import pytest

from ferryman.client.plugin.tty.terminal import RawTerminal, WindowSize, is_terminal, window_size

LOCAL = 3


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """A pty: the person's side and the program's."""
    master, slave = pty.openpty()
    yield master, slave
    os.close(slave)
    os.close(master)


def modes(descriptor: int) -> list[Any]:
    return termios.tcgetattr(descriptor)


def test_raw_passes_every_key_and_translates_nothing(terminal: tuple[int, int]) -> None:
    master, slave = terminal
    raw = RawTerminal(slave)
    raw.enter()
    assert raw.active
    os.write(master, b"\x03\x1a\x1c\x04\x13\x11\r\n")
    assert os.read(slave, 100) == b"\x03\x1a\x1c\x04\x13\x11\r\n"
    os.write(slave, b"a\r\nb\n")
    assert os.read(master, 100) == b"a\r\nb\n"
    raw.restore()
    assert not raw.active


def test_restore_brings_back_exactly_what_was_there_once(terminal: tuple[int, int]) -> None:
    _, slave = terminal
    before = modes(slave)
    before[LOCAL] &= ~termios.ECHOE
    termios.tcsetattr(slave, termios.TCSANOW, before)
    before = modes(slave)
    raw = RawTerminal(slave)
    raw.restore()
    raw.enter()
    assert modes(slave) != before
    raw.enter()
    raw.restore()
    assert modes(slave) == before
    before[LOCAL] ^= termios.ECHO
    termios.tcsetattr(slave, termios.TCSANOW, before)
    raw.restore()
    assert modes(slave) == before


def test_raw_again_after_a_shell_changed_the_modes(terminal: tuple[int, int]) -> None:
    _, slave = terminal
    before = modes(slave)
    raw = RawTerminal(slave)
    raw.enter()
    in_raw = modes(slave)
    termios.tcsetattr(slave, termios.TCSANOW, before)
    raw.enter()
    assert modes(slave) == in_raw
    raw.restore()
    assert modes(slave) == before


def test_in_the_background_modes_of_others_are_left_alone(terminal: tuple[int, int]) -> None:
    _, slave = terminal  # not this process's controlling terminal, so never in its foreground
    raw = RawTerminal(slave)
    raw.enter()
    others = modes(slave)
    others[LOCAL] |= termios.ECHO
    termios.tcsetattr(slave, termios.TCSANOW, others)
    others = modes(slave)
    raw.restore()
    assert modes(slave) == others


def test_a_terminal_that_is_gone_does_not_hurt() -> None:
    master, slave = pty.openpty()
    raw = RawTerminal(slave)
    raw.enter()
    os.close(master)
    raw.restore()
    os.close(slave)
    assert not is_terminal(slave)


def test_the_size_is_the_first_terminals(terminal: tuple[int, int]) -> None:
    _, slave = terminal
    read_end, write_end = os.pipe()
    assert window_size(write_end, slave) == WindowSize(80, 24)  # a new pty does not know its size
    termios.tcsetwinsize(slave, (50, 132))
    assert window_size(write_end, slave) == WindowSize(132, 50)
    assert window_size(write_end, read_end) == WindowSize(300, 100)
    assert is_terminal(slave)
    assert not is_terminal(read_end)
    os.close(read_end)
    os.close(write_end)
