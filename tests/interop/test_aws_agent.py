"""What only AWS's agent does: accounts, profiles of shells, restarts, keys, many sessions at once."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.interop.conftest import Pair, Session, make_pair, stopped
from tests.interop.lab import Lab
from tests.waiting import wait_until

AT_ONCE = 20


@pytest.fixture(params=["ferryman", "aws"], ids=lambda plugin: f"{plugin}-plugin")
def pair(request: pytest.FixtureRequest, lab: Lab, node_of: Callable[[str], str]) -> Iterator[Pair]:
    """Either plugin and AWS's agent."""
    yield make_pair(lab, node_of, request.param, "aws")
    lab.end_sessions()


def document(lab: Lab, name: str, **inputs: Any) -> str:
    """A document of shells with these inputs; made once."""
    content = {"schemaVersion": "1.0", "sessionType": "Standard_Stream", "inputs": inputs}
    try:
        lab.call("create_document", Name=name, DocumentType="Session", Content=json.dumps(content))
    except ClientError as error:
        if error.response["Error"]["Code"] != "DocumentAlreadyExists":
            raise
    return name


def says(session: Session, command: str, answer: str) -> None:
    session.send(f"{command}\r")
    session.expect(answer)


def leave(session: Session) -> None:
    session.send("exit\r")
    session.end()
    session.ended()


# Accounts and profiles


def test_run_as(pair: Pair) -> None:
    pair.lab.run("sh", "-c", "id labrat || useradd -m labrat")
    session = pair.start(document(pair.lab, "As-labrat", runAsEnabled=True, runAsDefaultUser="labrat"))
    session.prompt()
    says(session, "echo $(whoami)-$((1+1))", "labrat-2")
    leave(session)


@pytest.mark.parametrize(
    ("user", "cause"),
    [
        ("nobody-is-called-so", "RunAs user nobody-is-called-so does not exist"),
        ("", "please set the RunAs default user"),
        ("root", "invalid uid and gid"),
    ],
)
def test_run_as_nobody(pair: Pair, user: str, cause: str) -> None:
    name = document(pair.lab, f"As-{user or 'unset'}", runAsEnabled=True, runAsDefaultUser=user)
    session = pair.start(name)
    assert cause in session.end().decode()
    session.ended(details=cause)


def test_shell_profile(pair: Pair) -> None:
    profile = {"linux": "export GREETING=hello-from\ncd /usr/share"}
    session = pair.start(document(pair.lab, "With-profile", shellProfile=profile))
    session.prompt()
    says(session, "echo $GREETING-$PWD", "hello-from-/usr/share")
    leave(session)


# Many at once, faults


def test_twenty_sessions_start_concurrently(pair: Pair) -> None:
    tickets = [pair.lab.call("start_session", Target=pair.node_id) for _ in range(AT_ONCE)]
    sessions = [pair.attach(ticket) for ticket in tickets]
    for session in sessions:
        session.prompt()
    for session in sessions:
        session.send("exit\r")
    for session in sessions:
        session.end()
        session.ended()


def test_the_agent_is_killed_and_started_again(pair: Pair) -> None:
    session = pair.start()
    session.prompt()
    for process in [*pair.lab.aws_agent("amazon-ssm-agent"), *pair.lab.aws_agent("ssm-agent-worker")]:
        process.kill()
    says(session, "echo alone-$((1+1))", "alone-2\r+\n")
    wait_until(lambda: not pair.lab.connected(pair.node_id))
    pair.lab.start_ssm_agent()
    wait_until(lambda: pair.lab.connected(pair.node_id))
    says(session, "echo again-$((1+1))", "again-2\r+\n")
    other = pair.start()
    other.prompt()
    leave(other)
    leave(session)


def test_the_server_is_killed_and_another_takes_its_place(pair: Pair) -> None:
    session = pair.start()
    session.prompt()
    session.send("for i in $(seq 1 3000); do echo line-$i; done; echo done-$((1+1))\r")
    said = session.expect(r"line-100\r+\n")
    workers = session.workers()
    assert workers
    with stopped(workers + [session.plugin()] * pair.plugin_is_aws):
        pair.lab.kill_server()
        pair.lab.serve_again()
    said += session.expect("done-2\r+\n")
    wait_until(lambda: pair.lab.connected(pair.node_id))
    # Of Ferryman's client: in the middle of a line, after which the cursor comes back, or at a line's beginning.
    notice = rb"Connection (?:lost|restored)[^\n]*\n"
    said = re.sub(rb"\r*\n%b\x1b\[\d+C|%b" % (notice, notice), b"", said)
    missing = set(range(1, 3001)) - {int(number) for number in re.findall(rb"line-(\d+)\r", said)}
    assert not missing, [said[said.find(b"line-%d\r" % (each - 1)) :][:200] for each in missing]
    leave(session)
