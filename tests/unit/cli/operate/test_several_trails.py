"""`ferryman audit verify`, `list` and `sessions` over the trails of several servers on one store."""

import asyncio
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ferryman.audit.export import write_export
from ferryman.audit.files import trail_files
from ferryman.bootstrap.configuration import load
from ferryman.bootstrap.keys.server_keys import read_server_keys
from ferryman.bootstrap.service import with_service
from ferryman.cli.app import app
from ferryman.cli.operate.init import Initialised
from ferryman.core.audit import chain, checkpoints
from ferryman.core.audit.records import CHANNEL_CHANGE
from ferryman.core.ports.audit import TrailHead
from ferryman.core.service import Service
from ferryman.model.failures import Failure
from tests.trail_records import life, session_record
from tests.unit.audit.trails import checkpoint_writer, open_trail

NINE, TEN = "2026-01-31T09:00:00.000Z", "2026-01-31T10:00:00.000Z"


class Run:
    """Runs `ferryman audit …` with the configuration; `shown` is what the last command printed."""

    def __init__(self, configuration: Path) -> None:
        self._configuration = configuration
        self.shown = ""

    def __call__(self, *arguments: str | Path) -> str:
        done = CliRunner().invoke(app, ["audit", *map(str, arguments), "--config", str(self._configuration)])
        self.shown = done.stdout
        if done.exception is not None:
            raise done.exception
        return done.stdout


@pytest.fixture
def run(made: Initialised) -> Run:
    return Run(made.configuration)


def written(made: Initialised, server: str, *records: dict[str, object]) -> Path:
    """A trail that a server of this name wrote in two runs with this store's keys; the store knows its head."""
    directory, vault = made.configuration.parent / server, read_server_keys(load(made.configuration)).vault()
    key, seed = vault.derive(chain.PURPOSE), vault.derive(checkpoints.PURPOSE)

    async def write(records: Sequence[dict[str, object]]) -> TrailHead:
        trail = open_trail(directory, key=key)
        for record in records:
            await trail.keep(record)
        signed = checkpoint_writer(directory, trail, key=key, seed=seed, server=server)
        await trail.close(signed.conclude)
        assert trail.synced_head is not None
        return trail.synced_head

    asyncio.run(write(records))
    remember(made, server, asyncio.run(write([])))
    return directory


def remember(made: Initialised, server: str, head: TrailHead) -> None:
    async def work(service: Service) -> None:
        await service.store.trail_heads.record(server, head)

    with_service(load(made.configuration), work)


def call(name: str, time: str) -> dict[str, object]:
    return {"eventName": name, "eventTime": time}


@pytest.fixture
def pair(made: Initialised) -> tuple[Path, Path]:
    """The trails of two servers; the configuration's own directory has none."""
    shutil.rmtree(made.configuration.parent / "audit", ignore_errors=True)
    one = written(made, "one", call("A1", f"{NINE[:17]}01.000Z"), call("A4", f"{NINE[:17]}04.000Z"))
    two = written(made, "two", call("B2", f"{NINE[:17]}02.000Z"), call("B3", f"{NINE[:17]}03.000Z"))
    return one, two


def altered(directory: Path, old: bytes, new: bytes) -> None:
    (path,) = trail_files(directory)
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))


def test_whole_trails_are_each_named_with_their_server(run: Run, pair: tuple[Path, Path]) -> None:
    one, two = pair
    shown = run("verify", "--trail", one, "--trail", two).splitlines()
    assert [each.split(" records are intact")[0] for each in shown] == [f"one: in {one}, 8", f"two: in {two}, 8"]


def test_of_an_altered_trail_only_its_own_server_is_named(run: Run, pair: tuple[Path, Path]) -> None:
    altered(pair[1], b'"B2"', b'"C2"')
    with pytest.raises(Failure, match=r"1 of 2 audit trails are not as the servers wrote them: two altered"):
        run("verify", "--trail", pair[0], "--trail", pair[1])
    assert "two: audit-000000000001.jsonl, line 2: it was altered" in run.shown
    assert f"one: in {pair[0]}, 8 records are intact" in run.shown


def test_a_trail_that_is_missing_altogether_is_named(run: Run, pair: tuple[Path, Path]) -> None:
    with pytest.raises(Failure, match=r"1 of 2 audit trails .*: two missing"):
        run("verify", "--trail", pair[0])
    assert "two: its trail is not among these, and the store knows of its records up to 8" in run.shown


def test_the_trail_of_a_retired_server_is_not_missing(run: Run, pair: tuple[Path, Path]) -> None:
    run("retire", "two")
    run("verify", "--trail", pair[0])
    with pytest.raises(Failure, match="no trail of two"):
        run("retire", "two")


