"""The contract of `ferryman demo` (docs/reference/demo.md)."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryDirectory

import pexpect
import psutil
import pytest

from ferryman.bus.faults import BusUnusable
from ferryman.bus.nats.bus import open_nats
from ferryman.bus.nats.connection import NatsOptions
from ferryman.cli.demo.texts import losing_a_server
from tests.e2e.demo import Ferryman, arguments, running_demo
from tests.e2e.processes.programs import FERRYMAN
from tests.e2e.shell import OpenShell
from tests.waiting import PATIENCE, wait_until

MEMBERS = {
    "endpoint_url",
    "region",
    "account_id",
    "access_key_id",
    "secret_access_key",
    "node_id",
    "node_ids",
    "ca_file",
    "profile_dir",
    "pids",
}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A user with a home of their own, whose AWS configuration leads elsewhere."""
    return {
        "HOME": str(tmp_path / "home"),
        "PATH": os.environ["PATH"],
        "TERM": "xterm",
        "AWS_PROFILE": "theirs",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "theirs",
    }


def runs(pid: int) -> bool:
    """Whether there is such a process; one that init has yet to collect has ended."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def running_from(scratch: Path) -> list[list[str]]:
    """The command lines of processes that name a directory."""
    lines = [arguments(process) for process in psutil.process_iter()]
    return [line for line in lines if any(str(scratch) in part for part in line)]


@pytest.fixture
def nothing_left(tmp_path: Path) -> Iterator[None]:
    """After the test no process works in, or was started from, the demo's directory."""
    yield
    assert not running_from(tmp_path / ".demo")
    assert [path.name for path in (tmp_path / ".demo").iterdir()] == [".gitignore"]
    assert not (tmp_path / "home").exists() or not (tmp_path / "home" / ".aws").exists()


@pytest.mark.usefixtures("nothing_left")
def test_without_a_terminal_it_runs_one_command_and_shows_the_row(tmp_path: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(
        [FERRYMAN, "demo"],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert re.search(
        rf"^Hello from {re.escape(os.uname().nodename)}: you are \S+, on /dev/pts/\d+\.$", done.stdout, re.MULTILINE
    )
    row = json.loads(done.stdout[done.stdout.index("\n{") :])
    assert row["Status"] == "Terminated"
    assert row["Target"] in done.stdout.partition("$ aws")[0]


@pytest.mark.usefixtures("nothing_left")
def test_on_a_terminal_it_opens_a_shell(tmp_path: Path, environment: dict[str, str]) -> None:
    theirs = tmp_path / "home" / "bin" / "ferryman"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("#!/bin/sh\necho another ferryman\n")
    theirs.chmod(0o755)
    (tmp_path / "home" / ".bashrc").write_text(f"PATH={theirs.parent}:$PATH\n")
    given = environment | {"SHELL": "/bin/bash"}
    child = pexpect.spawn(FERRYMAN, ["demo"], cwd=str(tmp_path), env=given, timeout=PATIENCE, dimensions=(24, 80))
    child.expect_exact("ferryman run demo -- uname -a")
    child.expect(rb"(aws ssm start-session --target mi-\w+)\r\n")
    command = child.match[1].decode()
    child.expect_exact("(ferryman demo) ")
    child.sendline(command)
    child.expect_exact("Starting session with SessionId")
    child.sendline("echo sum-$((6*7)); exit")
    child.expect("sum-42\r\n")
    child.expect_exact("Exiting session with sessionId")
    child.expect_exact("(ferryman demo) ")
    child.sendline("ferryman run demo -- echo product-$((6*8))")
    child.expect("product-48\r\n")
    child.expect_exact("(ferryman demo) ")  # what is typed earlier is the command's input
    child.sendline("exit 3")
    child.expect_exact("The demo has stopped.")
    child.expect(pexpect.EOF)
    wait_until(lambda: not child.isalive())
    child.close()
    assert child.exitstatus == 0


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ferryman]:
    """A demo of two nodes that is left running; afterwards nothing of it is left."""
    directory = tmp_path_factory.mktemp("held")
    with running_demo(directory, "--nodes", "2", forked=False) as running:
        yield running
    assert [path.name for path in (directory / ".demo").iterdir()] == [".gitignore"]


def test_for_programs_one_line_is_printed_before_serving(tmp_path: Path, held: Ferryman) -> None:
    facts = held.facts
    assert set(facts) == MEMBERS
    assert len(set(facts["node_ids"])) == 2
    assert facts["node_id"] == facts["node_ids"][0]
    assert len(facts["pids"]["agents"]) == 2
    assert facts["pids"]["agent"] == facts["pids"]["agents"][0]
    for node_id in facts["node_ids"]:
        wait_until(lambda node_id=node_id: held.is_connected(node_id))  # type: ignore[misc]
    nodes = held.client("ssm").describe_instance_information()["InstanceInformationList"]
    assert [(each["InstanceId"], each["Name"]) for each in sorted(nodes, key=itemgetter("Name"))] == list(
        zip(facts["node_ids"], ("demo", "demo2"), strict=True)
    )
    # The profile alone suffices, too.
    profile = Path(facts["profile_dir"])
    alone = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path / "home"),
        "AWS_CONFIG_FILE": str(profile / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(profile / "credentials"),
    }
    aws = str(Path(sys.executable).parent / "aws")
    answer = subprocess.run(
        [aws, "sts", "get-caller-identity"], env=alone, capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    assert json.loads(answer.stdout)["Account"] == facts["account_id"]


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """A directory that every user may enter, as PostgreSQL's must."""
    with TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made)


