"""The stock AWS CLI and boto3 against the five operations."""

import contextlib
import json
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.exceptions
import pytest

from tests.e2e.demo import Ferryman
from tests.waiting import PATIENCE, wait_until


@pytest.fixture(scope="module")
def ferryman(module_ferryman: Ferryman) -> Ferryman:
    """One of its own: its list of sessions is exactly what these tests make of it."""
    return module_ferryman


@pytest.fixture
def started(ferryman: Ferryman) -> list[str]:
    """Ten sessions that wait for a client, oldest first, and no others."""
    return start_sessions(ferryman, 10)


def start_sessions(ferryman: Ferryman, count: int) -> list[str]:
    """Have just so many sessions, which wait for their clients for an hour: tests may need more than the minute."""
    ssm = ferryman.client("ssm")
    with database_of(ferryman) as database:  # to end them takes ten seconds
        database.execute("DELETE FROM sessions")
    started = [ssm.start_session(Target=ferryman.node_id, Reason=f"reason {n}")["SessionId"] for n in range(count)]
    with database_of(ferryman) as database:
        database.execute("UPDATE sessions SET deadline_at = deadline_at + 3600000")
    return started


@contextlib.contextmanager
def database_of(ferryman: Ferryman) -> Iterator[sqlite3.Connection]:
    """The server's database, for one transaction."""
    path = Path(ferryman.facts["profile_dir"]).parent / "ferryman.db"
    with contextlib.closing(sqlite3.connect(path, timeout=PATIENCE)) as database, database:
        yield database


def copy_sessions(ferryman: Ferryman, times: int) -> None:
    """Add every session `times` more, its id followed by 0, 1 and so on: to start a thousand takes half a minute.

    The copies are nobody's: one person may not have so many.
    """
    with database_of(ferryman) as database:
        columns = [
            row[1] for row in database.execute("PRAGMA table_info(sessions)") if row[1] not in ("number", "person_id")
        ]
        copied = ", ".join("session_id || copy" if name == "session_id" else name for name in columns)
        copies = "WITH RECURSIVE copies(copy) AS (SELECT 0 UNION ALL SELECT copy + 1 FROM copies LIMIT ?)"
        database.execute(
            f"{copies} INSERT INTO sessions ({', '.join(columns)}) SELECT {copied} FROM sessions, copies",  # noqa: S608
            (times,),
        )


def listed(ferryman: Ferryman, *arguments: str) -> Any:
    return json.loads(ferryman.aws("ssm", "describe-sessions", *arguments, "--output", "json").stdout)


def test_describe_sessions_by_every_option(ferryman: Ferryman, started: list[str], tmp_path: Path) -> None:
    newest_first = started[::-1]
    filters = f"key=SessionId,value={started[3]}"
    (only,) = listed(ferryman, "--state", "Active", "--filters", filters)["Sessions"]
    assert (only["SessionId"], only["Status"], only["Reason"]) == (started[3], "Connecting", "reason 3")
    assert "EndDate" not in only
    first = listed(ferryman, "--state", "Active", "--max-items", "4")
    second = listed(ferryman, "--state", "Active", "--max-items", "6", "--starting-token", first["NextToken"])
    assert [row["SessionId"] for row in first["Sessions"] + second["Sessions"]] == newest_first
    paged = listed(ferryman, "--state", "Active", "--page-size", "3")
    assert [row["SessionId"] for row in paged["Sessions"]] == newest_first
    truncated = listed(ferryman, "--state", "Active", "--page-size", "3", "--max-items", "3")
    for size in ([], ["--page-size", "2"], ["--page-size", "50"]):
        rest = listed(ferryman, "--state", "Active", *size, "--starting-token", truncated["NextToken"])
        assert [row["SessionId"] for row in truncated["Sessions"] + rest["Sessions"]] == newest_first
    one_page = listed(ferryman, "--state", "Active", "--no-paginate", "--max-results", "3")
    assert len(one_page["Sessions"]) == 3
    assert one_page["NextToken"]
    ids = listed(ferryman, "--state", "Active", "--query", "Sessions[].SessionId")
    assert ids == newest_first
    request = tmp_path / "request.json"
    request.write_text(json.dumps({"State": "Active", "Filters": [{"key": "Target", "value": ferryman.node_id}]}))
    assert len(listed(ferryman, "--cli-input-json", f"file://{request}")["Sessions"]) == 10


