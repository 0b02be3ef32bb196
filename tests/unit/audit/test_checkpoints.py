"""Checkpoints that a running server adds to its trail: when, over which records, and never over foreign ones."""

import asyncio
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from ferryman.audit import checkpoints as checkpoints_module
from ferryman.audit.files import trail_files
from ferryman.core.audit.chain import link_of, seal
from ferryman.core.audit.checkpoints import (
    CHECKPOINT,
    UNCOVERED,
    PublicKey,
    Unsigned,
    public_key,
    read_public_keys,
    sign,
    verify_statement,
)
from tests.unit.audit.trails import KEY, SEED, checkpoint_writer, names, open_trail, problems, records
from tests.waiting import PATIENCE

PUBLIC = PublicKey(public_key(SEED))


def lines(directory: Path) -> list[bytes]:
    return b"".join(path.read_bytes() for path in trail_files(directory)).splitlines(keepends=True)


def covered(directory: Path) -> list[tuple[int, int]]:
    """Return the ranges of the trail's checkpoints, each checked against the lines."""
    found = []
    for record in records(directory):
        detail: dict[str, Any] = record.get("detail", {})
        if record.get("detail-type") == CHECKPOINT:
            first, last = detail["firstSequence"], detail["lastSequence"]
            assert detail["sha256"] == sha256(b"".join(lines(directory)[first - 1 : last])).hexdigest()
            verify_statement(CHECKPOINT, detail, [PUBLIC])
            found.append((first, last))
    return found


async def test_a_checkpoint_covers_all_records_since_the_last(tmp_path: Path) -> None:
    trail = open_trail(tmp_path)
    writer = checkpoint_writer(tmp_path, trail)
    await trail.keep({"n": 1})
    await writer.write()
    await trail.keep({"n": 2})
    await writer.write()
    await trail.close()
    assert covered(tmp_path) == [(1, 2), (3, 4)]
    assert problems(tmp_path) == []


async def test_many_records_get_several_checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints_module, "BATCH_RECORDS", 3)
    trail = open_trail(tmp_path, file_bytes=1000)
    for n in range(9):
        await trail.keep({"n": n, "filling": "x" * 50})
    last = trail.last_sequence
    await checkpoint_writer(tmp_path, trail, records=8).write()
    await trail.close()
    ranges = covered(tmp_path)
    assert ranges[0] == (1, 8)
    assert ranges[-1][1] == last
    assert problems(tmp_path) == []


async def test_an_idle_trail_does_not_grow(tmp_path: Path) -> None:
    trail = open_trail(tmp_path)
    await trail.keep({"n": 1})
    writer = checkpoint_writer(tmp_path, trail)
    for _ in range(3):
        await writer.write()
    await trail.close()
    assert covered(tmp_path) == [(1, 2)]


async def test_checkpoints_are_written_when_due_and_at_the_end(tmp_path: Path) -> None:
    trail = open_trail(tmp_path)
    writer = checkpoint_writer(tmp_path, trail, seconds=0.01)
    following = asyncio.create_task(writer.follow())
    await trail.keep({"n": 1})
    async with asyncio.timeout(PATIENCE):
        while not covered(tmp_path):
            await asyncio.sleep(0.01)
    following.cancel()
    await asyncio.wait([following])
    await trail.close(writer.conclude)
    assert names(tmp_path)[-2:] == ["AuditTrailClosed", CHECKPOINT]
    assert covered(tmp_path)[-1][1] == len(records(tmp_path)) - 1


async def test_enough_records_are_due_before_the_time_is(tmp_path: Path) -> None:
    trail = open_trail(tmp_path)
    following = asyncio.create_task(checkpoint_writer(tmp_path, trail, records=2).follow())
    await trail.keep({"n": 1})
    async with asyncio.timeout(PATIENCE):
        while not covered(tmp_path):
            await asyncio.sleep(0.05)
    following.cancel()
    await asyncio.wait([following])
    await trail.close()


async def test_a_stop_does_not_wait_for_a_long_trail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints_module, "STOP_SECONDS", 0.0)
    trail = open_trail(tmp_path)
    await trail.keep({"n": 1})
    await trail.close(checkpoint_writer(tmp_path, trail).conclude)
    assert covered(tmp_path) == []
    monkeypatch.setattr(checkpoints_module, "STOP_SECONDS", PATIENCE)
    trail = open_trail(tmp_path)
    await trail.close(checkpoint_writer(tmp_path, trail).conclude)
    assert covered(tmp_path) == [(1, 5)]


