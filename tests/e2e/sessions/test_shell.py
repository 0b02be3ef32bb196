"""A shell on a managed node through the stock AWS CLI, and its row in DescribeSessions."""

import re
import subprocess
import sys
from pathlib import Path

from tests.e2e.demo import Ferryman
from tests.e2e.processes.programs import FERRYMAN
from tests.e2e.shell import OpenShell
from tests.waiting import PATIENCE, wait_until


def test_a_person_types_and_exits(ferryman: Ferryman, open_shell: OpenShell) -> None:
    shell = open_shell(ferryman)
    session_id = shell.session_id()
    shell.prompt()
    assert ferryman.session_row(session_id)["Status"] == "Connected"
    shell.run("echo $((6*7))-æøå-✓", "42-æøå-✓\r\n")
    shell.child.send("exit\n")
    assert shell.end() == 0
    assert f"Exiting session with sessionId: {session_id}".encode() in shell.seen
    row = wait_until(lambda: (r := ferryman.session_row(session_id))["Status"] == "Terminated" and r)
    assert row["Target"] == ferryman.node_id
    assert row["Owner"].startswith(f"arn:aws:iam::{ferryman.facts['account_id']}:user/")
    assert row["DocumentName"] == "SSM-SessionManagerRunShell"
    assert row["EndDate"] >= row["StartDate"]
    assert row["AccessType"] == "Standard"


def test_the_terminal_is_the_real_one(ferryman: Ferryman, open_shell: OpenShell) -> None:
    shell = open_shell(ferryman)
    shell.prompt()
    shell.run("stty size", "24 80\r\n")
    shell.child.setwinsize(40, 132)
    shell.run("until [ \"$(stty size)\" = '40 132' ]; do sleep 0.1; done; echo wide-$((1+1))", "wide-2\r\n")
    shell.run("tty; echo $TERM", r"/dev/pts/\d+\r\nxterm")
    # Programs say when they run: a signal between bash's fork and their exec is bash's own handler's, and lost.
    shell.run("sh -c 'echo under-way-$((1+1)); exec sleep 1000'", "under-way-2\r\n")
    shell.child.sendcontrol("c")
    shell.run("echo code-$?", "code-130\r\n")
    shell.run("sh -c 'echo job-$((1+1)); exec sleep 1000' &", "job-2\r\n")
    shell.run("jobs; kill %1; wait; echo done-$((1+1))", "done-2\r\n")
    shell.run("sh -c 'echo cat-$((1+1)); exec cat'", "cat-2\r\n")
    shell.child.sendcontrol("z")
    shell.expect("Stopped")
    shell.child.send("kill %1; exit\nexit\n")
    assert shell.end() == 0


def test_processes_of_the_shell_end_with_it(ferryman: Ferryman, open_shell: OpenShell) -> None:
    shell = open_shell(ferryman)
    session_id = shell.session_id()
    shell.prompt()
    pid = int(shell.run("sleep 987 & echo pid-$!", r"pid-(\d+)\r\n").split(b"pid-")[-1])
    assert any(each.pid == pid for each in ferryman.descendants())
    ferryman.client("ssm").terminate_session(SessionId=session_id)
    assert shell.end() == 255  # the AWS CLI's status for a client that failed: the shell did not end by itself
    wait_until(lambda: ferryman.session_row(session_id)["Status"] == "Terminated")
    wait_until(lambda: not any(each.pid == pid for each in ferryman.descendants()))


def test_much_output_arrives_whole_and_in_order(ferryman: Ferryman, open_shell: OpenShell) -> None:
    shell = open_shell(ferryman)
    shell.prompt()
    output = shell.run("seq 1 200000; echo end-$((40+2))", "end-42\r\n")
    numbers = [int(line) for line in re.findall(rb"(?m)^(\d+)\r$", output)]
    assert numbers == list(range(1, 200001))


def test_input_from_a_pipe(ferryman: Ferryman) -> None:
    aws = Path(sys.executable).parent / "aws"
    done = subprocess.run(
        [str(aws), "ssm", "start-session", "--target", ferryman.node_id],
        env=ferryman.environment,
        input=b"echo from-a-pipe-$((40+2))\nexit\n",
        capture_output=True,
        timeout=PATIENCE,
        check=True,
    )
    assert b"from-a-pipe-42" in done.stdout


def test_what_is_typed_is_shown_before_the_node_echoes_it(ferryman: Ferryman, open_shell: OpenShell) -> None:
    shell = open_shell(ferryman, FERRYMAN, "shell", ferryman.node_id, "--predict", "always")
    shell.expect("[$#] ")
    guess = r"\x1b\[0;4mx"
    seen = b""
    while not seen:  # the first keys are shown when they are echoed
        shell.child.send("x")
        seen = shell.next(guess)
    shell.child.send("\x15echo pre\x7f\x7f\x7fdone-$((40+2))\n")
    shell.expect("done-42\r\n")
    shell.child.send("exit\n")
    assert shell.end() == 0
