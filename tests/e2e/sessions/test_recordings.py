"""Recordings on a running demo: by the stock `aws` and its model, by the Python API, and by asciinema."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

import ferryman as public
from ferryman.client.calls.aws_models import DATA_PATH, with_own_models
from tests.e2e.demo import Ferryman
from tests.e2e.processes.programs import AWS, FERRYMAN
from tests.e2e.processes.warm_programs import warm_programs
from tests.waiting import PATIENCE, wait_until


@pytest.fixture(autouse=True)
def _as_the_demo_says(ferryman: Ferryman, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ferryman.environment.items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)


@pytest.fixture
async def shown(ferryman: Ferryman) -> tuple[str, str]:
    """A finished recording's session, and a word that only this session showed."""
    word = f"needle{uuid4().hex}"
    arguments = ["printf", "before\\n%s here\\n", word]
    async with public.connect(ferryman.node_id) as node, node.start(arguments) as command:
        assert await command.wait() == 0
        return command.session_id, word


def answer(ferryman: Ferryman, operation: str, *arguments: str) -> Any:
    done = aws(ferryman, operation, *arguments)
    done.check_returncode()
    return json.loads(done.stdout) if done.stdout.strip() else {}


def aws(ferryman: Ferryman, operation: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the stock `aws` as it is installed, with the variable that `ferryman context env` sets."""
    command = [AWS, "ferryman", operation, *arguments, "--output", "json"]
    environment = ferryman.environment | {DATA_PATH: with_own_models("")}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False)


def finished(ferryman: Ferryman, session_id: str) -> Callable[[], bool]:
    own = ferryman.client("ferryman")
    return lambda: bool(own.get_recording(SessionId=session_id)["Recording"]["Status"] == "Finished")


def found(ferryman: Ferryman, word: str) -> Callable[[], Any]:
    """What looks for a word; it is in the index some seconds after the session ended."""
    own = ferryman.client("ferryman")
    return lambda: own.search_recordings(Phrase=word)["Matches"]


async def test_stock_aws_performs_every_operation(ferryman: Ferryman, shown: tuple[str, str]) -> None:
    session_id, word = shown
    of_it = ("--session-id", session_id)
    wait_until(finished(ferryman, session_id))
    assert answer(ferryman, "get-recording", *of_it)["Recording"]["Status"] == "Finished"
    listed = answer(ferryman, "list-recordings", "--target", ferryman.node_id)["Recordings"]
    assert session_id in [row["SessionId"] for row in listed]
    assert answer(ferryman, "get-recording-events", *of_it)["Events"]
    assert answer(ferryman, "verify-recording", *of_it)["Intact"]
    wait_until(found(ferryman, word))
    (match,) = answer(ferryman, "search-recordings", "--phrase", f"{word} here")["Matches"]
    assert (match["SessionId"], match["Line"]) == (session_id, f"{word} here")
    held = answer(ferryman, "put-recording-hold", *of_it, "--reason", "case 4711")
    assert held["Recording"]["Hold"]["Reason"] == "case 4711"
    refused = aws(ferryman, "delete-recording", *of_it)
    assert "RecordingRetainedException" in refused.stderr
    answer(ferryman, "delete-recording-hold", *of_it)
    answer(ferryman, "delete-recording", *of_it)
    gone = aws(ferryman, "get-recording", *of_it)
    assert "DoesNotExistException" in gone.stderr
    assert found(ferryman, word)() == []


def test_stock_aws_manages_invitations(ferryman: Ferryman) -> None:
    name = f"guest-{uuid4().hex[:8]}"
    ferryman.aws("iam", "create-user", "--user-name", name)
    made = answer(ferryman, "create-invitation", "--user-name", name)
    listed = answer(ferryman, "list-invitations", "--user-name", name)["Invitations"]
    assert [each["InvitationId"] for each in listed] == [made["Invitation"]["InvitationId"]]
    identified = ("--invitation-id", listed[0]["InvitationId"])
    key = answer(ferryman, "redeem-invitation", *identified, "--invitation-token", made["InvitationToken"])
    assert key["UserName"] == name
    again = answer(ferryman, "create-invitation", "--user-name", name)["Invitation"]["InvitationId"]
    answer(ferryman, "delete-invitation", "--user-name", name, "--invitation-id", again)
    assert answer(ferryman, "list-invitations", "--user-name", name)["Invitations"] == []


def test_boto3_finds_the_service_by_the_profile_that_init_writes(
    ferryman: Ferryman, monkeypatch: pytest.MonkeyPatch
) -> None:
    import boto3

    monkeypatch.delenv(DATA_PATH, raising=False)
    session = boto3.session.Session()
    assert "ferryman" in session.get_available_services()
    client = session.client("ferryman", verify=ferryman.facts["ca_file"])
    assert "Recordings" in client.list_recordings(MaxResults=1)


async def test_python_reads_lists_and_searches(ferryman: Ferryman, shown: tuple[str, str]) -> None:
    session_id, word = shown
    recordings = await public.open_recordings()
    wait_until(finished(ferryman, session_id))
    events = [event async for event in recordings.events(session_id)]
    assert b"".join(event.data for event in events if event.kind == "o") == f"before\n{word} here\n".encode()
    assert [event.data for event in events if event.kind == "x"] == [b"0"]
    known = await recordings.get(session_id)
    assert known.finished_at is not None
    assert known.hold_reason is None
    assert known == await anext(each async for each in recordings.list() if each.session_id == session_id)
    wait_until(found(ferryman, word))
    (line,) = [each async for each in recordings.search(word, target=ferryman.node_id)]
    assert (line.session_id, line.line) == (session_id, f"{word} here")
    with pytest.raises(public.Failure, match="DoesNotExistException"):
        await recordings.get("nobody-0123456789abcdef0")


async def test_ferryman_finds_the_line_and_plays_from_there(ferryman: Ferryman, shown: tuple[str, str]) -> None:
    session_id, word = shown
    wait_until(found(ferryman, word))
    told = warm_programs.run(FERRYMAN, "recordings", "search", word, environment=ferryman.environment)
    moment, line, command = told.stdout.splitlines()
    assert moment.endswith(f" on {ferryman.node_id}")
    assert line == f"   {word} here"
    assert command.split()[:4] == ["ferryman", "recordings", "play", session_id]
    played = warm_programs.run(*[FERRYMAN, *command.split()[1:]], environment=ferryman.environment)
    assert word in played.stdout


@pytest.mark.parametrize(("form", "oldest"), [("asciicast-v2", 2), ("asciicast", 3)])
async def test_asciinema_reads_the_export(
    ferryman: Ferryman, shown: tuple[str, str], tmp_path: Path, form: str, oldest: int
) -> None:
    asciinema = os.environ.get("FERRYMAN_TEST_ASCIINEMA") or shutil.which("asciinema")
    if asciinema is None:
        pytest.skip("asciinema is not installed")
    version = subprocess.run([asciinema, "--version"], capture_output=True, text=True, check=True).stdout
    if int(version.split()[1].split(".")[0]) < oldest:
        pytest.skip(f"{version.strip()} does not read asciicast {oldest}")
    session_id, word = shown
    wait_until(finished(ferryman, session_id))
    path = tmp_path / "session.cast"
    export = ("recordings", "export", session_id, "--format", form, "--output", str(path))
    warm_programs.run(FERRYMAN, *export, environment=ferryman.environment).check_returncode()
    told = subprocess.run([asciinema, "cat", str(path)], capture_output=True, timeout=PATIENCE, check=True)
    assert f"{word} here".encode() in told.stdout
