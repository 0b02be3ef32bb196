"""The raw mode of a POSIX terminal, and its restoration."""

import os
import signal
import termios
from typing import Any

_Modes = list[Any]
"""What tcgetattr returns: four flag words, two speeds, and the control characters."""
_IFLAG, _OFLAG, _CFLAG, _LFLAG, _CC = 0, 1, 2, 3, 6


class RawTerminal:
    """Puts a terminal into raw mode and back.

    Raw: every key is a byte for the far end, Ctrl-C, Ctrl-Z and Ctrl-\\ included, and output is not translated. Both
    changes take effect immediately, without draining output, so a stopped terminal cannot block the client; what was
    typed and not yet read is kept.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._saved: _Modes | None = None
        self._raw: _Modes | None = None

    @property
    def active(self) -> bool:
        """Whether we have put the terminal into raw mode."""
        return self._saved is not None

    def enter(self) -> None:
        """Enter raw mode; in the background this stops the process, as intended. Raises termios.error."""
        if self._saved is None:
            self._saved = termios.tcgetattr(self._descriptor)
        termios.tcsetattr(self._descriptor, termios.TCSANOW, _raw_modes(self._saved))
        self._raw = termios.tcgetattr(self._descriptor)

    def renew(self) -> None:
        """Enter raw mode again if active: while we were stopped, a shell may have changed the modes."""
        if self._saved is None:
            return
        try:
            self.enter()
        except termios.error:
            return  # the terminal is gone: a hang-up comes as SIGHUP with SIGCONT

    def restore(self) -> None:
        """Restore the modes found by the first `enter`; idempotent, and harmless if the terminal is gone.

        In the background, modes that another program has set in the meantime are left alone.
        """
        saved, self._saved = self._saved, None
        if saved is None:
            return
        # SIGTTOU is blocked so that this also works in the background without stopping the process.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
        try:
            if self._in_foreground() or termios.tcgetattr(self._descriptor) == self._raw:
                termios.tcsetattr(self._descriptor, termios.TCSANOW, saved)
        except termios.error:
            return
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def _in_foreground(self) -> bool:
        try:
            return os.tcgetpgrp(self._descriptor) == os.getpgrp()
        except OSError:  # not our controlling terminal
            return False


def _raw_modes(cooked: _Modes) -> _Modes:
    """cfmakeraw(3), keeping the speed."""
    modes = list(cooked)
    input_off = (
        termios.IGNBRK
        | termios.BRKINT
        | termios.PARMRK
        | termios.ISTRIP
        | termios.INLCR
        | termios.IGNCR
        | termios.ICRNL
        | termios.IXON
    )
    modes[_IFLAG] &= ~input_off
    modes[_OFLAG] &= ~termios.OPOST
    modes[_CFLAG] = modes[_CFLAG] & ~(termios.CSIZE | termios.PARENB) | termios.CS8
    modes[_LFLAG] &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG | termios.IEXTEN)
    modes[_CC] = list(modes[_CC])
    modes[_CC][termios.VMIN] = 1
    modes[_CC][termios.VTIME] = 0
    return modes
