"""The commands that people use every day: real processes, against a running demo."""

import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.agents import agent_of_its_own
from tests.e2e.demo import Ferryman, arguments
from tests.e2e.processes.programs import FERRYMAN
from tests.e2e.processes.warm_programs import warm_programs
from tests.e2e.shell import OpenShell
from tests.waiting import PATIENCE, wait_until


def run(ferryman: Ferryman, *arguments: str, typed: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run `ferryman` to its end, with pipes."""
    return warm_programs.run_in_pipes(FERRYMAN, *arguments, environment=ferryman.environment, typed=typed)


def name_of(ferryman: Ferryman) -> str:
    (row,) = ferryman.client("ssm").describe_instance_information()["InstanceInformationList"]
    return str(row.get("Name") or row["ComputerName"])


def test_a_shell_by_name(ferryman: Ferryman, open_shell: OpenShell) -> None:
    shell = open_shell(ferryman, FERRYMAN, "shell", name_of(ferryman), "--reason", "looking")
    session_id = shell.session_id()
    shell.prompt()
    assert ferryman.session_row(session_id)["Reason"] == "looking"
    shell.child.sendline("exit 0")
    assert shell.end() == 0


def test_a_command_in_a_terminal(ferryman: Ferryman, open_shell: OpenShell) -> None:
    shell = open_shell(ferryman, FERRYMAN, "shell", ferryman.node_id, "--", "sh", "-c", 'tty; echo "<$1>"', "sh", "a b")
    shell.expect(r"/dev/pts/\d+")
    shell.expect("<a b>")
    assert shell.end() == 0


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("no-such-node", b"No node is called no-such-node"),
        ("tag:role=none", b"No node has the tag role=none"),
        ("tag:role", b"tag:KEY=VALUE"),
        ("mi-00000000000000000", b"TargetNotConnected"),
    ],
)
def test_a_target_that_is_not_a_node_is_refused(ferryman: Ferryman, target: str, said: bytes) -> None:
    done = run(ferryman, "shell", target)
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize(
    ("words", "code", "stdout", "stderr"),
    [
        (["echo", "a  b", "$HOME", ";", "*"], 0, b"a  b $HOME ; *\n", b""),
        (["sh", "-c", "echo out; echo err >&2; exit 3"], 3, b"out\n", b"err\n"),
        (["false"], 1, b"", b""),
        (["/etc/passwd"], 126, b"", b"cannot execute /etc/passwd: Permission denied\n"),
        (["/no/such/program"], 127, b"", b"cannot execute /no/such/program: No such file or directory\n"),
        (["sh", "-c", "kill -9 $$"], 137, b"", b""),
    ],
)
def test_a_command_as_if_it_ran_here(
    ferryman: Ferryman, words: list[str], code: int, stdout: bytes, stderr: bytes
) -> None:
    done = run(ferryman, "run", ferryman.node_id, "--", *words)
    assert (done.returncode, done.stdout, done.stderr) == (code, stdout, stderr)


def test_input_and_output_keep_every_byte(ferryman: Ferryman) -> None:
    data = os.urandom(3_000_000) + b"\n"
    done = run(ferryman, "run", ferryman.node_id, "--", "cat", typed=data)
    assert done.returncode == 0
    assert done.stdout == data


def test_tar_through_pipes_in_both_directions(ferryman: Ferryman, tmp_path: Path) -> None:
    source, there, back = (tmp_path / name for name in ("source", "there", "back"))
    for folder in (source / "deep", there, back):
        folder.mkdir(parents=True)
    for number in range(40):
        (source / "deep" / f"{number}").write_bytes(os.urandom(50_000))
    packed = "tar -C {} -cf - ."
    unpacked = "tar -C {} -xf -"
    node = f"{FERRYMAN} run {ferryman.node_id} --"
    for pipe in (
        f"{packed.format(source)} | {node} {unpacked.format(there)}",
        f"{node} {packed.format(there)} | {unpacked.format(back)}",
    ):
        script = f"set -o pipefail; {pipe}"
        done = subprocess.run(["bash", "-c", script], env=ferryman.environment, capture_output=True, timeout=PATIENCE)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    for copied in (there, back):
        assert sorted(each.name for each in (copied / "deep").iterdir()) == sorted(str(n) for n in range(40))
        for each in (source / "deep").iterdir():
            assert (copied / "deep" / each.name).read_bytes() == each.read_bytes()


def test_a_command_that_stops_reading_ends(ferryman: Ferryman) -> None:
    done = run(ferryman, "run", ferryman.node_id, "--", "head", "-c", "3", typed=bytes(4_000_000))
    assert (done.returncode, done.stdout) == (0, bytes(3))


def test_an_interrupted_command_is_ended_on_the_node(ferryman: Ferryman) -> None:
    mark = "31415.9265"
    command = [FERRYMAN, "run", ferryman.node_id, "--", "sh", "-c", f"echo begun; sleep {mark}"]
    with subprocess.Popen(
        command, env=ferryman.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 128 + signal.SIGTERM
    wait_until(lambda: not [each for each in ferryman.descendants() if mark in " ".join(arguments(each))])


def test_json_lines(ferryman: Ferryman) -> None:
    done = run(ferryman, "run", ferryman.node_id, "--json", "--", "sh", "-c", "echo out; echo err >&2; exit 4")
    assert done.returncode == 4
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert {event["node"] for event in events} == {ferryman.node_id}
    assert {(event["stream"], event["text"]) for event in events[:-1]} == {("stdout", "out"), ("stderr", "err")}
    assert (events[-1]["event"], events[-1]["exit_code"]) == ("ended", 4)


def test_a_command_that_cannot_be_started(ferryman: Ferryman) -> None:
    unknown = run(ferryman, "run", "mi-00000000000000000", "--", "true")
    assert unknown.returncode == 255
    assert b"TargetNotConnected" in unknown.stderr
    assert run(ferryman, "run", ferryman.node_id).returncode == 2
    assert run(ferryman, "run", ferryman.node_id, "--parallel", "0", "--", "true").returncode == 2


@pytest.fixture
def three_nodes(ferryman: Ferryman, tmp_path: Path) -> Iterator[list[str]]:
    """Two more nodes while the test lasts, and the demo's own."""
    endpoint = ferryman.facts["endpoint_url"]
    with (
        agent_of_its_own(ferryman, tmp_path / "first", endpoint) as first,
        agent_of_its_own(ferryman, tmp_path / "second", endpoint) as second,
    ):
        wait_until(lambda: ferryman.is_connected(first) and ferryman.is_connected(second))
        yield [first, second, ferryman.node_id]
    for node_id in (first, second):
        ferryman.client("ssm").deregister_managed_instance(InstanceId=node_id)


def test_many_nodes_by_tag_and_name(ferryman: Ferryman, three_nodes: list[str]) -> None:
    first, second, third = three_nodes
    ssm = ferryman.client("ssm")
    for node_id in (first, second):
        tags = [{"Key": "role", "Value": "web"}]
        ssm.add_tags_to_resource(ResourceType="ManagedInstance", ResourceId=node_id, Tags=tags)
    done = run(ferryman, "run", "tag:role=web", third, first, "--parallel", "2", "--json", "--", "sh", "-c", "echo $$")
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert sorted(event["node"] for event in events if event["event"] == "ended") == sorted([first, second, third])
    shown = run(ferryman, "run", "tag:role=web", "mi-00000000000000000", "--", "sh", "-c", "echo here; exit 2")
    assert shown.returncode == 255
    assert shown.stdout.count(b": here\n") == 2
    assert shown.stderr.count(b"exited with code 2") == 2
    assert b"TargetNotConnected" in shown.stderr
    several = run(ferryman, "shell", "tag:role=web")
    assert several.returncode == 1
    assert b"matches 2 nodes" in several.stderr


def test_forwards_until_the_end(ferryman: Ferryman) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        command = [FERRYMAN, "forward", ferryman.node_id, f"0:{port}", f"0:localhost:{port}", "--socks", "0", "--json"]
        with subprocess.Popen(
            command,
            env=ferryman.environment,
            stdout=subprocess.PIPE,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a suite in the background ignores it
        ) as process:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            assert [each["to"] for each in told["forwards"]] == [f"localhost:{port}", f"localhost:{port}", "socks5"]
            host, _, local = told["forwards"][0]["listen"].rpartition(":")
            with socket.create_connection((host, int(local))) as ours:
                theirs, _ = server.accept()
                with theirs:
                    ours.sendall(b"ping")
                    assert theirs.recv(4) == b"ping"
            busy = run(ferryman, "forward", ferryman.node_id, f"{local}:{port}")
            assert busy.returncode == 1
            assert b"address already in use" in busy.stderr
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE) == 130


