"""Files that are written together appear together, or not at all."""

from pathlib import Path

import pytest

from ferryman.system.staged_files import StagedFiles


def contents(directory: Path) -> dict[str, str]:
    return {str(path.relative_to(directory)): path.read_text() for path in directory.rglob("*") if path.is_file()}


def test_nothing_is_written_before_the_commit(tmp_path: Path) -> None:
    with StagedFiles() as staged:
        trial = staged.stage(tmp_path / "new" / "a", b"a")
        assert trial.read_text() == "a"
        assert not (tmp_path / "new" / "a").exists()
    assert contents(tmp_path) == {}


def test_a_file_that_is_staged_again_is_written_once(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    with StagedFiles() as staged:
        staged.stage(tmp_path / "link", b"first")
        staged.stage(tmp_path / "link", b"second")
        staged.commit()
    assert (tmp_path / "link").is_symlink()
    assert contents(tmp_path) == {"real": "second", "link": "second"}
    assert (tmp_path / "real").stat().st_mode & 0o777 == 0o600


def test_files_that_were_renamed_are_undone_if_a_later_one_fails(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    with StagedFiles() as staged:
        for name in ("a", "b", "c"):
            staged.stage(tmp_path / name, b"new")
        (tmp_path / "c").mkdir()
        with pytest.raises(OSError, match="directory"):
            staged.commit()
    assert contents(tmp_path) == {"a": "old"}
