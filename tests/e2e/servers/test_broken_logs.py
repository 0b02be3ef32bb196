"""Logs that cannot be written: the server and the agent do everything else as ever."""

import os
import subprocess
import time
from pathlib import Path

from tests.e2e.clocks.moved_clock import moved_ferryman
from tests.e2e.lone_server import LoneServer, lone_server
from tests.e2e.processes.programs import FERRYMAN
from tests.e2e.processes.warm_programs import warm_programs
from tests.waiting import PATIENCE, wait_until

PIPE_CALLS = 400
"""Their lines are more than a pipe holds: 64 KiB."""


def test_a_server_whose_log_is_on_a_full_disk_serves_and_keeps_deadlines(tmp_path: Path) -> None:
    with moved_ferryman(tmp_path, log_file=Path("/dev/full")) as ferryman:
        ssm = ferryman.client("ssm")
        started = ssm.start_session(Target=ferryman.node_id)
        assert started["ResponseMetadata"]["HTTPStatusCode"] == 200
        ferryman.advance(120)
        row = wait_until(lambda: (r := ferryman.session_row(started["SessionId"]))["Status"] == "Failed" and r)
        assert "did not connect" in row["Details"]


def calls(server: LoneServer, count: int) -> float:
    """Make calls; how long they took."""
    sts = server.client("sts")
    began = time.monotonic()
    for _ in range(count):
        assert sts.get_caller_identity()["ResponseMetadata"]["HTTPStatusCode"] == 200
    return time.monotonic() - began


def test_a_server_whose_log_nobody_reads_serves_and_counts_what_is_lost_when_it_closes(tmp_path: Path) -> None:
    server = lone_server(tmp_path)
    unread, log = os.pipe()
    try:
        with server.running(log):
            calls(server, PIPE_CALLS)
            status, health = server.health()
            assert (status, health["status"]) == (200, "ok")
            os.close(unread)
            calls(server, 3)
            assert wait_until(lambda: server.health()[1]["log_lines_dropped"] >= health["log_lines_dropped"] + 3)
    finally:
        os.close(log)


def agent_of(server: LoneServer, state: Path, log: int) -> tuple[str, "subprocess.Popen[bytes]"]:
    activation = server.client("ssm").create_activation(IamRole="FerrymanTests")
    options = ["--state-dir", str(state), "--endpoint-url", str(server.facts["endpoint_url"])]
    options += ["--activation-id", activation["ActivationId"]]
    code = {"FERRYMAN_ACTIVATION_CODE": activation["ActivationCode"]}
    done = warm_programs.run(FERRYMAN, "agent", "register", *options, environment=os.environ | code)
    assert done.returncode == 0, done.stderr
    run = [FERRYMAN, "agent", "run", "--state-dir", str(state)]
    return done.stdout.strip(), subprocess.Popen(run, stdin=subprocess.DEVNULL, stderr=log)


def test_an_agent_and_a_server_whose_logs_are_closed_connect_again(tmp_path: Path) -> None:
    server = lone_server(tmp_path / "server")

    def connected() -> bool:
        return server.is_connected(node_id)

    unread, log = os.pipe()
    os.close(unread)
    try:
        with server.running(log):
            node_id, agent = agent_of(server, tmp_path / "agent", log)
            try:
                wait_until(connected)
            except BaseException:
                agent.kill()
                raise
        try:
            with server.running(log):
                wait_until(connected)
                assert agent.poll() is None
                wait_until(lambda: server.health()[1]["log_lines_dropped"])
        finally:
            agent.terminate()
            agent.wait(PATIENCE)
    finally:
        os.close(log)
