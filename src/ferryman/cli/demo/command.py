"""`ferryman demo`: a server and agents for this machine in a scratch directory, and a shell through them.

Programs use `--hold --json` (`docs/reference/demo.md`). A server or an agent that dies is started again on the same
port and state, as an init system would; when the demo ends, everything that it started ends.
"""

import asyncio
import contextlib
import os
import re
import shlex
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from ferryman.cli.client.console import console_link
from ferryman.cli.demo import parts as demo_parts
from ferryman.cli.demo import texts
from ferryman.cli.demo.parts import Parts
from ferryman.cli.demo.processes import Processes, Program
from ferryman.cli.output.printing import print_lines
from ferryman.cli.output.tables import print_json
from ferryman.client.calls.api import Connection, connect
from ferryman.console import STATIC
from ferryman.model.failures import Failure

SCRATCH = ".demo"
_COMMAND = 'unset HISTFILE; echo "Hello from $(uname -n): you are $(id -un), on $(tty)."'
_MARK = 42
_LOG_LINES = 5


def command(
    *,
    hold: Annotated[
        bool,
        typer.Option("--hold", help="Run until standard input closes or SIGTERM arrives, instead of opening a shell."),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="With --hold: print one line of JSON for programs.")] = False,
    nodes: Annotated[
        int | None,
        typer.Option("--nodes", min=1, max=64, help="How many agents to run: 1, and 2 with several servers."),
    ] = None,
    servers: Annotated[
        int, typer.Option("--servers", min=1, max=16, help="How many servers to run, on PostgreSQL and NATS.")
    ] = 1,
    tls: Annotated[
        bool, typer.Option("--tls", help="Use TLS, with a certificate authority created for the demo.")
    ] = False,
) -> None:
    """Start a server and an agent for this machine, and a shell to try them in; leave nothing behind."""
    if json and not hold:
        raise Failure("--json needs --hold", "without it the demo opens a shell", "Add --hold")
    if tls and servers > 1:
        raise Failure("--tls is for one server", "the demo's load balancer speaks plain HTTP", "Leave one of them out")
    directory = _scratch_directory()
    demo = Demo(directory, nodes or min(servers, 2), tls, servers)
    work = demo.hold(as_json=json) if hold else demo.shell()
    try:
        status = asyncio.run(demo.run(work))
    except Failure:
        # Keep the logs, which tell why; a demo that never began has none.
        with contextlib.suppress(OSError):
            directory.rmdir()
        raise
    shutil.rmtree(directory)
    if status is None:
        # A signal is the normal end of --hold, and the end of nothing else.
        status = 0 if hold else 128 + signal.SIGTERM
    if status:
        raise typer.Exit(status)


@dataclass(slots=True)
class Demo:
    """One run of the demo, in a directory of its own."""

    directory: Path
    nodes: int
    tls: bool = False
    servers: int = 1
    _interrupted: asyncio.Event = field(default_factory=asyncio.Event)
    _failure: Failure | None = None
    _processes: Processes = field(init=False)

    def __post_init__(self) -> None:
        self._processes = Processes(self._failed)

    async def run(self, work: Coroutine[Any, Any, int]) -> int | None:
        """Do `work`, end everything that was started, and return the exit status; None if a signal came first.

        Raises Failure if a part keeps stopping.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._interrupted.set)
        self._processes.begin()
        try:
            working = asyncio.ensure_future(work)
            interruption = asyncio.ensure_future(self._interrupted.wait())
            await asyncio.wait({working, interruption}, return_when=asyncio.FIRST_COMPLETED)
            interruption.cancel()
            if self._failure is not None:
                raise self._failure
            if working.done():
                return working.result()
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
            return None
        finally:
            await self._processes.end()

    async def hold(self, *, as_json: bool) -> int:
        """Serve until standard input closes."""
        parts = await self._start()
        if as_json:
            _say(parts.as_json())
        else:
            _say(texts.instructions(parts, self.directory, await asyncio.to_thread(_console)))
        await _until_input_closes()
        return 0

    async def shell(self) -> int:
        """Open a shell with the demo's environment; without a terminal, run one command through the stock AWS CLI."""
        aws = _aws()
        if sys.stdin.isatty() and sys.stdout.isatty():
            _say(texts.announcement(self.servers, self.nodes))
            parts = await self._start()
            _say(texts.welcome(parts, self.directory, await asyncio.to_thread(_console)))
            pid = self._processes.spawn(_own_shell(self.directory), parts.environment)
            await self._processes.wait(pid)  # the status of the person's last command says nothing about the demo
            _say("The demo has stopped.")
            return 0
        parts = await self._start()
        _say(f"{texts.introduction(parts)}$ aws {' '.join(texts.start_session(parts))}")
        return await self._one_command(aws, parts)

    async def _start(self) -> Parts:
        return await demo_parts.start(self.directory, self.nodes, self._processes, servers=self.servers, tls=self.tls)

    async def _one_command(self, aws: str, parts: Parts) -> int:
        transcript = self.directory / "session.txt"
        # The far shell computes the marks' sums, so its echo of our typing does not match.
        script = f"echo begin-$(({_MARK}+0)); {_COMMAND}; echo end-$(({_MARK}+0)); exit\n"
        typed, typing = os.pipe()
        os.write(typing, script.encode())
        os.close(typing)
        with transcript.open("wb") as output:
            pid = self._processes.spawn(
                [aws, *texts.start_session(parts)], parts.environment, stdin=typed, stdout=output
            )
        os.close(typed)
        status = await self._processes.wait(pid)
        text = transcript.read_text(errors="replace")
        said = re.search(rf"begin-{_MARK}\r?\n(.*?)end-{_MARK}", text, re.DOTALL)
        session = re.search(r"SessionId: (\S+)", text)
        if status or not said or not session:
            raise Failure(
                "The command did not run through the session", _last_lines(transcript), f"Logs are in {self.directory}"
            )
        _say(said[1].replace("\r\n", "\n").rstrip("\n"))
        _say("\nThe session, as DescribeSessions reports it:")
        print_json(await _ended_row(parts, session[1]))
        return 0

    def _failed(self, program: Program) -> None:
        self._failure = Failure(
            f"The demo's {program.name} keeps stopping", _last_lines(program.log), f"Its log is {program.log}"
        )
        self._interrupted.set()