def test_what_cannot_be_forwarded(ferryman: Ferryman) -> None:
    assert run(ferryman, "forward", ferryman.node_id).returncode == 2
    assert run(ferryman, "forward", ferryman.node_id, "80", "--stdio", "22").returncode == 2
    assert b"cannot be forwarded" in run(ferryman, "forward", ferryman.node_id, "http").stderr


def test_a_port_on_the_standard_streams(ferryman: Ferryman) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            theirs, _ = server.accept()
            with theirs, theirs.makefile("rb") as reader:
                theirs.sendall(b"heard " + reader.read())

        thread = threading.Thread(target=serve)
        thread.start()
        port = str(server.getsockname()[1])
        done = run(ferryman, "forward", ferryman.node_id, "--stdio", port, typed=b"\n")
        thread.join(10)
    assert (done.returncode, done.stdout) == (0, b"heard \n")


def test_copies(ferryman: Ferryman, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\n")
    assert run(ferryman, "cp", str(tmp_path / "a"), f"{ferryman.node_id}:{tmp_path}/b").returncode == 0
    assert run(ferryman, "cp", f"{name_of(ferryman)}:{tmp_path}/b", str(tmp_path / "c")).returncode == 0
    assert (tmp_path / "c").read_bytes() == b"\n"
    wrong = run(ferryman, "cp", "a", "b")
    assert wrong.returncode == 1
    assert b"must be NODE:PATH" in wrong.stderr
    missing = run(ferryman, "cp", str(tmp_path / "none"), f"{ferryman.node_id}:{tmp_path}/b")
    assert missing.returncode == 1
    assert missing.stderr.count(b"\n") == 1


def test_the_configuration_for_ssh(ferryman: Ferryman) -> None:
    done = run(ferryman, "ssh-config", "--user", "me")
    assert done.returncode == 0, done.stderr
    assert f"Host {name_of(ferryman)} {ferryman.node_id}\n".encode() in done.stdout
    assert f"ProxyCommand {FERRYMAN} forward --stdio %p %h\n".encode() in done.stdout
