"""The public Python API: `async with ferryman.connect("web-1") as node: await node.run(["uname", "-a"])`.

Everything here is also `ferryman.<name>`. Failures are raised as `Failure`, with a text for people.
"""

import asyncio
import shlex
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from ferryman.client.calls.api import Connection
from ferryman.client.calls.api import connect as connect_api
from ferryman.client.calls.launch import DEFAULT_RECONNECT_SECONDS
from ferryman.client.calls.start_session import COMMAND_DOCUMENT
from ferryman.client.calls.targets import Target, listed
from ferryman.client.library.client import Client, open_client
from ferryman.client.library.forwarding import LOOPBACK, Forward, listen
from ferryman.client.library.input_feeding import feed
from ferryman.client.library.port_sessions import Destination, PortSessions
from ferryman.client.library.recordings import FoundLine, Recording, Recordings
from ferryman.client.library.running_command import CommandHandler, RunningCommand, Stream
from ferryman.client.library.socks import requested
from ferryman.client.recordings.events import RecordedEvent
from ferryman.client.transfer.commands import RemotePath
from ferryman.client.transfer.files import download_file, upload_file
from ferryman.client.transfer.folders import download_folder, is_folder, upload_folder
from ferryman.model.failures import Failure

__all__ = [
    "CommandFailed",
    "CommandResult",
    "Failure",
    "Forward",
    "FoundLine",
    "Node",
    "RecordedEvent",
    "Recording",
    "Recordings",
    "RemotePath",
    "RunningCommand",
    "Stream",
    "connect",
    "connect_all",
    "open_recordings",
]


@dataclass(frozen=True, slots=True)
class CommandResult:
    """The result of a command: `exit_code` as in a shell, 127 not found, 126 not executable, 128 + n for signal n."""

    exit_code: int
    stdout: bytes
    stderr: bytes


class CommandFailed(Failure):
    """A command that had to succeed ended with a non-zero exit code; see `result`."""

    def __init__(self, arguments: Sequence[str], result: CommandResult) -> None:
        self.result = result
        said = result.stderr.decode(errors="replace").strip().rstrip(".")
        super().__init__(f"{shlex.join(arguments)} ended with exit code {result.exit_code}", said)


def _ignore(_: str) -> None:
    """Ignore the problem: the connection is reset anyway."""


def _ignore_progress(_there: int, _total: int) -> None:
    """Ignore progress."""


class Node:
    """A managed node, for as long as `connect` lasts. Any number of its methods may run concurrently."""

    def __init__(self, client: Client, target: Target) -> None:
        self._client = client
        self._target = target

    @property
    def id(self) -> str:
        """The node's id, `mi-…`."""
        return self._target.node_id

    @property
    def name(self) -> str:
        """The name an administrator set, or what the node reports; the id if there is neither or it was found by id."""
        return self._target.name

    async def run(self, arguments: Sequence[str], *, stdin: bytes = b"", check: bool = False) -> CommandResult:
        """Run a program to its end and return what it wrote, all of it in memory.

        `arguments` are the program and its arguments, each passed on unchanged: no shell parses them. `stdin` is the
        program's input. Raises `CommandFailed` if `check` and the exit code is not 0; `Failure` if the session could
        not be opened, or was lost before the end.
        """
        written: dict[Stream, list[bytes]] = {Stream.STDOUT: [], Stream.STDERR: []}
        async with self.start(arguments) as command, feed(command, [stdin] if stdin else []):
            async for stream, data in command:
                written[stream].append(data)
            exit_code = await command.wait()
        result = CommandResult(exit_code, b"".join(written[Stream.STDOUT]), b"".join(written[Stream.STDERR]))
        if check and result.exit_code:
            raise CommandFailed(arguments, result)
        return result

    @asynccontextmanager
    async def start(self, arguments: Sequence[str], *, reason: str = "") -> AsyncIterator[RunningCommand]:
        """Run a program and read its output as it arrives, or write its input on the way.

        At the end of the context the command is ended if it is still running. `reason`, up to 256 characters, is shown
        in lists of sessions and in the audit trail. Raises `Failure`.
        """
        if not arguments or not arguments[0]:
            raise ValueError("a command needs a program")
        handler = CommandHandler.new()
        parameters = {"command": shlex.join(arguments), "separateOutputStream": "true"}
        session = await self._client.start(self.id, COMMAND_DOCUMENT, parameters, handler, reason)
        try:
            yield RunningCommand(session, handler)
        finally:
            await session.close()

    @asynccontextmanager
    async def forward(
        self,
        port: int,
        *,
        host: str | None = None,
        local_port: int = 0,
        bind: str = LOOPBACK,
        on_problem: Callable[[str], None] = _ignore,
    ) -> AsyncIterator[Forward]:
        """Forward a local port to `port` of the node, or of `host` as the node reaches it, while the context lasts.

        Any number of connections at a time; `local_port` 0 picks a free one; see `Forward.address`. A connection
        that the node cannot make is reset, and `on_problem` gets a text. Raises `Failure` if the local port is not
        available or the node does not answer; whether anything listens on the remote port is not checked.
        """
        listening = listen(bind, local_port)
        destination = Destination(port, host)
        sessions = PortSessions(self._client, self.id, on_problem)

        async def route(_: socket.socket) -> Destination:
            return destination

        try:
            await sessions.tunnel(destination)
            forward = Forward(sessions, listening, route, on_problem)
            try:
                yield forward
            finally:
                await forward.close()
        finally:
            listening.close()
            await sessions.close()

    @asynccontextmanager
    async def socks(
        self, local_port: int = 0, *, bind: str = LOOPBACK, on_problem: Callable[[str], None] = _ignore
    ) -> AsyncIterator[Forward]:
        """Run a SOCKS5 proxy that reaches what the node reaches while the context lasts. Otherwise as `forward`.

        Each host and port has its own session; those unused for longest are ended.
        """
        sessions = PortSessions(self._client, self.id, on_problem)
        forward = Forward(sessions, listen(bind, local_port), requested, on_problem)
        try:
            yield forward
        finally:
            await forward.close()
            await sessions.close()

    def path(self, path: str) -> RemotePath:
        """Return a file or folder of this node, for `copy`; without a leading slash it is below the home directory."""
        return RemotePath(path)

    async def copy(
        self,
        source: RemotePath | Path | str,
        destination: RemotePath | Path | str,
        *,
        on_progress: Callable[[int, int], None] = _ignore_progress,
        keep_setuid: bool = False,
    ) -> None:
        """Copy a file or a folder to the node or from it: exactly one of the two is a `path` of the
        node.

        A file goes into `destination` if that is a folder; a folder becomes `destination`, or goes into it if it ends
        in a slash (on the node) or is there (here). An interrupted copy resumes. `on_progress` gets the bytes that are
        there and those there will be. Files belong to the account that writes them; `keep_setuid` keeps their setuid,
        setgid and sticky bits. Raises `Failure` also if the copy differs from what was copied, OSError for local files.
        """
        match source, destination:
            case RemotePath(), str() | Path():
                download = download_folder if await is_folder(self, source) else download_file
                await download(self, source, Path(destination), on_progress, keep_setuid=keep_setuid)
            case ((str() | Path()), RemotePath()):
                upload = upload_folder if Path(source).is_dir() else upload_file  # noqa: ASYNC240 - one look
                await upload(self, Path(source), destination, on_progress, keep_setuid=keep_setuid)
            case _:
                raise ValueError("one of the two must be a path of the node, and one a local one")