def _scratch_directory() -> Path:
    parent = Path.cwd() / SCRATCH
    parent.mkdir(exist_ok=True)
    ignored = parent / ".gitignore"
    if not ignored.exists():
        ignored.write_text("*\n")
    return Path(tempfile.mkdtemp(dir=parent, prefix=""))


def _aws() -> str:
    beside = Path(sys.executable).parent
    found = shutil.which("aws", path=f"{beside}{os.pathsep}{os.environ.get('PATH', os.defpath)}")
    if found is None:
        raise Failure("The AWS CLI is not installed", "no `aws` is on PATH", "Run `make demo`, which installs it")
    if not (beside / "session-manager-plugin").exists():
        raise Failure(
            "Ferryman's session-manager-plugin is not installed",
            f"it is not in {beside}",
            "Install Ferryman with pip rather than running it from its source",
        )
    return found


def _console() -> str:
    """Return a link that signs a browser in, "" if the console's files are not built.

    In a thread: the demo's own process may be what carries the call to its servers.
    """
    if not (STATIC / "index.html").is_file():
        return ""
    return console_link(connect(Connection(), "ferryman"))


def _own_shell(directory: Path) -> list[str]:
    """Return the person's own shell; in bash, with a prompt that says where they are.

    Our programs come first on PATH in bash, whatever the person's settings put there.
    """
    shell = os.environ.get("SHELL") or "/bin/sh"
    if Path(shell).name != "bash":
        return [shell, "-i"]
    settings = directory / "bashrc"
    programs = shlex.quote(str(Path(sys.executable).parent))
    settings.write_text(f'[ -f ~/.bashrc ] && . ~/.bashrc\nPATH={programs}:$PATH\nPS1="(ferryman demo) $PS1"\n')
    return [shell, "--rcfile", str(settings), "-i"]


async def _ended_row(parts: Parts, session_id: str) -> dict[str, Any]:
    """The session's row once the server knows that it has ended, or as it is after ten seconds."""
    filters = [{"key": "SessionId", "value": session_id}]
    row: dict[str, Any] = {}
    for _ in range(100):
        for state in ("History", "Active"):
            answer = await asyncio.to_thread(parts.api.call, "DescribeSessions", State=state, Filters=filters)
            if answer["Sessions"]:
                row = dict(answer["Sessions"][0])
                break
        if "EndDate" in row:
            break
        await asyncio.sleep(0.1)
    return row


async def _until_input_closes() -> None:
    """Wait for the end of standard input, whatever it is: a pipe, a terminal, /dev/null (immediately)."""
    loop = asyncio.get_running_loop()
    closed = asyncio.Event()

    def read() -> None:
        try:
            while os.read(0, 4096):
                pass
        except OSError:
            pass
        loop.call_soon_threadsafe(closed.set)

    # epoll accepts neither files nor /dev/null; a daemon thread does not delay the exit.
    threading.Thread(target=read, daemon=True).start()
    await closed.wait()


def _last_lines(path: Path) -> str:
    lines = path.read_text(errors="replace").splitlines() if path.exists() else []
    return " | ".join(line.strip() for line in lines[-_LOG_LINES:] if line.strip()) or "it printed nothing"


def _say(text: str) -> None:
    print_lines(*text.split("\n"))
