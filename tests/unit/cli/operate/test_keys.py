"""The server's keys: where they come from, how they are changed, what opens and what verifies meanwhile."""

import asyncio
import base64
import fcntl
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import LargeBinary
from typer.testing import CliRunner

from ferryman.audit.reader import newest_first
from ferryman.bootstrap.audit.trail import open_trail
from ferryman.bootstrap.configuration import LoadedConfiguration, load
from ferryman.bootstrap.keys import key_watch
from ferryman.bootstrap.keys.server_keys import KEPT_AFTER, VARIABLE, ServerKeys, parse_keys, read_server_keys
from ferryman.bootstrap.service import open_service, with_service
from ferryman.cli.operate.audit import app as audit_app
from ferryman.cli.operate.init import Initialised
from ferryman.cli.operate.keys import app
from ferryman.cli.operate.users import app as users_app
from ferryman.core.identity.callers import authenticate
from ferryman.core.vault import Vault
from ferryman.model.failures import Failure
from ferryman.store.tables import metadata
from tests.waiting import PATIENCE

ONE, TWO = bytes(32), bytes(range(32))
ENCODED = [base64.b64encode(key).decode() for key in (ONE, TWO)]
THEN = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def key(made: Initialised) -> Callable[..., Any]:
    """Return what runs `ferryman key …`."""

    def run(*arguments: str, code: int = 0) -> Any:
        done = CliRunner().invoke(app, [*arguments, "--config", str(made.configuration)])
        if code == 0 and done.exception is not None:
            raise done.exception
        assert done.exit_code == code, done.output
        return done

    return run


def states(key: Callable[..., Any]) -> list[tuple[str, int]]:
    return [(row["state"], row["secrets"]) for row in json.loads(key("list", "--json").stdout)]


def secret_of_administrator(made: Initialised) -> str:
    """The administrator's secret as the server finds it in its database."""
    found = with_service(load(made.configuration), lambda it: authenticate(it, made.credentials.access_key_id, None))
    return found.secret.reveal()


def test_what_keys_are_written_as() -> None:
    keys = ServerKeys((ONE,), (None,)).rotated(TWO, THEN)
    assert keys.text() == f"{ENCODED[1]}\n{ENCODED[0]} 2026-01-31T12:00:00+00:00\n"
    assert parse_keys(keys.text(), "x") == keys
    assert parse_keys(keys.text().replace("\n", ","), "x") == keys
    retired = keys.without({ONE})
    assert retired.keys == (TWO,)
    assert parse_keys(retired.text(), "x") == retired
    assert ENCODED[0] not in retired.text()


@pytest.mark.parametrize(
    "text",
    ["", "audit:" + ENCODED[0], ENCODED[0][:-4], f"{ENCODED[0]}\n{ENCODED[0]}", ENCODED[0] + " yesterday", "=",
     ENCODED[0] + " 2026-01-31T12:00:00", f"{ENCODED[0]}\naudit:AAAA", "\ud800" + ENCODED[0]],
)  # fmt: skip
def test_invalid_keys_are_refused(text: str) -> None:
    with pytest.raises(Failure) as caught:
        parse_keys(text, "the place")
    assert "the place does not contain a server key" in caught.value.line
    assert ENCODED[0][:8] not in caught.value.line


@pytest.mark.parametrize("command", [("rotate",), ("rotate", "--stage"), ("retire",)])
def test_one_command_at_a_time_changes_the_keys(
    made: Initialised, key: Callable[..., Any], command: tuple[str, ...]
) -> None:
    """Of two at once the last would drop the key that the other made, and what is sealed under it."""
    file = load(made.configuration).path("server.key")
    before = file.read_bytes()
    other = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(other, fcntl.LOCK_EX)
        refused = key(*command, code=1)
        assert "another command" in str(refused.exception)
        assert file.read_bytes() == before
    finally:
        os.close(other)
    key(*command)


def test_a_command_or_the_environment_may_have_the_key(made: Initialised, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, ENCODED[0])
    assert read_server_keys(load(made.configuration)).keys == (ONE,)
    text = made.configuration.read_text()
    command = json.dumps(["sh", "-c", f"echo {ENCODED[1]}"])
    made.configuration.write_text(text.replace('key_file = "server.key"', f"key_command = {command}"))
    assert read_server_keys(load(made.configuration)).keys == (TWO,)


