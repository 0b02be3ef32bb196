"""The zygote as a process: what it says when its agent is gone. Where it works is tested through the agent."""

import socket
import subprocess

import msgspec
import pytest

from ferryman.agent.state import StateDirectory
from ferryman.agent.workers.worker import WorkerTask
from ferryman.agent.workers.zygote import LENGTH
from ferryman.system.program import part_command
from ferryman.wire.tasks import InteractiveShellContent
from tests.waiting import PATIENCE


def spawn(state: StateDirectory, theirs: socket.socket) -> "subprocess.Popen[bytes]":
    arguments = part_command("zygote", str(state.path), str(theirs.fileno()))
    return subprocess.Popen(arguments, pass_fds=(theirs.fileno(),), stderr=subprocess.PIPE)


@pytest.mark.parametrize("task_was_sent", [False, True])
def test_an_agent_that_dies_leaves_no_traceback(state: StateDirectory, task_was_sent: bool) -> None:
    """Before the zygote is ready, and between a task and its answer."""
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            zygote = spawn(state, theirs)
        if task_was_sent:
            task = msgspec.json.encode(WorkerTask(InteractiveShellContent({}, "alice-1", "")))
            assert len(ours.recv(LENGTH.size)) == LENGTH.size
            ours.sendall(LENGTH.pack(len(task)) + task)
    _, complaint = zygote.communicate(timeout=PATIENCE)
    assert complaint == b""
    assert zygote.returncode == 0