async def test_the_next_run_continues_after_the_last_checkpoint(tmp_path: Path) -> None:
    trail = open_trail(tmp_path)
    await trail.close(checkpoint_writer(tmp_path, trail).conclude)
    assert covered(tmp_path) == [(1, 2)]
    trail = open_trail(tmp_path)
    await trail.close(checkpoint_writer(tmp_path, trail).conclude)
    assert covered(tmp_path) == [(1, 2), (3, 5)]


async def test_records_of_an_older_server_are_covered_too(tmp_path: Path) -> None:
    trail = open_trail(tmp_path)
    await trail.keep({"n": 1})
    await trail.close()
    trail = open_trail(tmp_path)
    await trail.keep({"n": 2})
    await checkpoint_writer(tmp_path, trail).write()
    await trail.close()
    assert covered(tmp_path) == [(1, 5)]


@pytest.mark.parametrize("at", [1, 2])
async def test_a_record_that_the_server_did_not_write_is_not_signed(tmp_path: Path, at: int) -> None:
    trail = open_trail(tmp_path)
    for n in range(3):
        await trail.keep({"n": n, "name": "alice"})
    (path,) = trail_files(tmp_path)
    whole = path.read_bytes().splitlines(keepends=True)
    whole[at] = whole[at].replace(b"alice", b"mally")
    path.write_bytes(b"".join(whole))
    await checkpoint_writer(tmp_path, trail).write()
    await trail.close()
    gap = next(each["detail"] for each in records(tmp_path) if each.get("detail-type") == UNCOVERED)
    assert (gap["firstSequence"], gap["lastSequence"]) == (at + 1, at + 1)
    assert "altered" in gap["reason"]
    assert covered(tmp_path) == [(1, at), (at + 2, 4)]


async def test_an_old_key_cannot_put_a_record_under_a_checkpoint(tmp_path: Path) -> None:
    """Nor one that somebody else chained to the trail with a key that the server still knows."""
    trail = open_trail(tmp_path, older=[bytes(31) + b"1"])
    writer = checkpoint_writer(tmp_path, trail)
    writer._keys = lambda: [KEY, bytes(31) + b"1"]
    await trail.keep({"n": 1})
    (path,) = trail_files(tmp_path)
    opened, line = path.read_bytes().splitlines(keepends=True)
    link = link_of(opened)
    assert link is not None
    forged, _ = seal(bytes(31) + b"1", link, {"n": 2})
    path.write_bytes(opened + forged + b"\n")
    await writer.write()
    await trail.close()
    assert UNCOVERED in names(tmp_path)
    assert line not in path.read_bytes()


def test_a_statement_is_signed_whole() -> None:
    signed = sign(CHECKPOINT, {"a": "x", "time": "2026-01-31T12:00:00Z", "n": 5}, SEED)
    assert verify_statement(CHECKPOINT, signed, [PUBLIC]) == PUBLIC
    for altered in ({"a": "y"}, {"n": 6}, {"b": "z"}, {"n": [5]}, {"signature": "x"}, {"time": "2026-02-01T12:00:00Z"}):
        with pytest.raises(Unsigned, match="altered"):
            verify_statement(CHECKPOINT, signed | altered, [PUBLIC])
    with pytest.raises(Unsigned, match="altered"):
        verify_statement("AuditTrailExport", signed, [PUBLIC])
    with pytest.raises(Unsigned, match="not among"):
        verify_statement(CHECKPOINT, signed, [PublicKey(public_key(KEY))])


@pytest.mark.parametrize(("since", "until"), [("2026-02-02T12:00:00Z", None), (None, "2026-01-30T11:00:00Z")])
def test_a_key_signs_only_while_it_is_in_use(since: str | None, until: str | None) -> None:
    signed = sign(CHECKPOINT, {"time": "2026-01-31T12:00:00Z"}, SEED)
    validity = (f" since={since}" if since else "") + (f" until={until}" if until else "")
    with pytest.raises(Unsigned, match="not in use then"):
        verify_statement(CHECKPOINT, signed, read_public_keys(PUBLIC.line + validity))


def test_public_keys_are_read_as_they_are_printed() -> None:
    (key,) = read_public_keys(f"{PUBLIC.line} since=2026-01-31T12:00:00+00:00 until=2026-02-28T12:00:00+00:00")
    other = PublicKey(public_key(KEY))
    assert read_public_keys(f"{key.line}\n{other.line}\n") == [key, other]
    assert read_public_keys(key.pem + other.pem) == [key, other]
    for text in ("", "ssh-ed25519 AAAA", key.line[:40], "ferryman-audit ed25519 x", key.pem[:90]):
        with pytest.raises(ValueError, match="public key"):
            read_public_keys(text)


def test_only_texts_of_one_line_are_signed() -> None:
    with pytest.raises(ValueError, match="cannot be signed"):
        sign(CHECKPOINT, {"a": "x\nb=y"}, SEED)
