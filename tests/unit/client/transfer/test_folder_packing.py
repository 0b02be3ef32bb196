import io
import os
import tarfile
from pathlib import Path

import pytest

from ferryman.client.transfer.folder_packing import contents, packed
from ferryman.client.transfer.local_folder import LocalFolder


@pytest.fixture
def source(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    (source / "d" / "empty").mkdir(parents=True)
    (source / "d" / "program").write_bytes(b"program")
    (source / "d" / "program").chmod(0o6755)
    (source / "d").chmod(0o3775)
    os.link(source / "d" / "program", source / "hard")
    (source / "link").symlink_to("/etc/passwd")
    (source / "folder-link").symlink_to("d")
    os.mkfifo(source / "fifo")
    unfinished = source / ".ferryman-part-0123456789abcdef"
    unfinished.mkdir()
    (unfinished / "x").write_bytes(b"")
    return source


async def packing(source: Path, *, keep_setuid: bool) -> dict[str, tarfile.TarInfo]:
    with LocalFolder.open(source) as folder:
        data = b"".join([each async for each in packed(folder, contents(folder).entries, keep_setuid=keep_setuid)])
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {each.name: each for each in archive.getmembers()}


async def test_owners_and_setuid_bits_stay_here(source: Path) -> None:
    members = await packing(source, keep_setuid=False)
    assert list(members) == ["d", "d/empty", "d/program", "folder-link", "hard", "link"]
    assert {(each.uid, each.gid, each.uname, each.gname) for each in members.values()} == {(0, 0, "", "")}
    assert members["d/program"].mode == members["hard"].mode == 0o755
    assert members["d"].mode == 0o1775
    assert members["hard"].isreg()
    assert (members["link"].type, members["link"].linkname) == (tarfile.SYMTYPE, "/etc/passwd")
    assert (members["folder-link"].type, members["folder-link"].linkname) == (tarfile.SYMTYPE, "d")


async def test_setuid_bits_are_kept_on_request(source: Path) -> None:
    members = await packing(source, keep_setuid=True)
    assert members["d/program"].mode == 0o6755
    assert members["d"].mode == 0o3775


async def test_a_file_that_becomes_a_link_is_not_read_through_it(source: Path, tmp_path: Path) -> None:
    """Another account that can write in the folder must not have the operator's files sent."""
    (tmp_path / "secret").write_bytes(b"secret!")
    with LocalFolder.open(source) as folder:
        entries = contents(folder).entries
        (source / "hard").unlink()
        (source / "hard").symlink_to(tmp_path / "secret")
        data = b"".join([each async for each in packed(folder, entries)])
    assert b"secret!" not in data


def test_what_a_folder_holds(source: Path) -> None:
    with LocalFolder.open(source) as folder:
        found = contents(folder)
    assert sorted(found.folders) == ["d", "d/empty"]
    assert set(found.digests) == set(found.sizes) == {"d/program", "hard"}
    assert found.sizes["hard"] == len(b"program")
