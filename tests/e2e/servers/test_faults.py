"""kill -9 of each part in turn while output streams: nothing is lost, doubled or reordered, and the row stays true."""

import asyncio
import itertools
import os
import re
import signal

import pexpect
import psutil
import pytest

import ferryman as public
from tests.e2e.demo import Ferryman, arguments
from tests.e2e.shell import OpenShell, Shell
from tests.waiting import wait_until

LINES = 200_000
COMMAND = f"seq 1 {LINES}; echo end-$((40+2))"
COMMAND_IN_TWO_PARTS = f"seq 1 {LINES - 1000}; read; seq {LINES - 999} {LINES}; echo end-$((40+2))"
"""Its last thousand lines wait for a line of input."""
END = "end-42\r\n"


def numbers(output: bytes) -> list[int]:
    return [int(line) for line in re.findall(rb"(?m)^(\d+)\r$", output)]


def plugin_of(shell: Shell) -> psutil.Process:
    return next(
        child
        for child in psutil.Process(shell.child.pid).children(recursive=True)
        if any("session-manager-plugin" in part for part in child.cmdline())
    )


def agent_of(ferryman: Ferryman) -> psutil.Process:
    return psutil.Process(ferryman.facts["pids"]["agent"])


@pytest.mark.parametrize("victim", ["server", "agent"])
def test_a_killed_part_comes_back_and_the_output_is_whole(
    victim: str, own_ferryman: Ferryman, open_shell: OpenShell
) -> None:
    ticket = own_ferryman.client("ssm").start_session(Target=own_ferryman.node_id)
    shell = open_shell(own_ferryman, *own_ferryman.plugin_command(ticket))
    session_id = shell.session_id()
    shell.prompt()
    shell.child.send(COMMAND_IN_TWO_PARTS + "\n")
    first = shell.expect(r"\r\n5000\r\n")
    (wait_until(own_ferryman.server_process) if victim == "server" else agent_of(own_ferryman)).kill()
    # However fast it was, the part that was killed has not relayed all.
    shell.child.send("\n")
    rest = shell.expect(END)
    assert numbers(first + rest) == list(range(1, LINES + 1))
    wait_until(lambda: own_ferryman.session_row(session_id)["Status"] == "Connected")
    shell.child.send("exit\n")
    assert shell.end() == 0
    wait_until(lambda: own_ferryman.session_row(session_id)["Status"] == "Terminated")
    wait_until(own_ferryman.is_connected)
    recorded = own_ferryman.recording(session_id)
    if victim == "agent":
        assert numbers(recorded) == list(range(1, LINES + 1))
    else:  # what it had not written when it died may be missing, and nothing else
        assert rest[-1000:] in recorded
        assert is_in_order(numbers(recorded))


def descriptors(process: psutil.Process) -> int:
    """How many a process has open, not counting those of its databases: concurrent calls open more, and they stay."""
    of_databases = [each for each in process.open_files() if re.search(r"\.db(-wal|-shm)?$", each.path)]
    return process.num_fds() - len(of_databases)


def is_in_order(numbers: list[int]) -> bool:
    """Whether each number is larger than the one before, except for one that was cut where something is missing."""
    return sum(later <= earlier for earlier, later in itertools.pairwise(numbers)) <= 1


def test_a_killed_client_is_followed_by_another_that_resumes(ferryman: Ferryman, open_shell: OpenShell) -> None:
    shell = open_shell(ferryman)
    session_id = shell.session_id()
    shell.prompt()
    shell.child.send(COMMAND + "\n")
    first = shell.expect(r"\r\n5000\r\n")
    plugin_of(shell).kill()
    shell.child.expect(pexpect.EOF)
    first += bytes(shell.child.before)
    wait_until(lambda: ferryman.session_row(session_id)["Status"] == "Disconnected")
    ticket = ferryman.client("ssm").resume_session(SessionId=session_id)
    again = open_shell(ferryman, *ferryman.plugin_command(ticket))
    rest = again.expect(END)
    received = numbers(first[: first.rfind(b"\n") + 1])
    resumed = rest[rest.index(session_id.encode()) + len(session_id) + 2 :]
    # What the dead client had shown but not yet acknowledged may come once more; nothing may be missing.
    following = numbers(resumed[resumed.index(b"\n") + 1 :])
    assert received == list(range(1, received[-1] + 1))
    assert following == list(range(following[0], LINES + 1))
    assert following[0] <= received[-1] + 2
    again.child.send("exit\n")
    assert again.end() == 0
    wait_until(lambda: ferryman.session_row(session_id)["Status"] == "Terminated")


def test_a_killed_session_worker_ends_the_session_with_a_cause(ferryman: Ferryman, open_shell: OpenShell) -> None:
    ticket = ferryman.client("ssm").start_session(Target=ferryman.node_id)
    shell = open_shell(ferryman, *ferryman.plugin_command(ticket))
    session_id = shell.session_id()
    shell.prompt()
    pid = int(shell.run("echo pid-$PPID-pid", r"pid-(\d+)-pid\r\n").split(b"pid-")[1].split(b"-")[0])
    os.kill(pid, signal.SIGKILL)
    assert shell.end() != 0
    row = wait_until(lambda: (r := ferryman.session_row(session_id))["Status"] in ("Terminated", "Failed") and r)
    assert row["Details"]


def test_no_descriptor_or_process_is_left_after_sessions(ferryman: Ferryman, open_shell: OpenShell) -> None:
    ssm = ferryman.client("ssm")
    server = psutil.Process(ferryman.facts["pids"]["server"])

    def shell_by_plugin() -> Shell:
        ticket = ssm.start_session(Target=ferryman.node_id)
        shell = open_shell(ferryman, *ferryman.plugin_command(ticket))
        shell.prompt()
        return shell

    shell = shell_by_plugin()
    shell.child.send("exit\n")
    assert shell.end() == 0
    # The process that reads recordings for the search comes after the first session, and stays.
    wait_until(lambda: any("line-reader" in arguments(each) for each in ferryman.descendants()))
    before = descriptors(server), len(ferryman.descendants())
    for _ in range(3):  # more than the descriptor of tolerance, should each leave one
        shell_by_plugin().child.close(force=True)
        shell = shell_by_plugin()
        shell.child.send("exit\n")
        assert shell.end() == 0
    for row in ferryman.active_sessions():
        ssm.terminate_session(SessionId=row["SessionId"])
    wait_until(ferryman.has_no_sessions)
    wait_until(lambda: len(ferryman.descendants()) <= before[1])
    wait_until(lambda: descriptors(server) <= before[0] + 1)


async def test_a_command_of_the_python_api_outlives_the_server(
    own_ferryman: Ferryman, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The demo starts its server again."""
    for name, value in own_ferryman.environment.items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    server = await asyncio.to_thread(wait_until, own_ferryman.server_process)
    await asyncio.to_thread(wait_until, own_ferryman.is_connected)
    async with public.connect(own_ferryman.node_id) as node, node.start(["cat"]) as command:
        pieces = aiter(command)
        await command.write(b"before")
        assert await anext(pieces) == (public.Stream.STDOUT, b"before")
        server.kill()
        await command.write(b"after")
        assert await anext(pieces) == (public.Stream.STDOUT, b"after")
        command.end_input()
        assert await command.wait() == 0
