"""An exported copy is verified with public keys alone, and every kind of tampering is named."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ferryman.audit.export import Exported, NothingToExport, write_export
from ferryman.audit.exported import ExportedTrail, verify_export
from ferryman.audit.files import trail_files
from ferryman.core.audit.chain import FIRST_PREVIOUS, ChainLink, seal
from ferryman.core.audit.checkpoints import PublicKey, public_key
from tests.unit.audit.trails import KEY, SEED, checkpoint_writer, open_trail, records

PUBLIC = [PublicKey(public_key(SEED))]
ORIGIN = {"accountId": "123456789012", "time": "2026-01-31T12:00:00.000Z"}
OTHER = bytes(range(1, 33))
Lines = list[bytes]


async def trail_of(directory: Path, seed: bytes = SEED, segments: int = 3, after: int = 0) -> Path:
    """Write a trail of `segments` checkpoints and `after` records after the last; return its directory."""
    trail = open_trail(directory)
    writer = checkpoint_writer(directory, trail, seed=seed)
    for segment in range(segments):
        for n in range(4):
            await trail.keep({"n": n, "name": "alice", "time": f"2026-01-{segment + 1:02}T00:00:0{n}.000Z"})
        await writer.write()
    for n in range(after):
        await trail.keep({"n": n, "name": "alice", "time": f"2026-02-01T00:00:0{n}.000Z"})
    await trail.close()
    return directory


def exported(directory: Path, seed: bytes = SEED, since: str = "", until: str = "") -> tuple[Path, Exported]:
    file = directory.parent / f"{directory.name}.jsonl"
    return file, write_export(directory, file, seed, ORIGIN, since=since, until=until)


def said(file: Path, keys: list[PublicKey] | None = None, at_least: int = 0) -> list[str]:
    return [f"{each.line}: {each.what}" for each in verify_export(file, PUBLIC if keys is None else keys, at_least)[1]]


def tampered(file: Path, change: Callable[[Lines], Lines]) -> list[str]:
    """Return what is said about a copy whose lines were changed."""
    file.write_bytes(b"".join(change(file.read_bytes().splitlines(keepends=True))))
    return said(file)


async def test_a_whole_copy_verifies(tmp_path: Path) -> None:
    file, written = exported(await trail_of(tmp_path / "trail", after=2))
    found, problems = verify_export(file, PUBLIC)
    assert problems == []
    assert (found.first, found.last.sequence, found.records) == (1, written.last, written.records)
    assert found.covered == written.covered == 15
    assert found.last.sequence == 19  # the last checkpoint, two records, and the end of the trail
    assert found.key_ids == [PUBLIC[0].key_id]


async def test_a_part_begins_and_ends_with_whole_checkpoints(tmp_path: Path) -> None:
    directory = await trail_of(tmp_path / "trail")
    file, written = exported(directory, since="2026-01-02T00:00:01.000Z", until="2026-01-02T00:00:03.000Z")
    assert (written.first, written.last, written.covered) == (6, 11, 10)
    found, problems = verify_export(file, PUBLIC)
    assert problems == []
    assert (found.first, found.covered, found.last.sequence) == (6, 10, 11)


async def test_nothing_is_exported_where_there_is_nothing(tmp_path: Path) -> None:
    with pytest.raises(NothingToExport):
        exported(await trail_of(tmp_path / "trail"), since="2027-01-01T00:00:00.000Z")
    assert not (tmp_path / "trail.jsonl").exists()


async def test_an_existing_file_is_not_replaced(tmp_path: Path) -> None:
    directory = await trail_of(tmp_path / "trail")
    (tmp_path / "trail.jsonl").write_text("mine")
    with pytest.raises(FileExistsError):
        exported(directory)
    assert (tmp_path / "trail.jsonl").read_text() == "mine"


async def test_the_trail_itself_verifies_if_its_length_is_known(tmp_path: Path) -> None:
    directory = await trail_of(tmp_path / "trail")
    assert said(directory, at_least=17) == []
    assert "no valid statement of what was exported" in said(directory)[0]
    assert said(directory, at_least=18) == ["0: the copy ends with record 17, it had to reach 18"]


MOVED = "it is record 8, out of its place or there twice"
ALTERED = "one or more of the records 6 to 10 were altered"


@pytest.mark.parametrize(
    ("change", "line", "what"),
    [
        (lambda lines: [*lines[:7], lines[7].replace(b"alice", b"mally"), *lines[8:]], 11, ALTERED),
        (lambda lines: lines[:7] + lines[8:], 8, "records 8 to 8 before it are missing"),
        (lambda lines: lines[:4] + lines[12:], 5, "records 5 to 12 before it are missing"),
        (lambda lines: [*lines[:7], lines[8], lines[7], *lines[9:]], 9, MOVED),
        (lambda lines: [*lines[:7], lines[6], *lines[7:]], 8, "it is record 7, out of its place or there twice"),
        (lambda lines: [*lines[:7], b"{}\n", *lines[7:]], 8, "it is not a record"),
        (lambda lines: [*lines[:9], lines[9][:40]], 10, "it is incomplete: the copy was cut"),
    ],
    ids=["altered", "missing", "segment-missing", "reordered", "doubled", "inserted", "cut"],
)  # fmt: skip
async def test_tampering_is_named(tmp_path: Path, change: Callable[[Lines], Lines], line: int, what: str) -> None:
    file, _ = exported(await trail_of(tmp_path / "trail"))
    assert f"{line}: {what}" in tampered(file, change)


async def test_a_copy_cut_at_a_checkpoint_lacks_its_statement(tmp_path: Path) -> None:
    file, _ = exported(await trail_of(tmp_path / "trail"))
    (found,) = tampered(file, lambda lines: lines[:11])
    assert "no valid statement of what was exported" in found


async def test_a_copy_cut_at_a_checkpoint_does_not_fit_its_statement(tmp_path: Path) -> None:
    file, _ = exported(await trail_of(tmp_path / "trail"))
    assert tampered(file, lambda lines: [*lines[:11], lines[-1]]) == [
        "0: records 1 to 17 were exported, here are 1 to 11"
    ]
    assert tampered(file, lambda lines: lines[5:]) == ["0: records 1 to 17 were exported, here are 6 to 11"]


async def test_a_record_after_the_last_checkpoint_that_was_altered_since_the_export_shows(tmp_path: Path) -> None:
    file, written = exported(await trail_of(tmp_path / "trail", after=2))
    assert written.covered < 18
    assert tampered(file, lambda lines: [*lines[:17], lines[17].replace(b"alice", b"mally"), *lines[18:]]) == [
        "0: the records are not those that were exported: something was altered since"
    ]


async def test_an_altered_checkpoint_is_not_trusted(tmp_path: Path) -> None:
    file, _ = exported(await trail_of(tmp_path / "trail"))
    found = tampered(file, lambda lines: [each.replace(b'"lastSequence":10', b'"lastSequence":9') for each in lines])
    assert "11: this checkpoint cannot be trusted: its signature does not fit: it was altered" in found


async def test_a_removed_checkpoint_leaves_its_records_uncovered(tmp_path: Path) -> None:
    file, _ = exported(await trail_of(tmp_path / "trail"))
    found = tampered(file, lambda lines: lines[:10] + lines[11:])
    assert any("no checkpoint covers records 6 to 10" in each for each in found)


async def test_another_servers_copy_is_recognised(tmp_path: Path) -> None:
    file, _ = exported(await trail_of(tmp_path / "other", OTHER), OTHER)
    found = said(file)
    assert any("no checkpoint in it was signed with one of these public keys" in each for each in found)
    assert said(file, [PublicKey(public_key(OTHER))]) == []


async def test_a_part_of_another_servers_copy_does_not_fit(tmp_path: Path) -> None:
    file, _ = exported(await trail_of(tmp_path / "trail"))
    other, _ = exported(await trail_of(tmp_path / "other", OTHER), OTHER)
    foreign = other.read_bytes().splitlines(keepends=True)
    found = tampered(file, lambda lines: lines[:5] + foreign[5:11] + lines[11:])
    assert any("which is not among the public keys" in each for each in found)
    assert any("no checkpoint covers records 1 to 10" in each for each in found)


async def test_a_forger_without_the_signing_key_cannot_rewrite_the_trail(tmp_path: Path) -> None:
    """Who has the key of the chain alone can make one that is whole, but no checkpoint for it."""
    directory = await trail_of(tmp_path / "trail")
    link, whole = ChainLink(0, FIRST_PREVIOUS), b""
    for record in records(directory):
        chain = record.pop("chain")
        line, link = seal(KEY, link, record | {"name": "mallory"})
        assert link.sequence == chain["sequence"]
        whole += line + b"\n"
    trail_files(directory)[0].write_bytes(whole)
    found = said(directory, at_least=17)
    assert sum("were altered" in each for each in found) == 3


async def test_a_server_that_changed_its_key_is_verified_with_both(tmp_path: Path) -> None:
    directory = tmp_path / "trail"
    trail = open_trail(directory)
    for seed in (SEED, OTHER):
        await trail.keep({"n": 1})
        await checkpoint_writer(directory, trail, seed=seed).write()
    await trail.close()
    file, _ = exported(directory, OTHER)
    old, new = PublicKey(public_key(SEED)), PublicKey(public_key(OTHER))
    assert len(verify_export(file, [old, new])[0].key_ids) == 2
    assert any("not among the public keys" in each for each in said(file, [new]))


async def test_a_replaced_key_does_not_sign_again(tmp_path: Path) -> None:
    directory = tmp_path / "trail"
    trail = open_trail(directory)
    for seed in (OTHER, SEED):
        await trail.keep({"n": 1})
        await checkpoint_writer(directory, trail, seed=seed).write()
    await trail.close()
    file, _ = exported(directory, OTHER)
    old = PublicKey(public_key(SEED), until=datetime(2026, 1, 31, 12, tzinfo=UTC))
    assert "5: it was signed with a key that had been replaced before" in said(
        file, [old, PublicKey(public_key(OTHER))]
    )


async def test_rubbish_is_read_to_an_end(tmp_path: Path) -> None:
    file = tmp_path / "rubbish"
    file.write_bytes(b"\n" * 5000 + b"x" * 3_000_000)
    found, problems = verify_export(file, PUBLIC)
    assert isinstance(found, ExportedTrail)
    assert 1000 <= len(problems) <= 1001
