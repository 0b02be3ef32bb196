"""`ferryman cp`."""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from ferryman.cli.options import EndpointOption, ProfileOption, RegionOption
from ferryman.cli.output.printing import Greetings
from ferryman.client.calls.api import Connection
from ferryman.model.failures import Failure
from ferryman.model.values.text import printable

TAG = "tag:"

SourceArgument = Annotated[str, typer.Argument(metavar="SOURCE", help="A local path, or NODE:PATH.")]
DestinationArgument = Annotated[str, typer.Argument(metavar="DESTINATION", help="NODE:PATH, or a local path.")]
RecursiveOption = Annotated[
    bool, typer.Option("-r", "--recursive", help="Accepted as for scp; folders are always copied with their content.")
]
KeepSetuidOption = Annotated[
    bool, typer.Option("--keep-setuid", help="Keep the setuid, setgid and sticky bits, which are otherwise dropped.")
]


def command(
    source: SourceArgument,
    destination: DestinationArgument,
    *,
    recursive: RecursiveOption = False,
    keep_setuid: KeepSetuidOption = False,
    profile: ProfileOption = None,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Copy a file or folder to or from a node. Run an interrupted copy again to resume it."""
    from ferryman.cli.event_loop import run_to_end

    del recursive  # there is nothing to switch on
    run_to_end(_copy(Connection(profile, region, endpoint_url), source, destination, keep_setuid=keep_setuid))


def split(text: str) -> tuple[str, str] | None:
    """Return node and path of NODE:PATH; None for a local path, which has no colon, or a slash before its first.

    The node may be `tag:KEY=VALUE`.
    """
    tag = TAG if text.startswith(TAG) else ""
    node, colon, path = text.removeprefix(tag).partition(":")
    if not colon or not node or "/" in node:
        return None
    return tag + node, path


async def _copy(connection: Connection, source: str, destination: str, *, keep_setuid: bool) -> None:
    from ferryman.transport import without_authorities

    without_authorities.import_aiohttp()
    from ferryman.client.api import connect

    there, here = split(source), split(destination)
    ends = [each for each in (there, here) if each is not None]
    if len(ends) != 1:
        raise Failure(
            f"Cannot copy {source} to {destination}",
            "exactly one of the two must be NODE:PATH",
            "Write a local name that has a colon as ./NAME",
        )
    name, path = ends[0]
    async with connect(
        name,
        profile=connection.profile,
        region=connection.region,
        endpoint_url=connection.endpoint_url,
        on_greeting=Greetings(),
    ) as node:
        with progress_bar(source) as told:
            if there is not None:
                await node.copy(node.path(path), destination, on_progress=told, keep_setuid=keep_setuid)
            else:
                await node.copy(source, node.path(path), on_progress=told, keep_setuid=keep_setuid)


@contextmanager
def progress_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on standard error while the context lasts, if that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    console = Console(stderr=True)
    with contextlib.ExitStack() as stack:
        bar = stack.enter_context(
            Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                DownloadColumn(),
                TransferSpeedColumn(),
                TimeRemainingColumn(),
                console=console,
                disable=not console.is_terminal,
            )
        )
        task = bar.add_task(printable(what), total=None)
        try:
            yield lambda there, total: bar.update(task, completed=there, total=total)
        except BaseException:
            bar.remove_task(task)  # the error message then stands alone
            raise
