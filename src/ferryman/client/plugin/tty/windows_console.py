"""The raw mode of a Windows console: keys arrive as a terminal's bytes, Ctrl-C included, and output is a terminal's.

Consoles of Windows 10 and newer have the terminal's sequences built in. Never run on Windows by the tests.
"""

import sys

if sys.platform != "win32":
    raise ImportError("this module is for Windows")

import ctypes
import msvcrt
from ctypes import wintypes

_PROCESSED_INPUT, _LINE_INPUT, _ECHO_INPUT, _VIRTUAL_TERMINAL_INPUT = 0x0001, 0x0002, 0x0004, 0x0200
_PROCESSED_OUTPUT, _VIRTUAL_TERMINAL_PROCESSING, _NO_AUTO_RETURN = 0x0001, 0x0004, 0x0008
_UTF_8 = 65001
_STDOUT = 1


class ConsoleError(OSError):
    """The descriptor is not a console."""


class RawTerminal:
    """As `tty.terminal.RawTerminal`, for a console."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._saved: tuple[int, int, int, int] | None = None

    @property
    def active(self) -> bool:
        """Whether we have put the console into raw mode."""
        return self._saved is not None

    def enter(self) -> None:
        """Enter raw mode. Raises ConsoleError."""
        kernel = ctypes.windll.kernel32
        keys, screen = _mode(self._descriptor), _mode(_STDOUT)
        if self._saved is None:
            self._saved = keys, screen, kernel.GetConsoleCP(), kernel.GetConsoleOutputCP()
        raw = keys & ~(_PROCESSED_INPUT | _LINE_INPUT | _ECHO_INPUT) | _VIRTUAL_TERMINAL_INPUT
        _set_mode(self._descriptor, raw)
        _set_mode(_STDOUT, screen | _PROCESSED_OUTPUT | _VIRTUAL_TERMINAL_PROCESSING | _NO_AUTO_RETURN)
        kernel.SetConsoleCP(_UTF_8)
        kernel.SetConsoleOutputCP(_UTF_8)

    def renew(self) -> None:
        """Do nothing: a console's program cannot be stopped and continued."""

    def restore(self) -> None:
        """Restore the modes found by the first `enter`; idempotent."""
        saved, self._saved = self._saved, None
        if saved is None:
            return
        keys, screen, input_page, output_page = saved
        _set_mode(self._descriptor, keys)
        _set_mode(_STDOUT, screen)
        ctypes.windll.kernel32.SetConsoleCP(input_page)
        ctypes.windll.kernel32.SetConsoleOutputCP(output_page)


def _mode(descriptor: int) -> int:
    mode = wintypes.DWORD()
    if not ctypes.windll.kernel32.GetConsoleMode(_handle(descriptor), ctypes.byref(mode)):
        raise ConsoleError(f"descriptor {descriptor} is not a console")
    return mode.value


def _set_mode(descriptor: int, mode: int) -> None:
    ctypes.windll.kernel32.SetConsoleMode(_handle(descriptor), wintypes.DWORD(mode))


def _handle(descriptor: int) -> wintypes.HANDLE:
    return wintypes.HANDLE(msvcrt.get_osfhandle(descriptor))
