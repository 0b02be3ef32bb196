"""The `ferryman` command as a person and as a program use it, against a running demo."""

import json
import os
import re
import signal
import ssl
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest

from tests.e2e.agents import agent_of_its_own
from tests.e2e.demo import Ferryman
from tests.e2e.doctor import doctor
from tests.e2e.processes.programs import FERRYMAN
from tests.e2e.processes.warm_programs import warm_programs
from tests.e2e.shell import OpenShell
from tests.ports import free_port
from tests.waiting import PATIENCE, wait_until


def run(ferryman: Ferryman, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    return warm_programs.run(FERRYMAN, *arguments, environment=ferryman.environment | changes)


def answer(ferryman: Ferryman, *arguments: str) -> Any:
    done = run(ferryman, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def refusal(ferryman: Ferryman, *arguments: str, **changes: str) -> str:
    """The one line that a command refuses with."""
    done = run(ferryman, *arguments, **changes)
    assert done.returncode == 1, done.stdout
    assert re.fullmatch(r"ferryman: [^\n]+\n", done.stderr), done.stderr
    return done.stderr


def config(ferryman: Ferryman) -> str:
    return str(Path(ferryman.facts["profile_dir"]).parent / "ferryman.toml")


def test_nodes(ferryman: Ferryman) -> None:
    (row,) = [row for row in answer(ferryman, "nodes") if row["InstanceId"] == ferryman.node_id]
    assert row["PingStatus"] == "Online"
    shown = run(ferryman, "nodes").stdout
    assert ferryman.node_id in shown
    assert "Online" in shown


def test_one_node_and_its_tags(ferryman: Ferryman) -> None:
    node = ferryman.node_id
    assert run(ferryman, "nodes", "tag", node, "stage=test", "team=a=b").stdout.splitlines() == [
        f"{node} stage=test",
        f"{node} team=a=b",
    ]
    shown = answer(ferryman, "nodes", "show", "tag:stage=test")
    assert (shown["InstanceId"], shown["Tags"], shown["Sessions"]) == (node, {"stage": "test", "team": "a=b"}, [])
    assert shown["IsLatestVersion"] is True
    lines = run(ferryman, "nodes", "show", node).stdout.splitlines()
    assert {f"Node        {node}", "Status      Online", "Tag         team=a=b"} <= set(lines)
    assert [row["InstanceId"] for row in answer(ferryman, "nodes", "--tag", "stage=test", "--tag", "team")] == [node]
    assert answer(ferryman, "nodes", "--tag", "stage=test", "--status", "ConnectionLost") == []
    assert run(ferryman, "nodes", "--tag", "stage=test", "--status", "Inactive").stdout == "No nodes match.\n"
    assert answer(ferryman, "sessions", "list", "--target", "tag:stage=test") == []
    doctor(ferryman, "its control channel is up", "--target", "tag:stage=test")
    doctor(ferryman, "No node is called nobody", "--target", "nobody")
    assert run(ferryman, "nodes", "tag", node, "--remove", "team").stdout == f"{node} stage=test\n"
    assert "KEY=VALUE" in refusal(ferryman, "nodes", "tag", node, "stage")
    assert [row["InstanceId"] for row in answer(ferryman, "nodes", "--status", "online")] == [node]
    assert "--status has no effect before 'show'" in refusal(ferryman, "nodes", "--status", "Online", "show", node)
    assert "is not registered" in refusal(ferryman, "nodes", "show", "mi-00000000000000000")
    assert "--yes" in refusal(ferryman, "nodes", "deregister", node)


def test_activations(ferryman: Ferryman) -> None:
    made = answer(ferryman, "activation", "create", "--limit", "3", "--name", "web", "--tag", "stage=test")
    (row,) = [row for row in answer(ferryman, "activation", "list") if row["ActivationId"] == made["ActivationId"]]
    assert (row["RegistrationsCount"], row["RegistrationLimit"], row["Expired"]) == (0, 3, False)
    assert row["Tags"] == [{"Key": "stage", "Value": "test"}]
    (line,) = [
        line
        for line in run(ferryman, "activation", "list").stdout.splitlines()
        if line.startswith(made["ActivationId"])
    ]
    assert "Valid" in line
    assert "0 of 3" in line
    deleted = run(ferryman, "activation", "delete", made["ActivationId"])
    assert deleted.stdout == f"Deleted activation {made['ActivationId']}.\n"
    assert "InvalidActivation" in refusal(ferryman, "activation", "delete", made["ActivationId"])


@pytest.fixture
def passing(ferryman: Ferryman, tmp_path: Path) -> Iterator[str]:
    """A second node, tagged `passing`, that tests may deregister."""
    with agent_of_its_own(ferryman, tmp_path / "agent", ferryman.facts["endpoint_url"]) as node_id:
        resource = {"ResourceType": "ManagedInstance", "ResourceId": node_id}
        ferryman.client("ssm").add_tags_to_resource(**resource, Tags=[{"Key": "passing", "Value": "yes"}])
        yield node_id


def test_watching_nodes_come_and_go(ferryman: Ferryman, passing: str) -> None:
    """Lines where there is no terminal, a table where there is one."""
    watch = ["nodes", "--tag", "passing", "--watch", "--interval", "1"]
    wait_until(lambda: ferryman.is_connected(passing))
    lines = subprocess.Popen(
        [FERRYMAN, *watch, "--json"],
        env=ferryman.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    table = pexpect.spawn(
        FERRYMAN,
        watch,
        env=ferryman.environment | {"TERM": "xterm"},
        dimensions=(24, 160),
        timeout=PATIENCE,
        encoding="utf-8",
    )
    try:
        assert lines.stdout is not None
        first = json.loads(lines.stdout.readline())
        assert (first["InstanceId"], first["PingStatus"]) == (passing, "Online")
        table.expect("1 node, 1 Online")
        gone = run(ferryman, "nodes", "deregister", "--yes", passing)
        assert gone.stdout == f"Deregistered {passing}.\n"
        while (last := json.loads(lines.stdout.readline()))["PingStatus"] != "Deregistered":
            assert last["InstanceId"] == passing
        table.expect("0 nodes")
        assert answer(ferryman, "nodes", "--tag", "passing") == []
    finally:
        table.close(force=True)
        lines.kill()
        lines.communicate()


def test_sessions(ferryman: Ferryman, open_shell: OpenShell) -> None:
    shell = open_shell(ferryman)
    session_id = shell.session_id()
    shell.prompt()
    active = answer(ferryman, "sessions", "list", "--target", ferryman.node_id, "--owner", "admin")
    assert session_id in [row["SessionId"] for row in active]
    assert session_id in run(ferryman, "sessions", "list").stdout
    assert answer(ferryman, "sessions", "list", "--session-id", session_id, "--status", "Failed") == []
    ended = run(ferryman, "sessions", "terminate", session_id)
    assert ended.stdout == f"Terminating {session_id}\n"
    assert shell.end() == 255  # the AWS CLI's status for a client whose session was ended
    rows = wait_until(
        lambda: answer(ferryman, "sessions", "history", "--session-id", session_id, "--after", "2020-01-01")
    )
    assert rows[0]["Status"] == "Terminated"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", rows[0]["EndDate"])
    assert answer(ferryman, "sessions", "history", "--before", "2020-01-01") == []
    assert len(answer(ferryman, "sessions", "history", "--limit", "1")) == 1


def test_users_and_keys(ferryman: Ferryman) -> None:
    where = ("--config", config(ferryman))
    made = answer(ferryman, "user", "add", "alice", *where)
    alice = {"AWS_ACCESS_KEY_ID": made["access_key_id"], "AWS_SECRET_ACCESS_KEY": made["secret_access_key"]}
    assert run(ferryman, "sessions", "list", **alice).returncode == 0
    assert "AccessDeniedException" in refusal(ferryman, "activation", "create", **alice)
    assert run(ferryman, "user", "role", "alice", "administrator", *where).returncode == 0
    assert run(ferryman, "activation", "create", **alice).returncode == 0
    users = {user["name"]: user for user in answer(ferryman, "user", "list", *where)}
    assert users["alice"]["policies"] == ["arn:aws:iam::aws:policy/FerrymanAdministrator"]
    assert users["alice"]["arn"].endswith(":user/alice")
    assert run(ferryman, "user", "key", "disable", made["access_key_id"], *where).returncode == 0
    assert "UnrecognizedClientException" in refusal(ferryman, "sessions", "list", **alice)
    assert run(ferryman, "user", "key", "enable", made["access_key_id"], *where).returncode == 0
    assert run(ferryman, "sessions", "list", **alice).returncode == 0
    second = answer(ferryman, "user", "key", "add", "alice", *where)
    assert run(ferryman, "user", "key", "remove", made["access_key_id"], *where).returncode == 0
    assert [key["access_key_id"] for key in answer(ferryman, "user", "key", "list", "alice", *where)] == [
        second["access_key_id"]
    ]
    assert "alice" in refusal(ferryman, "user", "add", "alice", *where)
    assert run(ferryman, "user", "remove", "alice", *where).returncode == 0
    assert "alice" in refusal(ferryman, "user", "remove", "alice", *where)


def test_an_activation_registers_a_node(ferryman: Ferryman, tmp_path: Path) -> None:
    made = answer(ferryman, "activation", "create", "--name", "second")
    register = (
        *("agent", "register", "--endpoint-url", ferryman.facts["endpoint_url"]),
        *("--activation-id", made["ActivationId"], "--state-dir", str(tmp_path / "state")),
    )
    code = {"FERRYMAN_ACTIVATION_CODE": made["ActivationCode"]}
    wrong = refusal(ferryman, *register, FERRYMAN_ACTIVATION_CODE="wrong-wrong-wrong-wrong!")
    assert "InvalidActivation" in wrong
    done = run(ferryman, *register, **code)
    assert re.fullmatch(r"mi-[0-9a-f]{17}\n", done.stdout), done.stderr
    assert done.stdout.strip() in refusal(ferryman, *register, **code)
    # Deregistered by nobody, connected by nobody: the doctor tells it from an unknown one.
    assert doctor(ferryman, "its agent is not connected", "--target", done.stdout.strip()).returncode == 1
    text = run(ferryman, "activation", "create").stdout
    assert f"--endpoint-url {ferryman.facts['endpoint_url']}" in text


def test_the_printed_command_keeps_the_code_out_of_the_arguments(ferryman: Ferryman, tmp_path: Path) -> None:
    """Every user of a machine sees its processes' arguments in /proc; the environment is the user's own."""
    text = run(ferryman, "activation", "create").stdout
    printed = re.search(r"^  (FERRYMAN_ACTIVATION_CODE=(\S+) \\\n.*\\\n.*)$", text, re.MULTILINE)
    assert printed is not None, text
    (line,) = re.findall(r"^  (FERRYMAN_ACTIVATION_CODE=\S+ sh -c '.*')$", text, re.MULTILINE)
    assert line.startswith(f"FERRYMAN_ACTIVATION_CODE={printed[2]} sh -c 'ferryman agent install && ")
    assert line.count(printed[2]) == 1
    seen = tmp_path / "arguments"
    stub = tmp_path / "ferryman"
    stub.write_text(f"#!/bin/sh\ntr '\\0' ' ' < /proc/$$/cmdline > {seen}\nexec {FERRYMAN} \"$@\"\n")
    stub.chmod(0o700)
    environment = ferryman.environment | {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "FERRYMAN_AGENT_STATE": str(tmp_path / "state"),
    }
    done = subprocess.run(
        ["sh", "-c", printed[1]], env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert re.fullmatch(r"mi-[0-9a-f]{17}\n", done.stdout), done.stderr
    assert "agent register" in seen.read_text()
    assert printed[2] not in seen.read_text()


def test_the_code_is_refused_as_an_argument(ferryman: Ferryman) -> None:
    code = "0123456789abcdefghij"
    said = refusal(
        ferryman,
        *("agent", "register", "--endpoint-url", "http://127.0.0.1:1", "--activation-id", "x"),
        *("--activation-code", code),
    )
    assert "FERRYMAN_ACTIVATION_CODE" in said
    assert code not in said


def test_the_code_may_come_from_standard_input(ferryman: Ferryman, tmp_path: Path) -> None:
    made = answer(ferryman, "activation", "create")
    register = [
        *(FERRYMAN, "agent", "register", "--endpoint-url", ferryman.facts["endpoint_url"]),
        *("--activation-id", made["ActivationId"], "--activation-code", "-", "--state-dir", str(tmp_path / "state")),
    ]
    for typed, status in (("", 1), ("wrong-wrong-wrong-wrong!\n", 1), (f"{made['ActivationCode']}\n", 0)):
        done = subprocess.run(
            register,
            env=ferryman.environment,
            input=typed,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == status, done.stderr
    assert re.fullmatch(r"mi-[0-9a-f]{17}\n", done.stdout)


def test_refusals_are_one_line(ferryman: Ferryman) -> None:
    assert "does not answer" in refusal(ferryman, "nodes", "--endpoint-url", "http://127.0.0.1:9")
    assert "is not a valid time" in refusal(ferryman, "sessions", "list", "--after", "someday")
    assert "AWS" in refusal(ferryman, "nodes", AWS_ENDPOINT_URL="", AWS_CONFIG_FILE="/nowhere")
    assert "absent" in refusal(ferryman, "nodes", "--profile", "absent")
    assert "Traceback" in run(ferryman, "--debug", "nodes", "--profile", "absent").stderr
    assert "exists" in refusal(ferryman, "init", "--directory", str(Path(config(ferryman)).parent))


def finds_nothing(*arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str] | None:
    """What a check says that finds nothing wrong; None if it does: it waits five seconds, in which a busy server may
    not answer."""
    done = warm_programs.run(FERRYMAN, *arguments, environment=environment)
    print(done.stdout, done.stderr)
    return done if done.returncode == 0 else None


def test_a_server_of_ones_own_with_tls(tmp_path: Path, ferryman: Ferryman) -> None:
    port = free_port()
    made = run(ferryman, "init", "--directory", str(tmp_path), "--listen", f"127.0.0.1:{port}", "--tls")
    assert made.returncode == 0, made.stderr
    assert "aws_secret" not in made.stdout
    private = [path for path in tmp_path.rglob("*") if path.is_file() and "ferryman.db" not in path.name]
    assert {path.stat().st_mode & 0o777 for path in private} == {0o600}
    own = {
        "PATH": ferryman.environment["PATH"],
        "HOME": str(tmp_path),
        "AWS_CONFIG_FILE": str(tmp_path / "aws" / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "aws" / "credentials"),
    }
    with (tmp_path / "server.log").open("w") as log:
        server = subprocess.Popen(
            [FERRYMAN, "server", "--config", str(tmp_path / "ferryman.toml")], env=own, stderr=log
        )
    try:
        wait_until(lambda: (tmp_path / "server.log").read_text().count('"listening"') == 1)
        doctor = wait_until(lambda: finds_nothing("doctor", environment=own))
        assert f"https://127.0.0.1:{port}" in doctor.stdout
        again = subprocess.run(
            [FERRYMAN, "server", "--config", str(tmp_path / "ferryman.toml")],
            env=own,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert again.returncode == 1
        assert "cannot be used: another server uses it" in again.stderr.splitlines()[-1]
        health = ("server", "health", "--config", str(tmp_path / "ferryman.toml"))
        healthy = wait_until(lambda: finds_nothing(*health, environment=own))
        assert json.loads(healthy.stdout)["status"] == "ok"
        before = ssl.get_server_certificate(("127.0.0.1", port))
        renewed = run(ferryman, "certificate", "renew", "--config", str(tmp_path / "ferryman.toml"))
        assert renewed.returncode == 0, renewed.stderr
        server.send_signal(signal.SIGHUP)
        wait_until(lambda: '"certificate loaded"' in (tmp_path / "server.log").read_text())
        after = ssl.get_server_certificate(("127.0.0.1", port))
        assert after == (tmp_path / "tls" / "server.pem").read_text() != before
        config = str(tmp_path / "ferryman.toml")
        doctor = wait_until(lambda: finds_nothing("doctor", "--config", config, environment=own))
        assert "Server's certificate: it is valid until" in doctor.stdout
    finally:
        os.kill(server.pid, 15)
        assert server.wait(PATIENCE) == 0
    assert "does not answer" in refusal(ferryman, "server", "health", "--config", str(tmp_path / "ferryman.toml"))


def test_a_server_ends_with_its_terminal_and_not_with_a_hangup_alone(tmp_path: Path, ferryman: Ferryman) -> None:
    port = free_port()
    assert run(ferryman, "init", "--directory", str(tmp_path), "--listen", f"127.0.0.1:{port}").returncode == 0
    child = pexpect.spawn(FERRYMAN, ["server", "--config", str(tmp_path / "ferryman.toml")], timeout=PATIENCE)
    child.expect("listening")
    child.expect_exact(f"Ferryman is running at http://127.0.0.1:{port}.")
    child.expect_exact("ferryman activation create")
    child.kill(signal.SIGHUP)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=PATIENCE) as answer:
        assert answer.status == 200
    os.close(child.child_fd)
    child.closed = True
    assert os.waitpid(child.pid, 0) == (child.pid, 0)


def test_another_authority_is_made_beside(tmp_path: Path, ferryman: Ferryman) -> None:
    directory = tmp_path / "next"
    made = run(ferryman, "certificate", "new", "--directory", str(directory), "--host", "sessions.example.com")
    assert made.returncode == 0, made.stderr
    assert {path.stat().st_mode & 0o777 for path in directory.iterdir()} == {0o600}
    assert "exists" in refusal(ferryman, "certificate", "new", "--directory", str(directory), "--host", "h")
