"""A trail that does not end where the store knows it to have ended is noticed, when it is opened and verified."""

import shutil
from pathlib import Path

import pytest

from ferryman.audit.files import trail_files
from ferryman.audit.reader import verify
from ferryman.core.audit.chain import ChainLink
from ferryman.core.ports.audit import TrailHead
from tests.unit.audit.trails import KEY, names, open_trail, problems, records


async def written(directory: Path, count: int) -> TrailHead:
    trail = open_trail(directory)
    for number in range(count):
        await trail.keep({"n": number})
    await trail.close()
    head = trail.synced_head
    assert head is not None
    return head


async def opened_again(directory: Path, known: TrailHead | None) -> None:
    await open_trail(directory, known=known).close()


def cut(directory: Path, lines: int) -> None:
    (path,) = trail_files(directory)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-lines]))


async def test_the_head_is_the_last_record_once_it_is_on_disk(tmp_path: Path) -> None:
    trail = open_trail(tmp_path)
    await trail.keep({"n": 0})
    assert trail.synced_head is None
    await trail.close()
    chain = records(tmp_path)[-1]["chain"]
    assert trail.synced_head == TrailHead(1, chain["sequence"], chain["mac"])


async def test_with_every_record_synced_the_head_follows_immediately(tmp_path: Path) -> None:
    trail = open_trail(tmp_path, sync_always=True)
    await trail.keep({"n": 0})
    assert trail.synced_head is not None
    assert trail.synced_head.sequence == trail.last_sequence
    await trail.close()


async def test_a_trail_that_ends_where_it_should_is_continued(tmp_path: Path) -> None:
    head = await written(tmp_path, 3)
    await opened_again(tmp_path, head)
    assert "AuditTrailShortened" not in names(tmp_path)
    assert problems(tmp_path) == []


async def test_a_store_that_lags_behind_is_no_fault(tmp_path: Path) -> None:
    head = await written(tmp_path, 3)
    await written(tmp_path, 3)
    await opened_again(tmp_path, head)
    assert "AuditTrailShortened" not in names(tmp_path)


async def test_a_shortened_trail_continues_after_the_known_record_and_says_so(tmp_path: Path) -> None:
    head = await written(tmp_path, 5)
    cut(tmp_path, 2)
    await opened_again(tmp_path, head)
    event = next(each for each in records(tmp_path) if each.get("detail-type") == "AuditTrailShortened")
    assert event["detail"] == {"firstSequence": head.sequence - 1, "lastSequence": head.sequence}
    assert event["chain"]["sequence"] > head.sequence
    assert [each.what for each in problems(tmp_path)] == [
        f"records {head.sequence - 1} to {head.sequence} before it are missing"
    ]


async def test_a_lost_trail_is_not_begun_anew(tmp_path: Path) -> None:
    head = await written(tmp_path / "audit", 5)
    shutil.rmtree(tmp_path / "audit")
    await opened_again(tmp_path / "audit", head)
    assert records(tmp_path / "audit")[0]["chain"]["sequence"] == head.sequence + 1
    said = [each.what for each in problems(tmp_path / "audit")]
    assert f"the server found records 1 to {head.sequence} removed by someone else" in said


async def test_a_known_record_of_another_content_shows(tmp_path: Path) -> None:
    head = await written(tmp_path, 3)
    other = TrailHead(head.first, head.sequence, "0" * 64)
    await opened_again(tmp_path, other)
    assert "AuditTrailShortened" in names(tmp_path)
    _, found = verify(tmp_path, KEY, known=ChainLink(other.sequence, other.mac))
    assert "it was replaced" in found[0].what


@pytest.mark.parametrize("lines", [1, 3])
async def test_verification_knows_how_far_the_trail_had_got(tmp_path: Path, lines: int) -> None:
    head = await written(tmp_path, 5)
    assert verify(tmp_path, KEY, known=ChainLink(head.sequence, head.mac))[1] == []
    cut(tmp_path, lines)
    _, found = verify(tmp_path, KEY, known=ChainLink(head.sequence, head.mac))
    assert [each.what for each in found] == [
        f"the trail ends with record {head.sequence - lines}, it had reached {head.sequence}"
    ]
