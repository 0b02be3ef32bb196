"""Nodes found by their names, chosen on a terminal, and what says where one is."""

import json
import socket
import subprocess

import pexpect

from tests.e2e.demo import Ferryman
from tests.e2e.processes.programs import FERRYMAN
from tests.e2e.processes.warm_programs import warm_programs
from tests.waiting import PATIENCE


def run(ferryman: Ferryman, *arguments: str) -> subprocess.CompletedProcess[str]:
    return warm_programs.run(FERRYMAN, *arguments, environment=ferryman.environment)


def test_a_node_is_found_by_its_new_name_and_by_its_computer_name(ferryman: Ferryman) -> None:
    node, host = ferryman.node_id, socket.gethostname()
    renamed = run(ferryman, "nodes", "rename", host, "bastion-1")
    assert renamed.stdout == f"{node} is now called bastion-1.\n", renamed.stderr
    assert [
        row["Name"] for row in json.loads(run(ferryman, "nodes", "--json").stdout) if row["InstanceId"] == node
    ] == ["bastion-1"]
    for name in ("bastion-1", "BASTION-1", host):
        assert run(ferryman, "run", name, "--", "echo", "there").stdout == "there\n"
    assert "cannot be the name" in run(ferryman, "nodes", "rename", node, "a name").stderr
    assert run(ferryman, "nodes", "tag", node, "--remove", "Name").returncode == 0


def test_who_calls_which_server(ferryman: Ferryman) -> None:
    arn = run(ferryman, "whoami").stdout.splitlines()[0]
    assert arn.endswith(":user/admin")
    assert json.loads(run(ferryman, "whoami", "--json").stdout)["Arn"] == arn
    shown = run(ferryman, "status").stdout
    assert f"Server    {ferryman.facts['endpoint_url']}" in shown
    assert arn in shown
    assert "Online" in shown


def test_a_shell_without_a_node_lets_a_person_choose(ferryman: Ferryman) -> None:
    assert "Name one" in run(ferryman, "shell").stderr
    picker = pexpect.spawn(
        FERRYMAN,
        ["shell", "--", "echo", "chosen"],
        env=ferryman.environment | {"TERM": "xterm"},
        dimensions=(24, 80),
        timeout=PATIENCE,
        encoding="utf-8",
    )
    try:
        picker.expect("Esc cancels")
        picker.send("no such node")
        picker.expect("0 of")
        picker.send("\x15" + ferryman.node_id)
        picker.expect("1 of")
        picker.send("\r")
        picker.expect("chosen")
        picker.expect(pexpect.EOF)
    finally:
        picker.close(force=True)