@pytest.mark.parametrize(
    ("command", "said"),
    [(["sh", "-c", "echo locked >&2; exit 3"], "exited with 3: locked"), (["/nonexistent"], "No such file")],
)
def test_a_command_that_fails(made: Initialised, command: list[str], said: str) -> None:
    text = made.configuration.read_text()
    changed = text.replace('key_file = "server.key"', f"key_command = {json.dumps(command)}")
    made.configuration.write_text(changed)
    with pytest.raises(Failure, match=said):
        read_server_keys(load(made.configuration))


def test_a_key_is_replaced_and_retired(made: Initialised, key: Callable[..., Any]) -> None:
    secret = made.credentials.secret_access_key.reveal()
    assert states(key) == [("seals", 1)]
    key("rotate")
    assert states(key) == [("seals", 0), ("opens", 1)]
    assert secret_of_administrator(made) == secret
    assert "the database has 1 secret encrypted with them" in str(key("retire", "--now", code=1).exception)
    assert "Resealed 1 secret." in key("reseal").stdout
    assert "Resealed 0 secrets." in key("reseal").stdout
    assert states(key) == [("seals", 1), ("opens", 0)]
    assert "may be valid until" in str(key("retire", code=1).exception)
    key("retire", "--now")
    assert states(key) == [("seals", 1)]
    assert secret_of_administrator(made) == secret
    assert (made.configuration.parent / "server.key").stat().st_mode & 0o777 == 0o600


def test_a_key_replaced_long_enough_ago_is_retired(made: Initialised, key: Callable[..., Any]) -> None:
    path = made.configuration.parent / "server.key"
    keys = read_server_keys(load(made.configuration))
    key("reseal")
    path.write_text(keys.rotated(TWO, datetime.now(UTC) - KEPT_AFTER - timedelta(seconds=1)).text())
    key("reseal")
    key("retire")
    assert read_server_keys(load(made.configuration)).keys == (TWO,)


def test_several_servers_learn_of_a_key_before_it_seals(made: Initialised, key: Callable[..., Any]) -> None:
    key("rotate", "--stage")
    assert states(key) == [("seals", 1), ("opens, staged", 0)]
    assert "staged key already" in str(key("rotate", "--stage", code=1).exception)
    staged = read_server_keys(load(made.configuration))
    key("rotate")
    rotated = read_server_keys(load(made.configuration))
    assert rotated.keys == (staged.keys[1], staged.keys[0])
    sealed = rotated.vault().seal("p", b"x")
    assert staged.vault().open("p", sealed) == b"x"


def test_secrets_sealed_before_keys_had_ids_open_and_are_resealed(made: Initialised, key: Callable[..., Any]) -> None:
    access_key_id, secret = made.credentials.access_key_id, made.credentials.secret_access_key.reveal()

    async def without_id(service: Any) -> None:
        stored = await service.store.identities.get_key(access_key_id)
        await service.store.identities.reseal_key(access_key_id, stored.sealed_secret, stored.sealed_secret[4:])

    with_service(load(made.configuration), without_id)
    assert secret_of_administrator(made) == secret
    assert states(key) == [("seals", 0), ("sealed before keys had ids", 1)]
    assert "Resealed 1 secret." in key("reseal").stdout
    assert states(key) == [("seals", 1)]


def test_keys_that_are_elsewhere_are_changed_there(
    made: Initialised, key: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, (made.configuration.parent / "server.key").read_text())
    assert "FERRYMAN_SERVER_KEY" in str(key("rotate", code=1).exception)
    assert len(base64.b64decode(CliRunner().invoke(app, ["new"]).stdout)) == 32


async def trail_of(loaded: LoadedConfiguration, *numbers: int) -> None:
    async with open_service(loaded) as with_store, open_trail(loaded, with_store) as service:
        for number in numbers:
            await service.trail.keep({"n": number})


def verified(made: Initialised, code: int = 0) -> str:
    done = CliRunner().invoke(audit_app, ["verify", "--config", str(made.configuration)])
    assert done.exit_code == code, done.output
    return done.output


def kinds(made: Initialised) -> list[Any]:
    found = list(newest_first(made.configuration.parent / "audit"))[::-1]
    return [each.get("n", each.get("detail-type")) for each in found if "eventType" not in each]


def test_the_trail_continues_under_the_new_key(made: Initialised, key: Callable[..., Any]) -> None:
    loaded = load(made.configuration)
    asyncio.run(trail_of(loaded, 1))
    key("rotate")
    assert "ends under a key that was replaced" in verified(made, 1)
    asyncio.run(trail_of(loaded, 2))
    key("reseal")
    key("retire", "--now")
    assert "are intact" in verified(made)
    assert kinds(made) == [
        "AuditTrailOpened", 1, "AuditTrailClosed", "AuditTrailCheckpoint",
        "AuditTrailKeyChanged", "AuditTrailOpened", 2, "AuditTrailClosed", "AuditTrailCheckpoint",
    ]  # fmt: skip


