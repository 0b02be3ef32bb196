"""What the operator's own commands change is in the trail, also while a server writes it, and by nobody else's hand."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ferryman.audit import pending as pending_module
from ferryman.audit.reader import newest_first
from ferryman.bootstrap.audit.trail import open_trail
from ferryman.bootstrap.configuration import load
from ferryman.bootstrap.service import open_service
from ferryman.cli.operate.audit import app as audit_app
from ferryman.cli.operate.init import Initialised
from ferryman.cli.operate.keys import app as keys_app
from ferryman.cli.operate.users import app as users_app
from ferryman.model.errors import ServiceError
from tests.waiting import PATIENCE


def run(app: Any, made: Initialised, *arguments: str) -> Any:
    return CliRunner().invoke(app, [*arguments, "--config", str(made.configuration)])


def directory(made: Initialised) -> Path:
    return made.configuration.parent / "audit"


def records(made: Initialised) -> list[dict[str, Any]]:
    return list(newest_first(directory(made)))[::-1]


def acts(made: Initialised) -> list[tuple[str, Any, str | None]]:
    return [
        (each["eventName"], each["requestParameters"], each.get("errorCode"))
        for each in records(made)
        if each.get("eventType") == "OperatorCommand"
    ]


async def serve_until_taken_in(made: Initialised) -> None:
    """Be a server for as long as something waits."""
    loaded = load(made.configuration)
    async with open_service(loaded) as with_store, open_trail(loaded, with_store):
        async with asyncio.timeout(PATIENCE):
            while list(directory(made).glob("pending-*.json")):
                await asyncio.sleep(0.005)


def test_every_change_is_recorded_and_nothing_that_only_looks(made: Initialised) -> None:
    added = json.loads(run(users_app, made, "add", "alice", "--json").stdout)
    key_id = added["access_key_id"]
    run(users_app, made, "list")
    run(users_app, made, "role", "alice", "administrator")
    second = json.loads(run(users_app, made, "key", "add", "alice", "--json").stdout)
    for verb in ("disable", "enable", "remove"):
        assert run(users_app, made, "key", verb, key_id).exit_code == 0
    assert isinstance(run(users_app, made, "key", "remove", key_id).exception, ServiceError)
    run(users_app, made, "remove", "alice")
    run(keys_app, made, "rotate")
    run(keys_app, made, "reseal")
    run(keys_app, made, "retire", "--now")
    asyncio.run(serve_until_taken_in(made))
    told = acts(made)
    assert [(name, code) for name, _, code in told] == [
        ("init", None), ("user add", None), ("user role", None), ("user key add", None), ("user key disable", None),
        ("user key enable", None), ("user key remove", None), ("user key remove", "NoSuchEntity"),
        ("user remove", None), ("key rotate", None), ("key reseal", None), ("key retire", None),
    ]  # fmt: skip
    assert told[1][1] == {"userName": "alice", "role": "operator"}
    assert told[4][1] == {"accessKeyId": key_id}
    [identity] = {json.dumps(each["userIdentity"]) for each in records(made) if "eventName" in each}
    assert json.loads(identity)["type"] == "Operator"
    content = b"".join(path.read_bytes() for path in directory(made).iterdir()).decode()
    for secret in (added["secret_access_key"], second["secret_access_key"]):
        assert secret not in content
    assert run(audit_app, made, "verify").exit_code == 0
    assert list(directory(made).glob("pending-*")) == []


async def test_a_running_server_takes_them_in(made: Initialised, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending_module, "LOOK_SECONDS", 0.01)
    loaded = load(made.configuration)
    async with open_service(loaded) as with_store, open_trail(loaded, with_store):
        await asyncio.to_thread(run, users_app, made, "add", "alice")
        async with asyncio.timeout(PATIENCE):
            while len(acts(made)) < 2:
                await asyncio.sleep(0.01)
    assert [name for name, _, _ in acts(made)] == ["init", "user add"]


def test_files_of_another_owner_are_put_aside_and_reported(made: Initialised) -> None:
    [real] = directory(made).glob("pending-*.json")
    forged = real.with_name(f"pending-{'0' * 20}-{'0' * 16}.json")
    forged.write_bytes(real.read_bytes().replace(b'"init"', b'"none"'))
    empty = real.with_name(f"pending-{'1' * 20}-{'0' * 16}.json")
    empty.write_bytes(b"")
    asyncio.run(serve_until_taken_in(made))
    assert [name for name, _, _ in acts(made)] == ["init"]
    rejected = [each["detail"]["file"] for each in records(made) if each.get("detail-type") == pending_module.REJECTED]
    assert sorted(rejected) == sorted([forged.name, empty.name])
    assert forged.with_suffix(".rejected").exists()


def test_a_call_that_cannot_be_recorded_is_not_performed(made: Initialised) -> None:
    for path in directory(made).iterdir():
        path.unlink()
    directory(made).rmdir()
    directory(made).write_bytes(b"")
    refused = run(users_app, made, "add", "alice")
    assert "cannot be recorded" in str(refused.exception)
    made.configuration.write_text(made.configuration.read_text() + "\n[audit]\nrequired = false\n")
    assert run(users_app, made, "add", "alice").exit_code == 0  # so it had not been added


def test_only_the_owner_reads_what_waits(made: Initialised) -> None:
    [waiting] = directory(made).glob("pending-*")
    assert waiting.stat().st_mode & 0o777 == 0o600
    assert directory(made).stat().st_mode & 0o777 == 0o700
