"""Watching a session in another terminal, with the real programs."""

import json

from tests.e2e.demo import Ferryman
from tests.e2e.people import person
from tests.e2e.processes.programs import FERRYMAN
from tests.e2e.processes.warm_programs import warm_programs
from tests.e2e.shell import OpenShell
from tests.waiting import wait_until


def test_session_is_shown_from_its_screen_on_until_it_ends(ferryman: Ferryman, open_shell: OpenShell) -> None:
    shell = open_shell(ferryman, FERRYMAN, "shell", ferryman.node_id)
    session_id = shell.session_id()
    shell.prompt()
    shell.run("echo before-$((1+1))", "before-2\r\n")
    watcher = open_shell(ferryman, FERRYMAN, "sessions", "watch", session_id)
    watcher.expect("before-2\r\n")
    shell.run("echo after-$((1+2))", "after-3\r\n")
    watcher.expect("after-3\r\n")
    wait_until(lambda: "user/admin now watches this session." in shell.complaints.read_text())
    shown = warm_programs.run(FERRYMAN, "sessions", "show", session_id, environment=ferryman.environment)
    (listed,) = json.loads(shown.stdout)["Watchers"]
    assert listed["Arn"].endswith(":user/admin")
    shell.child.send(b"exit\n")
    assert shell.end() == 0
    assert watcher.end() == 0
    assert f"{session_id} has ended." in watcher.complaints.read_text()


def test_typing_reaches_no_session_and_q_stops_watching(ferryman: Ferryman, open_shell: OpenShell) -> None:
    shell = open_shell(ferryman, FERRYMAN, "shell", ferryman.node_id)
    session_id = shell.session_id()
    shell.prompt()
    watcher = open_shell(ferryman, FERRYMAN, "sessions", "watch", session_id)
    watcher.expect("ready-42")
    watcher.child.send(b"touch /tmp/typed\n")
    shell.run("echo untouched-$((2+2))", "untouched-4\r\n")
    watcher.expect("untouched-4\r\n")
    watcher.child.send(b"q")
    assert watcher.end() == 0
    assert b"typed" not in shell.seen
    wait_until(lambda: "no longer watches this session." in shell.complaints.read_text())
    done = warm_programs.run(FERRYMAN, "sessions", "end", session_id, environment=ferryman.environment)
    assert done.stdout == f"Terminating {session_id}\n"
    shell.end()
    assert b"Terminated by" in shell.seen


def test_who_may_start_sessions_may_not_watch_them(ferryman: Ferryman, open_shell: OpenShell) -> None:
    shell = open_shell(ferryman, FERRYMAN, "shell", ferryman.node_id)
    session_id = shell.session_id()
    vera = person(ferryman, "vera", "ssm:StartSession", "ssm:DescribeSessions")
    done = warm_programs.run(FERRYMAN, "sessions", "watch", session_id, environment=vera.environment)
    assert done.returncode == 1
    assert "not authorized to perform: ferryman:WatchSession" in done.stderr


def test_observed_session_waits_for_somebody_else(ferryman: Ferryman, open_shell: OpenShell) -> None:
    ssm = ferryman.client("ssm")
    content = {"schemaVersion": "1.0", "sessionType": "Standard_Stream", "inputs": {"requiredObservers": "1"}}
    ssm.create_document(Name="SSM-SessionManagerRunShell", DocumentType="Session", Content=json.dumps(content))
    try:
        shell = open_shell(ferryman, FERRYMAN, "shell", ferryman.node_id)
        session_id = shell.session_id()
        invited = f"Paused until somebody else runs: ferryman sessions watch {session_id}"
        wait_until(lambda: invited in shell.complaints.read_text())
        olivia = person(ferryman, "olivia", "ferryman:WatchSession")
        watcher = open_shell(olivia, FERRYMAN, "sessions", "watch", session_id)
        shell.prompt()
        watcher.expect("ready-42")
        shell.child.send(b"exit\n")
        assert shell.end() == 0
    finally:
        ssm.delete_document(Name="SSM-SessionManagerRunShell")
