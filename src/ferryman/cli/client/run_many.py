"""Runs one command on many nodes: prints lines as they arrive, prefixed with the node's name, or as JSON."""

import asyncio
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Protocol, Self

from ferryman.cli.output.printing import print_document, print_error
from ferryman.client.api import Node, Stream
from ferryman.client.library.input_feeding import feed
from ferryman.model.failures import Failure
from ferryman.model.values.text import output_line, printable

UNREACHED = 255
LONGEST_LINE = 64 * 1024
"""Bytes; longer lines are split, so that no node can exhaust the memory."""


class Report(AbstractContextManager["Report"], Protocol):
    """Receives the events of a run."""

    def line(self, node: Node, stream: Stream, text: str) -> None:
        """A line of output, without its end."""

    def ended(self, node: Node, exit_code: int, seconds: float) -> None:
        """The command has ended."""

    def failed(self, node: Node, failure: Failure) -> None:
        """The command did not finish."""


async def run_on_all(nodes: Sequence[Node], words: Sequence[str], parallel: int, *, as_json: bool) -> int:
    """Run `words` on all nodes, at most `parallel` at a time, without input; returns the highest exit code.

    255 stands for a node on which the command did not finish.
    """
    places = asyncio.Semaphore(parallel)
    with JsonReport() if as_json else TextReport(len(nodes)) as report:

        async def run(node: Node) -> int:
            async with places:
                return await _run(node, words, report)

        async with asyncio.TaskGroup() as group:
            running = [group.create_task(run(node)) for node in nodes]
    return max(each.result() for each in running)


async def _run(node: Node, words: Sequence[str], report: Report) -> int:
    started = time.monotonic()
    lines = {stream: LineSplitter() for stream in Stream}
    try:
        async with node.start(words) as command, feed(command, []):
            async for stream, data in command:
                for line in lines[stream].push(data):
                    report.line(node, stream, line)
            exit_code = await command.wait()
    except Failure as failure:
        report.failed(node, failure)
        return UNREACHED
    finally:
        for stream, rest in lines.items():
            for line in rest.end():
                report.line(node, stream, line)
    report.ended(node, exit_code, time.monotonic() - started)
    return exit_code


class LineSplitter:
    """Splits bytes into lines of UTF-8; invalid bytes become U+FFFD."""

    def __init__(self) -> None:
        self._begun = b""

    def push(self, data: bytes) -> list[str]:
        """Return the lines that `data` completes."""
        *lines, self._begun = (self._begun + data).split(b"\n")
        while len(self._begun) >= LONGEST_LINE:
            lines.append(self._begun[:LONGEST_LINE])
            self._begun = self._begun[LONGEST_LINE:]
        return [_text(line) for line in lines]

    def end(self) -> list[str]:
        """Return the last line, if it has no newline."""
        begun, self._begun = self._begun, b""
        return [_text(begun)] if begun else []


class JsonReport:
    """A line of JSON for every event."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def line(self, node: Node, stream: Stream, text: str) -> None:
        """Print an output line."""
        print_document({"event": "output", "node": node.id, "name": node.name, "stream": stream.value, "text": text})

    def ended(self, node: Node, exit_code: int, seconds: float) -> None:
        """Print the end."""
        ended = {"event": "ended", "node": node.id, "name": node.name}
        print_document(ended | {"exit_code": exit_code, "seconds": round(seconds, 3)})

    def failed(self, node: Node, failure: Failure) -> None:
        """Print the failure."""
        print_document({"event": "failed", "node": node.id, "name": node.name, "error": failure.line})


class TextReport:
    """Prints lines after the node's name, on the stream they came from; on a terminal, also a progress bar."""

    def __init__(self, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
            # Print output above the bar if both go to the same terminal.
            redirect_stdout=sys.stdout.isatty(),
        )
        self._task = self._progress.add_task("nodes", total=total)
        self._failures = 0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def line(self, node: Node, stream: Stream, text: str) -> None:
        """Print an output line."""
        to = sys.stdout if stream is Stream.STDOUT else sys.stderr
        # In a file or pipe the output is unchanged; on a terminal it must not be able to imitate another node's.
        to.write(f"{printable(node.name)}: {output_line(text) if to.isatty() else text}\n")
        to.flush()

    def ended(self, node: Node, exit_code: int, seconds: float) -> None:
        """Count it; report an exit code other than 0."""
        if exit_code:
            print_error(f"{node.name}: exited with code {exit_code}")
        self._count(failed=exit_code != 0)

    def failed(self, node: Node, failure: Failure) -> None:
        """Count it and say why."""
        print_error(f"{node.name}: {failure.line}")
        self._count(failed=True)

    def _count(self, *, failed: bool) -> None:
        self._failures += failed
        told = f"nodes, {self._failures} failed" if self._failures else "nodes"
        self._progress.update(self._task, advance=1, description=told)


def _text(line: bytes) -> str:
    return line.removesuffix(b"\r").decode(errors="replace")