def command_line(pid: int) -> str:
    return " ".join(psutil.Process(pid).cmdline())


def test_several_servers_start_and_leave_nothing(open_directory: Path, open_shell: OpenShell) -> None:
    """Nor does a session whose agent was killed."""
    with running_demo(open_directory, "--servers", "2", forked=False) as several:
        assert len(several.facts["pids"]["servers"]) == 2
        assert len(several.facts["node_ids"]) == 2
        (shared,) = (open_directory / ".demo").glob("*/nats.conf")
        assert shared.stat().st_mode & 0o077 == 0
        port = re.search(r'"127\.0\.0\.1:(\d+)"', shared.read_text())
        assert port is not None
        with pytest.raises(BusUnusable, match="refuses the login"):  # other users of this machine cannot use it
            asyncio.run(open_nats(NatsOptions((f"nats://127.0.0.1:{port[1]}",)), PATIENCE))
        (pattern,) = re.findall(r"pkill -9 -f (\S+)", losing_a_server(shared.parent, 2))
        (first,) = [pid for pid in several.facts["pids"]["servers"] if re.search(pattern, command_line(pid))]
        psutil.Process(first).kill()
        wait_until(lambda: several.answers() and all(map(several.is_connected, several.facts["node_ids"])))
        shell = open_shell(several)
        shell.prompt()
        deaf = "trap '' TERM HUP; echo deaf-$$-pid; while :; do sleep 1; done"
        told = shell.run(f'setsid sh -c "{deaf.replace("$", chr(92) + "$")}" &', r"deaf-(\d+)-pid")
        pid = int(told.split(b"-")[-2])
        assert psutil.pid_exists(pid)
        os.kill(several.facts["pids"]["agent"], signal.SIGKILL)
        several.process.send_signal(signal.SIGTERM)
        assert several.process.wait(PATIENCE) == 0
        assert several.process.stdout.read() == ""
        wait_until(lambda: not runs(pid))
    assert not running_from(open_directory / ".demo")
    assert [path.name for path in (open_directory / ".demo").iterdir()] == [".gitignore"]


def test_a_dead_server_is_started_again_on_its_port(held: Ferryman) -> None:
    first = psutil.Process(held.facts["pids"]["server"])
    first.kill()
    wait_until(lambda: not first.is_running())
    wait_until(held.is_connected)


def test_end_of_input_ends_it_immediately(tmp_path: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(
        [FERRYMAN, "demo", "--hold", "--json"],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    assert set(json.loads(done.stdout)) == MEMBERS


def test_json_is_for_programs_that_hold_it(tmp_path: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(
        [FERRYMAN, "demo", "--json"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == "ferryman: --json needs --hold: without it the demo opens a shell. Add --hold.\n"
    assert not (tmp_path / ".demo").exists()
