"""Private files, and files replaced in one step."""

import os
import stat
from pathlib import Path

import pytest

from ferryman.system.private_files import create_private, replace_content, replace_private, write_beside, write_private


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    path = tmp_path / "precious"
    path.write_bytes(b"precious")
    return path


def test_a_new_file_is_private_and_replaces_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(b"old and longer")
    path.chmod(0o644)
    write_private(path, b"new")
    assert (path.read_bytes(), mode(path)) == (b"new", 0o600)


def test_a_planted_link_is_not_written_through(tmp_path: Path, precious: Path) -> None:
    for name, write in (("new", write_private), (f".replaced.{os.getpid()}", write_beside)):
        (tmp_path / name).symlink_to(precious)
        write(tmp_path / name.removeprefix(".").removesuffix(f".{os.getpid()}"), b"x")
        assert not (tmp_path / name).is_symlink()
    (tmp_path / "linked").symlink_to(precious)
    replace_private(tmp_path / "linked", b"new")
    assert not (tmp_path / "linked").is_symlink()
    assert precious.read_bytes() == b"precious"


def test_a_replaced_file_is_private_unless_another_mode_is_asked_for(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        replace_private(tmp_path / "private", b"x", durable=False)
        replace_private(tmp_path / "shared", b"x", mode=0o644)
    finally:
        os.umask(before)
    assert (mode(tmp_path / "private"), mode(tmp_path / "shared")) == (0o600, 0o644)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["private", "shared"]


def test_a_file_that_cannot_be_replaced_leaves_nothing_beside_it(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").touch()
    with pytest.raises(OSError, match="folder"):
        replace_private(tmp_path / "folder", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_replaced_content_keeps_mode_and_links(tmp_path: Path, precious: Path) -> None:
    precious.chmod(0o640)
    (tmp_path / "linked").symlink_to(precious)
    replace_content(tmp_path / "linked", b"new")
    assert (tmp_path / "linked").is_symlink()
    assert (precious.read_bytes(), mode(precious)) == (b"new", 0o640)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["linked", "precious"]


def test_only_an_existing_file_has_its_content_replaced(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        replace_content(tmp_path / "missing", b"x")
    assert list(tmp_path.iterdir()) == []


def test_a_created_file_is_not_inherited_by_other_programs(tmp_path: Path) -> None:
    descriptor = create_private(tmp_path / "file")
    try:
        assert not os.get_inheritable(descriptor)
    finally:
        os.close(descriptor)
