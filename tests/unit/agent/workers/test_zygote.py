"""The zygote as a process: what it says when its agent is gone. Where it works is tested through the agent."""

import socket
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from ferryman.agent.identity.state import StateDirectory
from ferryman.agent.workers.worker import WorkerTask
from ferryman.agent.workers.zygote import LENGTH
from ferryman.system.program import part_command
from ferryman.wire.tasks import InteractiveShellContent
from tests.waiting import PATIENCE


def spawn(state: StateDirectory, theirs: socket.socket) -> "subprocess.Popen[bytes]":
    arguments = part_command("zygote", str(state.path), str(theirs.fileno()), "info", "json")
    return subprocess.Popen(arguments, pass_fds=(theirs.fileno(),), stderr=subprocess.PIPE)


@pytest.mark.parametrize("task_was_sent", [False, True])
def test_an_agent_that_dies_leaves_no_traceback(state: StateDirectory, task_was_sent: bool) -> None:
    """Before the zygote is ready, and between a task and its answer."""
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            zygote = spawn(state, theirs)
        ours.sendall(LENGTH.pack(0))
        if task_was_sent:
            task = msgspec.json.encode(WorkerTask(InteractiveShellContent({}, "alice-1", "")))
            assert len(ours.recv(LENGTH.size)) == LENGTH.size
            ours.sendall(LENGTH.pack(len(task)) + task)
    _, complaint = zygote.communicate(timeout=PATIENCE)
    assert complaint == b""
    assert zygote.returncode == 0


FORKS = """
import os, sys, threading
from pathlib import Path
from ferryman.agent.workers.zygote import LENGTH, fork_zygote
os.environ["NOTIFY_SOCKET"] = "/run/systemd/notify"
kept_open = os.open("/dev/null", os.O_RDONLY)
zygote = fork_zygote(Path(sys.argv[1]))
print([name for name in ("cryptography", "difflib", "ferryman.agent.run") if name in sys.modules])
if sys.argv[2] == "serve":
    zygote.control.sendall(LENGTH.pack(0))
    assert LENGTH.unpack(zygote.control.recv(4))[0] == zygote.pid
    process = Path(f"/proc/{zygote.pid}")
    print((process / "comm").read_text().strip(), os.readlink(process / "cwd"), os.readlink(process / "fd/0"))
    others = [os.readlink(process / "fd" / each) for each in sorted(os.listdir(process / "fd"), key=int)[3:]]
    print("/dev/null" not in others and any(each.startswith("socket:") for each in others))
    print(os.getsid(zygote.pid) == zygote.pid)
zygote.control.close()
print(os.waitpid(zygote.pid, 0)[1])
"""


def test_a_forked_zygote_has_its_own_session_and_only_what_it_needs(state: StateDirectory) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORKS, str(state.path), "serve"], capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines() == ["[]", "ferryman-zygote / /dev/null", "True", "True", "0"], done.stderr


def test_a_forked_zygote_ends_with_an_agent_that_cannot_start(tmp_path: Path) -> None:
    """Before it looked at the state directory, which is unusable."""
    done = subprocess.run(
        [sys.executable, "-c", FORKS, str(tmp_path), "leave"], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("[]\n0\n", "")
