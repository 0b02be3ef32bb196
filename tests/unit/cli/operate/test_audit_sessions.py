"""`ferryman audit sessions`, on a trail of its own."""

import csv
import io
import json
from typing import Any

import pytest
from typer.testing import CliRunner

from ferryman.bootstrap.configuration import load
from ferryman.bootstrap.service import with_service
from ferryman.cli.app import app
from ferryman.cli.operate.init import Initialised
from ferryman.core.service import Service
from ferryman.model.failures import Failure
from ferryman.model.identifiers import ActivationId, Millis, NodeId
from ferryman.model.nodes import ManagedNode
from tests.trail_records import NODE, exit_record, life, recording_record

OTHER = "mi-0123456789abcdef1"
BOB = "arn:aws:sts::123456789012:assumed-role/Ops/@bob"


@pytest.fixture
def trail(made: Initialised) -> Initialised:
    """Three sessions of January: Alice's on both nodes, Bob's on one."""
    records = [
        *life("alice-1", "2026-01-10T09:00:00.000Z", "2026-01-10T09:30:05.000Z"),
        *life("bob-1", "2026-01-20T09:00:00.000Z", "2026-01-20T10:00:00.000Z", owner=BOB),
        *life("alice-2", "2026-01-30T09:00:00.000Z", "2026-01-30T09:00:07.000Z", target=OTHER),
        recording_record("alice-2", "Finished"),
        exit_record("alice-2", 3),
    ]
    directory = made.configuration.parent / "audit"
    directory.mkdir(exist_ok=True)
    lines = "".join(json.dumps(each) + "\n" for each in records)
    (directory / "audit-000000000001.jsonl").write_text(lines)
    return made


def listed(trail: Initialised, *options: str) -> str:
    arguments = ["audit", "sessions", *options, "--config", str(trail.configuration)]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def test_one_line_a_session_newest_first(trail: Initialised) -> None:
    heading, *lines = listed(trail, "--utc").splitlines()
    assert heading.split() == [
        "Session", "Who", "Node", "Started", "(UTC)", "Length", "End", "Recording", "Exit", "code", "Document", "From",
    ]  # fmt: skip
    shell = "SSM-SessionManagerRunShell"
    assert [each.split() for each in lines[:2]] == [
        ["alice-2", "alice", OTHER, "2026-01-30", "09:00:00", "0:00:07", "Terminated", "yes", "3", shell, "192.0.2.7"],
        ["bob-1", "@bob", NODE, "2026-01-20", "09:00:00", "1:00:00", "Terminated", shell, "192.0.2.7"],
    ]
    assert len(lines) == 3


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        (["--user", "alice"], ["alice-2", "alice-1"]),
        (["--user", BOB], ["bob-1"]),
        (["--user", "alice", "--limit", "1"], ["alice-2"]),
        (["--node", NODE], ["bob-1", "alice-1"]),
        (["--since", "2026-01-20T09:30:00Z"], ["alice-2", "bob-1"]),
        (["--until", "2026-01-20T09:00:00Z"], ["alice-1"]),
        (["--user", "nobody"], []),
    ],
)
def test_options_select_sessions(options: list[str], ids: list[str], trail: Initialised) -> None:
    assert listed(trail, "-q", *options).split() == ids


def test_a_node_is_found_by_its_name(trail: Initialised) -> None:
    async def register(service: Service) -> None:
        await service.store.nodes.add(
            ManagedNode(NodeId(OTHER), "key", "print", ActivationId("a"), "role", Millis(0), Millis(0), name="web-1")
        )

    with_service(load(trail.configuration), register)
    assert listed(trail, "-q", "--node", "web-1").split() == ["alice-2"]


def test_an_unknown_name_of_a_node_is_refused(trail: Initialised) -> None:
    with pytest.raises(Failure, match="Name the node by its id"):
        listed(trail, "--node", "web-9")


def test_csv_has_offsets_and_no_formulas(trail: Initialised) -> None:
    rows = list(csv.DictReader(io.StringIO(listed(trail, "-o", "csv", "--utc"))))
    assert [(each["Started"], each["Who"]) for each in rows[:2]] == [
        ("2026-01-30T09:00:00+00:00", "alice"),
        ("2026-01-20T09:00:00+00:00", "'@bob"),
    ]


def test_json_has_everything(trail: Initialised) -> None:
    newest: dict[str, Any] = json.loads(listed(trail, "--json", "--limit", "1"))[0]
    assert newest == {
        "sessionId": "alice-2",
        "owner": "arn:aws:iam::123456789012:user/alice",
        "target": OTHER,
        "documentName": "SSM-SessionManagerRunShell",
        "reason": "",
        "accessType": "Standard",
        "startDate": "2026-01-30T09:00:00.000Z",
        "endDate": "2026-01-30T09:00:07.000Z",
        "status": "Terminated",
        "details": "",
        "sourceIPAddress": "192.0.2.7",
        "recording": "Finished",
        "exitCode": 3,
        "connections": None,
        "bytesFromClient": None,
        "bytesFromNode": None,
        "copy": None,
    }
