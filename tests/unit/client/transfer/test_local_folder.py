import os
import socket
from pathlib import Path

import pytest

from ferryman.client.transfer.local_folder import LocalFolder
from ferryman.model.failures import Failure


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    outside = tmp_path / "outside"
    (outside / "deep").mkdir(parents=True)
    return outside


@pytest.mark.parametrize("link", ["a", "a/b"])
@pytest.mark.parametrize("create", [False, True])
def test_no_link_on_the_way_is_followed(tmp_path: Path, outside: Path, link: str, create: bool) -> None:
    top = tmp_path / "top"
    (top / link).parent.mkdir(parents=True)
    (top / link).symlink_to(outside)
    with LocalFolder.open(top) as folder, pytest.raises(Failure, match="symbolic link"):
        folder.folder("a/b/c", create=create)
    assert sorted(each.name for each in outside.rglob("*")) == ["deep"]


def test_the_folder_that_the_user_named_may_be_a_link(tmp_path: Path, outside: Path) -> None:
    (tmp_path / "named").symlink_to(outside)
    with LocalFolder.open(tmp_path / "named") as folder, folder.folder("deep/new", create=True):
        pass
    assert (outside / "deep" / "new").is_dir()


def test_a_file_is_not_entered(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with LocalFolder.open(tmp_path) as folder:
        with pytest.raises(Failure, match="not a folder"):
            folder.folder("file/x", create=True)
        with pytest.raises(FileNotFoundError):
            folder.folder("absent")


def test_only_regular_files_are_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    (tmp_path / "file").write_bytes(b"data")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("file")
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as bound, LocalFolder.open(tmp_path) as folder:
        bound.bind("socket")
        for name in ("absent", "folder", "link", "fifo", "socket"):
            assert folder.file(name) is None
        with monkeypatch.context() as patched:
            patched.setattr(folder, "status", lambda _: (tmp_path / "file").stat())
            for name in ("absent", "folder", "link", "fifo", "socket"):
                assert folder.file(name) is None  # it was a file a moment ago
        file = folder.file("file")
        assert file is not None
        with file:
            assert file.read() == b"data"


def test_descriptors_are_closed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with LocalFolder.open(tmp_path) as folder:
        folder.folder("a/b", create=True).close()
        with pytest.raises(Failure):
            folder.folder("link/b")
        with pytest.raises(FileNotFoundError):
            folder.folder("a/c")
    assert len(list(Path("/proc/self/fd").iterdir())) == before
