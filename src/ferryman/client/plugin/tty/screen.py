"""The screen of a session's user: messages and output on the two standard streams, in order.

Output is reported as written in the order in which it arrived, whichever stream each piece went to.
"""

import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from ferryman.client.plugin.tty.last_line import on_alternate_screen, on_last_line
from ferryman.client.plugin.tty.streams import Output
from ferryman.client.plugin.tty.terminal import is_terminal, window_size
from ferryman.client.plugin.tty.unfinished_line import UnfinishedLine
from ferryman.model.values.text import printable, printable_lines


@dataclass(frozen=True, slots=True)
class Descriptors:
    """The three standard streams by number."""

    stdin: int = 0
    stdout: int = 1
    stderr: int = 2


STANDARD = Descriptors()


class Screen:
    """Standard output and standard error of one session.

    `on_written` gets the number of each piece of output once it and all before it are written; `on_closed` is called if
    standard output is closed at the other end. Until `choose`, it is not known whether standard output may carry texts;
    unless it is a terminal, they wait.
    """

    def __init__(
        self, descriptors: Descriptors, on_written: Callable[[int], None], on_closed: Callable[[], None]
    ) -> None:
        self.descriptors = descriptors
        self._on_written = on_written
        self._output = Output(descriptors.stdout, self._written, on_closed)
        self._errors = Output(descriptors.stderr, self._written)
        self._terminal = is_terminal(descriptors.stdout) and is_terminal(descriptors.stderr)
        """Whether both streams are on the person's terminal."""
        self._output_line = UnfinishedLine()
        self._error_line = self._output_line if self._terminal or _same(descriptors) else UnfinishedLine()
        self._texts: Output | None = self._output if is_terminal(descriptors.stdout) else None
        self._waiting: list[str] = []
        self._alternate = False
        """Whether a full-screen program draws on the terminal."""
        self.raw = False
        """Whether the terminal is in raw mode, in which a line feed does not return the carriage."""
        self._shown: deque[int] = deque()
        """Numbers on their way to a stream, in order."""
        self._done: set[int] = set()
        """Those of them that are written, waiting for an earlier one on the other stream."""
        self._filter: Callable[[bytes], bytes] | None = None

    @property
    def is_one_terminal(self) -> bool:
        """Whether standard output is a terminal, and standard error is the same one or not a terminal."""
        stdout, stderr = self.descriptors.stdout, self.descriptors.stderr
        if not is_terminal(stdout):
            return False
        return not is_terminal(stderr) or os.fstat(stdout).st_rdev == os.fstat(stderr).st_rdev

    def filter_output(self, filter_: Callable[[bytes], bytes]) -> None:
        """Pass everything that is shown on the terminal through `filter_`; requires `is_one_terminal`."""
        self._filter = filter_
        if self._terminal:
            # One stream keeps everything on the terminal in order.
            self._errors, unused = self._output, self._errors
            unused.close()

    def draw(self, data: bytes) -> None:
        """Write `data` to the terminal, in addition to the session's output."""
        self._output.push(data)

    def choose(self, *, data_only: bool) -> None:
        """Send texts to standard output, or to standard error if `data_only`; the first choice holds."""
        if self._texts is None or data_only:
            self._texts = self._errors if data_only else self._output
        waiting, self._waiting = self._waiting, []
        for text in waiting:
            self.print_text(text)

    def discard_texts(self) -> None:
        """Forget texts that wait for `choose`."""
        self._waiting.clear()

    def print_text(self, text: str) -> None:
        """Show `text` where texts go, made printable except for its line feeds."""
        if self._texts is None:
            self._waiting.append(text)
        else:
            self._push(self._texts, self._translated(text))

    def print_error(self, text: str) -> None:
        """Show `text`, likewise, on standard error."""
        self._push(self._errors, self._translated(text))

    def notice(self, text: str) -> None:
        """Show `text` on standard error as a line of its own, even if output is in the middle of a line.

        On a terminal the cursor then returns to its column. Over a full-screen program it is drawn on the last line.
        """
        if self._alternate:
            window = window_size(self.descriptors.stdout)
            self._errors.push(on_last_line(printable(text.strip()), window.columns, window.rows))
            return
        line = self._error_line
        before = "" if line.empty else "\n"
        column = line.column(window_size(self.descriptors.stdout).columns) if self._terminal else None
        after = b"\x1b[%dC" % column if column and before else b""
        self._write(self._errors, self._translated(f"{before}{text}") + after)
        if after:
            return  # the cursor is back, and the program's output continues there
        line.feed(b"\n")

    def show(self, data: bytes, number: int) -> None:
        """Write output to standard output."""
        self._shown.append(number)
        if self._terminal:
            self._alternate = on_alternate_screen(data, before=self._alternate)
        self._output_line.feed(data)
        self._write(self._output, data, number)

    def show_error(self, data: bytes, number: int) -> None:
        """Write output to standard error."""
        self._shown.append(number)
        self._error_line.feed(data)
        self._write(self._errors, data, number)

    def skip(self, number: int) -> None:
        """Count output that is not shown as written."""
        self._shown.append(number)
        self._written(number)

    async def shown(self) -> None:
        """Wait until everything is written to standard output, for as long as it is blocked."""
        await self._output.drained()

    async def drained(self) -> None:
        """Wait until everything is written to both streams."""
        await self._output.drained()
        await self._errors.drained()

    def close(self) -> None:
        """Drop what is not written and restore the streams."""
        self._output.close()
        self._errors.close()

    def _push(self, output: Output, data: bytes) -> None:
        (self._output_line if output is self._output else self._error_line).feed(data)
        self._write(output, data)

    def _write(self, output: Output, data: bytes, number: int | None = None) -> None:
        if self._filter is not None and output is self._output:
            data = self._filter(data)
        output.push(data, number)

    def _written(self, number: int) -> None:
        self._done.add(number)
        last = -1
        while self._shown and self._shown[0] in self._done:
            last = self._shown.popleft()
            self._done.remove(last)
        if last >= 0:
            self._on_written(last)

    def _translated(self, text: str) -> bytes:
        safe = printable_lines(text)
        return (safe.replace("\n", "\r\n") if self.raw else safe).encode()


def _same(descriptors: Descriptors) -> bool:
    """Whether both outputs go to one file or pipe, as with `2>&1`."""
    try:
        return os.path.sameopenfile(descriptors.stdout, descriptors.stderr)
    except OSError:
        return False