@asynccontextmanager
async def connect(
    node: str,
    *,
    profile: str | None = None,
    region: str | None = None,
    endpoint_url: str | None = None,
    reconnect_seconds: float = DEFAULT_RECONNECT_SECONDS,
    on_notice: Callable[[str], None] = lambda _: None,
    on_greeting: Callable[[str], None] = lambda _: None,
) -> AsyncIterator[Node]:
    """Yield the node that `node` matches: an id, a name, or `tag:KEY=VALUE` if one node has that tag.

    `profile`, `region`, `endpoint_url` and credentials work as for the AWS CLI. A lost connection is restored for up to
    `reconnect_seconds`; no data is lost or duplicated. `on_notice` gets lines for people, such as that the node does
    not answer; `on_greeting` the line with which the node's agent begins a session, such as that it is encrypted, once
    for each session. Raises `Failure`.
    """
    async with connect_all(
        [node],
        profile=profile,
        region=region,
        endpoint_url=endpoint_url,
        reconnect_seconds=reconnect_seconds,
        on_notice=on_notice,
        on_greeting=on_greeting,
    ) as nodes:
        if len(nodes) > 1:
            raise Failure(
                f"{node} matches {len(nodes)} nodes", listed([each._target for each in nodes]), "Name one of them"
            )
        yield nodes[0]


@asynccontextmanager
async def connect_all(
    nodes: Sequence[str],
    *,
    profile: str | None = None,
    region: str | None = None,
    endpoint_url: str | None = None,
    reconnect_seconds: float = DEFAULT_RECONNECT_SECONDS,
    on_notice: Callable[[str], None] = lambda _: None,
    on_greeting: Callable[[str], None] = lambda _: None,
) -> AsyncIterator[list[Node]]:
    """Yield all nodes that `nodes` match, each once. A tag may match many. Otherwise as `connect`."""
    connection = Connection(profile, region, endpoint_url)
    async with open_client(connection, reconnect_seconds, on_notice, on_greeting) as client:
        yield [Node(client, target) for target in await client.find(nodes)]


async def open_recordings(
    *, profile: str | None = None, region: str | None = None, endpoint_url: str | None = None
) -> Recordings:
    """Return the recordings of a server. `profile`, `region`, `endpoint_url` and credentials work as for the AWS CLI.

    Raises `Failure` for a configuration without server or credentials.
    """
    return Recordings(await asyncio.to_thread(connect_api, Connection(profile, region, endpoint_url), "ferryman"))