def test_one_servers_trail_does_not_stand_for_anothers(run: Run, pair: tuple[Path, Path]) -> None:
    shutil.rmtree(pair[1])
    shutil.copytree(pair[0], pair[1])
    with pytest.raises(Failure, match="two missing"):
        run("verify", "--trail", pair[0], "--trail", pair[1])


@pytest.mark.parametrize(("kept", "said"), [(8, ""), (7, "two altered or incomplete"), (1, "two missing")])
def test_a_shortened_trail_is_noticed_with_and_without_a_checkpoint_left(
    kept: int, said: str, run: Run, pair: tuple[Path, Path]
) -> None:
    (path,) = trail_files(pair[1])
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:kept]))
    if not said:
        run("verify", "--trail", pair[0], "--trail", pair[1])
        return
    with pytest.raises(Failure, match=said):
        run("verify", "--trail", pair[0], "--trail", pair[1])


def test_a_server_that_was_renamed_has_one_trail(made: Initialised, run: Run, pair: tuple[Path, Path]) -> None:
    link = chain.link_of(trail_files(pair[1])[0].read_bytes().splitlines(keepends=True)[2])
    assert link is not None
    remember(made, "formerly", TrailHead(1, link.sequence, link.mac))
    run("verify", "--trail", pair[0], "--trail", pair[1])


def test_the_servers_own_check_names_the_trails_that_it_did_not_see(run: Run, pair: tuple[Path, Path]) -> None:
    told = run("verify")
    assert "other servers were not checked: one (up to record 8), two (up to record 8)" in " ".join(told.split())


def test_records_are_merged_by_time_and_name_their_server(run: Run, pair: tuple[Path, Path]) -> None:
    rows = json.loads(run("list", "--json", "--trail", pair[0], "--trail", pair[1]))
    assert [(each["eventName"], each["server"]) for each in rows if "eventName" in each] == [
        ("A4", "one"), ("B3", "two"), ("B2", "two"), ("A1", "one"),
    ]  # fmt: skip
    table = run("list", "--trail", pair[0], "--trail", pair[1]).splitlines()
    assert table[0].split()[-1] == "Server"
    assert {each.split()[-1] for each in table[1:]} == {"one", "two"}
    alone = run("list", "--trail", pair[0])
    assert "Server" not in alone


def test_a_session_of_two_servers_is_one_although_their_clocks_differ(made: Initialised, run: Run) -> None:
    """Server two joined it, and ended it, by a clock that is 4 s behind."""
    shutil.rmtree(made.configuration.parent / "audit", ignore_errors=True)
    begun, joined, connected, ended = life("alice-1", "2026-01-31T09:00:02.000Z", TEN)
    early = "2026-01-31T08:59:58.000Z"
    assert joined["detail-type"] == CHANNEL_CHANGE
    one = written(made, "one", call("Before", "2026-01-31T08:59:00.000Z"), begun, {**connected, "time": TEN})
    two = written(
        made, "two", {**joined, "time": early}, {**ended, "time": early}, session_record("later", "Connecting", TEN)
    )
    rows = json.loads(run("sessions", "--json", "--trail", one, "--trail", two))
    assert [(each["sessionId"], each["status"], each["sourceIPAddress"]) for each in rows] == [
        ("later", "Connecting", ""), ("alice-1", "Terminated", "192.0.2.7"),
    ]  # fmt: skip


def test_copies_of_two_servers_are_verified_together(made: Initialised, run: Run, pair: tuple[Path, Path]) -> None:
    public = made.configuration.parent / "server.pub"
    public.write_text(run("public-key"))
    seed = read_server_keys(load(made.configuration)).vault().derive(checkpoints.PURPOSE)
    copies = [directory.with_suffix(".jsonl") for directory in pair]
    for directory, copy in zip(pair, copies, strict=True):
        write_export(directory, copy, seed, {"accountId": "123456789012", "time": TEN})
    shown = run("verify", "--public-key", public, *copies)
    assert shown.count("are as the server wrote them") == 2
    assert shown.index("Written by one.") < shown.index(f"{copies[1]}:") < shown.index("Written by two.")
    copies[1].write_bytes(copies[1].read_bytes().replace(b'"B2"', b'"C2"'))
    with pytest.raises(Failure, match="1 of 2 copies are not complete"):
        run("verify", "--public-key", public, *copies)
    assert f"{copies[1]} is not a complete copy" in run.shown


def test_bad_input_is_explained(run: Run, pair: tuple[Path, Path], tmp_path: Path) -> None:
    for command in ("verify", "list", "sessions"):
        with pytest.raises(Failure, match=r"There is no audit trail in .*: the directory has no file"):
            run(command, "--trail", tmp_path)
    with pytest.raises(Failure, match="it is not a directory"):
        run("list", "--trail", tmp_path / "nowhere")
    for wrong in (["--at-least", "3"], ["--public-key", str(tmp_path / "key")]):
        with pytest.raises(SystemExit):
            run("verify", "--trail", pair[0], *wrong)