def test_boto3_resumes_a_listing_with_another_page_size(ferryman: Ferryman, started: list[str]) -> None:
    client = ferryman.client("ssm")
    newest_first = started[::-1]

    def page(**config: Any) -> Any:
        return client.get_paginator("describe_sessions").paginate(State="Active", PaginationConfig=config)

    truncated = page(PageSize=4, MaxItems=4)
    seen = [row["SessionId"] for each in truncated for row in each["Sessions"]]
    for config in ({}, {"PageSize": 1}, {"PageSize": 200}):
        rest = page(StartingToken=truncated.resume_token, **config)
        walked = seen + [row["SessionId"] for each in rest for row in each["Sessions"]]
        assert walked == newest_first


def test_resume_terminate_and_status(ferryman: Ferryman) -> None:
    session_id = ferryman.client("ssm").start_session(Target=ferryman.node_id)["SessionId"]
    resumed = json.loads(ferryman.aws("ssm", "resume-session", "--session-id", session_id).stdout)
    assert resumed["SessionId"] == session_id
    assert 0 < len(resumed["TokenValue"]) <= 300
    ended = json.loads(ferryman.aws("ssm", "terminate-session", "--session-id", session_id).stdout)
    assert ended == {"SessionId": session_id}
    wait_until(lambda: ferryman.session_row(session_id)["Status"] == "Terminated")
    over = json.loads(ferryman.aws("ssm", "resume-session", "--session-id", session_id).stdout)
    assert (over["SessionId"], over["TokenValue"]) == (session_id, "")
    unknown = ferryman.aws("ssm", "resume-session", "--session-id", "nobody-0123456789abcdef0", check=False)
    assert "DoesNotExistException" in unknown.stderr
    status = json.loads(ferryman.aws("ssm", "get-connection-status", "--target", ferryman.node_id).stdout)
    assert status == {"Target": ferryman.node_id, "Status": "connected"}
    absent = json.loads(ferryman.aws("ssm", "get-connection-status", "--target", "mi-0123456789abcdef0").stdout)
    assert absent["Status"] == "notconnected"


def test_refusals_are_aws_s(ferryman: Ferryman) -> None:
    absent = ferryman.aws("ssm", "start-session", "--target", "mi-0123456789abcdef0", check=False)
    assert "TargetNotConnected" in absent.stderr
    assert "mi-0123456789abcdef0 is not connected." in absent.stderr
    document = ferryman.aws(
        "ssm", "start-session", "--target", ferryman.node_id, "--document-name", "No-Such", check=False
    )
    assert "InvalidDocument" in document.stderr
    stranger = ferryman.client("ssm", aws_secret_access_key="x" * 40)
    with pytest.raises(botocore.exceptions.ClientError, match="InvalidSignatureException"):
        stranger.describe_sessions(State="Active")
    identity = ferryman.client("sts").get_caller_identity()
    assert identity["Account"] == ferryman.facts["account_id"]
    assert ":user/" in identity["Arn"]


def test_the_paginator_walks_a_thousand_without_gap_or_repeat_while_new_ones_start(ferryman: Ferryman) -> None:
    ssm = ferryman.client("ssm")
    started = start_sessions(ferryman, 50)
    known = [*started, *(f"{each}{number}" for each in started for number in range(19))]
    copy_sessions(ferryman, 19)
    stop = threading.Event()

    def go_on_starting() -> None:
        other = ferryman.client("ssm")
        for _ in range(40):  # with those that wait already as many as one person may have
            if stop.is_set():
                break
            other.start_session(Target=ferryman.node_id)

    starter = threading.Thread(target=go_on_starting)
    starter.start()
    try:
        seen = [
            row["SessionId"]
            for page in ssm.get_paginator("describe_sessions").paginate(
                State="Active", PaginationConfig={"PageSize": 37}
            )
            for row in page["Sessions"]
        ]
    finally:
        stop.set()
        starter.join()
    assert len(seen) == len(set(seen))
    assert set(known) <= set(seen)
