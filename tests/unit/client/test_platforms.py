"""What the client needs of its system: on macOS and Windows there is less of it than here.

Every module of the client is imported in a process that has only what those systems have. Nothing here runs on them.
"""

import asyncio
import functools
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ferryman.client.plugin.tty.threaded_streams import ThreadedInput, ThreadedOutput
from ferryman.client.transfer import local_folder
from ferryman.model.failures import Failure
from ferryman.system.signals import handle, known
from tests.waiting import PATIENCE

POSIX_MODULES = ("fcntl", "grp", "pty", "pwd", "resource", "spwd", "syslog", "termios", "tty", "uvloop")
POSIX_SIGNALS: tuple[str, ...] = (
    "SIGALRM",
    "SIGCHLD",
    "SIGCONT",
    "SIGHUP",
    "SIGKILL",
    "SIGQUIT",
    "SIGTSTP",
    "SIGTTOU",
    "SIGWINCH",
)
POSIX_SIGNALS += ("SIGUSR1", "SIGUSR2", "SIGPIPE")
POSIX_FUNCTIONS = (
    "fchmod",
    "fork",
    "geteuid",
    "getpgrp",
    "getuid",
    "openpty",
    "pidfd_open",
    "register_at_fork",
    "tcgetpgrp",
    "uname",
)
POSIX_FLAGS = ("O_CLOEXEC", "O_DIRECTORY", "O_NOCTTY", "O_NOFOLLOW", "O_NONBLOCK")
LINUX = ("pidfd_open",)

SCRIPT = """
import importlib, json, os, pkgutil, signal, socket, sys
COMMANDS_OF_SERVERS = ("ferryman.cli.operate", "ferryman.cli.demo", "ferryman.cli.manage.explain")
modules, signals, functions, platform = (part.split(",") for part in sys.argv[1:5])
# What these import of the system themselves is their own affair: they are built for each.
import asyncio, aiohttp, botocore.session, click, rich.console, typer, webbrowser, tempfile, shutil, subprocess, msgspec
import http.server, difflib, getpass, zipfile, ssl
for name in modules:
    sys.modules[name] = None
for name in signals:
    delattr(signal, name)
for name in functions:
    if name:
        delattr(os, name)
if platform[0] == "win32":
    del socket.AF_UNIX
    os.supports_dir_fd = set()
    import types
    sys.modules["msvcrt"] = types.ModuleType("msvcrt")
sys.platform = platform[0]
import ferryman
found = []
for package in ("ferryman.client", "ferryman.cli", "ferryman.transport", "ferryman.channel", "ferryman.wire",
                "ferryman.model", "ferryman.signing", "ferryman.system"):
    top = importlib.import_module(package)
    for each in pkgutil.walk_packages(top.__path__, package + "."):
        if each.name in OTHERS or each.name.startswith(COMMANDS_OF_SERVERS):
            continue
        importlib.import_module(each.name)
        found.append(each.name)
print(len(found))
"""
TTY = "ferryman.client.plugin.tty"
OTHERS = {
    "win32": (
        f"{TTY}.posix_terminal",
        "ferryman.cli.doctor.server",
        "ferryman.signing.rsa",
        "ferryman.system.confinement",
    ),
    "darwin": (f"{TTY}.windows_console", "ferryman.signing.rsa"),
}
"""The other systems' terminals, and what only servers and nodes use. Commands for their machines are left out, too."""


def import_everything(platform: str, modules: tuple[str, ...], names: tuple[tuple[str, ...], ...]) -> None:
    signals, functions = names
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"OTHERS = {OTHERS[platform]!r}\n{SCRIPT}"]
        + [",".join(each) for each in (modules, signals, functions, (platform,))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-1500:]
    assert int(done.stdout) > 100


def test_every_module_of_the_client_imports_with_what_windows_has() -> None:
    import_everything("win32", POSIX_MODULES, (POSIX_SIGNALS, POSIX_FUNCTIONS + POSIX_FLAGS))


def test_every_module_of_the_client_imports_with_what_macos_has() -> None:
    import_everything("darwin", ("uvloop",), (("SIGPWR",), LINUX))


def test_files_are_not_copied_where_folders_cannot_be_held_open(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(local_folder, "_SUPPORTED", False)
    with pytest.raises(Failure, match=r"Files cannot be copied on this system: .*\. Use scp or sftp"):
        local_folder.LocalFolder.open(tmp_path)


async def test_signals_reach_a_loop_that_handles_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the event loop of Windows does not."""
    loop = asyncio.get_running_loop()

    def refuse(*_: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr(loop, "add_signal_handler", refuse)
    before = signal.getsignal(signal.SIGTERM)
    received: asyncio.Future[signal.Signals] = loop.create_future()
    undo = handle(loop, signal.SIGTERM, received.set_result)
    try:
        signal.raise_signal(signal.SIGTERM)
        assert await asyncio.wait_for(received, PATIENCE) is signal.SIGTERM
    finally:
        undo()
    assert signal.getsignal(signal.SIGTERM) is before


def test_unknown_signals_are_left_out() -> None:
    assert known("SIGTERM", "SIGNOTHING") == (signal.SIGTERM,)


async def test_a_thread_reads_only_while_it_may() -> None:
    reading, writing = os.pipe()
    arrived: list[bytes] = []
    data, ended = asyncio.Event(), asyncio.Event()

    def on_data(piece: bytes) -> None:
        arrived.append(piece)
        threaded.pause()
        data.set()

    threaded = ThreadedInput(reading, on_data, ended.set)
    os.write(writing, b"one")
    assert arrived == []
    threaded.resume()
    await asyncio.wait_for(data.wait(), PATIENCE)
    assert arrived == [b"one"]
    os.close(writing)
    threaded.resume()
    await asyncio.wait_for(ended.wait(), PATIENCE)
    threaded.close()
    os.close(reading)


async def test_a_thread_writes_in_order_and_reports_what_is_written() -> None:
    reading, writing = os.pipe()
    written: list[int] = []
    threaded = ThreadedOutput(writing, written.append)
    threaded.push(b"one", 1)
    threaded.push(b"two")
    threaded.push(b"three", 3)
    await asyncio.wait_for(threaded.drained(), PATIENCE)
    assert written == [1, 3]
    assert os.read(reading, 100) == b"onetwothree"
    threaded.close()
    os.close(reading)
    os.close(writing)


async def test_a_thread_reports_once_that_nobody_reads() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    for _ in range(300):  # what the thread takes between its failure and the loop's learning of it must count as well
        written: list[int] = []
        closed: list[bool] = []
        threaded = ThreadedOutput(writing, written.append, functools.partial(closed.append, True))
        threaded.push(b"one", 1)
        threaded.push(b"two", 2)
        await asyncio.sleep(0)
        threaded.push(b"three", 3)
        await asyncio.wait_for(threaded.drained(), PATIENCE)
        assert (written, closed) == ([], [True])
        threaded.close()
    os.close(writing)