async def test_a_running_server_starts_to_use_a_new_key(
    made: Initialised, key: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_watch, "LOOK_SECONDS", 0.01)
    loaded = load(made.configuration)
    async with open_service(loaded) as with_store, open_trail(loaded, with_store) as service:
        await service.trail.keep({"n": 1})
        before = service.vault.seal("session-token", b"token")
        await asyncio.to_thread(key, "rotate")
        new = read_server_keys(loaded).vault().key_ids
        async with asyncio.timeout(PATIENCE):
            while service.vault.key_ids != new:
                await asyncio.sleep(0.01)
        assert service.vault.open("session-token", before) == b"token"
        assert service.vault.seal("session-token", b"x")[:4].hex() == new[0]
        (made.configuration.parent / "server.key").write_text("broken")
        await key_watch.reload_keys(loaded, service.vault, service.trail)  # type: ignore[arg-type]
        assert service.vault.key_ids == new
        await service.trail.keep({"n": 2})
    assert kinds(made)[:4] == ["AuditTrailOpened", 1, "AuditTrailKeyChanged", 2]


async def test_a_server_ends_when_its_keys_cannot_be_read_for_as_long_as_their_lease(
    made: Initialised, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, read = 0.0, 0
    reload_keys = key_watch.reload_keys

    async def counted(*arguments: Any) -> Failure | None:
        nonlocal read
        failure = await reload_keys(*arguments)
        read += 1
        return failure

    async def until_read(times: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while read < times:
                await asyncio.sleep(0.01)

    monkeypatch.setattr(key_watch, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(key_watch, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(key_watch, "reload_keys", counted)
    keys = made.configuration.parent / "server.key"
    command = ["sh", "-c", f"test -e {tmp_path}/disabled && exit 9; cat {keys}"]
    settings = f"[server]\nkey_command = {command}\nkey_lease_seconds = 60"
    made.configuration.write_text(made.configuration.read_text().replace("[server]", settings))
    lost: list[Failure] = []
    loaded, asked = load(made.configuration), asyncio.Event()
    asked.set()
    async with open_service(loaded) as with_store, open_trail(loaded, with_store, asked, lost.append) as service:
        await until_read(1)
        now = 20.0
        await until_read(2)  # so the lease lasts until 80
        (tmp_path / "disabled").touch()
        now = 79.0
        await until_read(3)
        assert not lost
        await service.trail.keep({"n": 1})
        now = 100.0
        await until_read(4)
    assert "server.key_command failed: it exited with 9" in lost[0].line


def test_only_a_command_has_a_lease(made: Initialised) -> None:
    text = made.configuration.read_text()
    made.configuration.write_text(text.replace("[server]", "[server]\nkey_lease_seconds = 60"))
    with pytest.raises(Failure, match="key_lease_seconds has no use"):
        load(made.configuration)


def test_no_user_command_needs_the_old_key(made: Initialised, key: Callable[..., Any]) -> None:
    key("rotate")
    done = CliRunner().invoke(users_app, ["add", "alice", "--json", "--config", str(made.configuration)])
    assert done.exit_code == 0
    assert states(key) == [("seals", 1), ("opens", 1)]


def test_a_vault_opens_under_every_key_it_has() -> None:
    old = Vault(ONE, os.urandom)
    both = Vault(TWO, os.urandom, [ONE])
    assert both.open("p", old.seal("p", b"x", b"c"), b"c") == b"x"
    assert both.sealed_by("p", old.seal("p", b"x")) == old.key_ids[0]
    assert both.sealed_by("p", both.seal("p", b"x")) == both.key_ids[0] != old.key_ids[0]
    assert both.sealed_by("p", old.seal("p", b"x")[4:]) is None


def test_nothing_else_in_the_store_is_sealed() -> None:
    """What is sealed in a column that `core.resealing` does not know would be lost with its key."""
    columns = [column for table in metadata.tables.values() for column in table.columns]
    binary = {str(column) for column in columns if isinstance(column.type, LargeBinary)}
    hashes = {"activations.code_hash", "invitations.token_hash", "recordings.head"}
    sealed = {"access_keys.sealed_secret", "recordings.data_key", "kms_key_generations.sealed"}
    # Like tokens, these end before the 36 hours are over after which a key may be retired.
    of_browsers = {
        f"browser_{table}.{column}" for table in ("links", "sessions") for column in ("sealed", "token_hash")
    }
    assert binary == sealed | hashes | of_browsers
