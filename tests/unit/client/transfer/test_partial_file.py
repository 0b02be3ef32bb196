import os
from pathlib import Path

import pytest

from ferryman.client.transfer.local_folder import LocalFolder
from ferryman.client.transfer.partial_file import PRIVATE_NAME, PartialFile, earlier_copies
from ferryman.model.failures import Failure


def write(folder: Path, data: bytes, *, complete: bool) -> int:
    """Receive `name`, going on from what is there; how much of it was there."""
    with LocalFolder.open(folder) as opened:
        earlier = earlier_copies(opened).get("name")
        with PartialFile(opened, "name", earlier) as part:
            size = part.size
            part.begin(size)
            part.write(data)
            if complete:
                part.complete(0o640)
    return size


def left(folder: Path) -> Path:
    """The only private folder."""
    (found,) = folder.glob(".ferryman-part-*")
    return found


def test_a_file_is_in_its_place_only_when_it_is_complete(tmp_path: Path) -> None:
    write(tmp_path, b"begun", complete=False)
    assert PRIVATE_NAME.fullmatch(left(tmp_path).name)
    assert [each.name for each in left(tmp_path).iterdir()] == ["name"]
    assert left(tmp_path).stat().st_mode & 0o777 == 0o700
    assert (left(tmp_path) / "name").stat().st_mode & 0o777 == 0o600
    assert write(tmp_path, b" and ended", complete=True) == len(b"begun")
    assert (tmp_path / "name").read_bytes() == b"begun and ended"
    assert (tmp_path / "name").stat().st_mode & 0o777 == 0o640
    assert [each.name for each in tmp_path.iterdir()] == ["name"]


def test_names_cannot_be_guessed(tmp_path: Path) -> None:
    names = set()
    for number in range(8):
        folder = tmp_path / str(number)
        folder.mkdir()
        write(folder, b"x", complete=False)
        names.add(left(folder).name)
    assert len(names) == 8


def test_nothing_is_left_of_a_copy_that_wrote_nothing(tmp_path: Path) -> None:
    write(tmp_path, b"", complete=False)
    with LocalFolder.open(tmp_path) as opened, PartialFile(opened, "name", None) as part:
        part.begin(0)
        part.write(b"x")
        part.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_link_in_the_files_place_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("precious")
    (tmp_path / "name").symlink_to("other")
    write(tmp_path, b"new", complete=True)
    assert (tmp_path / "other").read_text() == "precious"
    assert not (tmp_path / "name").is_symlink()


def test_a_folder_in_the_files_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "name").mkdir()
    with pytest.raises(Failure, match="it is a folder"):
        write(tmp_path, b"new", complete=True)


@pytest.mark.parametrize("kind", ["link", "open to others", "linked file", "hard-linked file", "fifo", "another's"])
def test_a_partial_file_that_others_could_have_planted_is_not_resumed(tmp_path: Path, kind: str) -> None:
    """Such a folder is left alone, and a new one used."""
    victim, planted = tmp_path / "victim", tmp_path / "folder" / ".ferryman-part-0123456789abcdef"
    victim.mkdir(mode=0o700)
    (victim / "name").write_bytes(b"precious")
    planted.parent.mkdir()
    if kind == "link":
        planted.symlink_to(victim)
    else:
        planted.mkdir(mode=0o700)
        match kind:
            case "open to others":
                (planted / "name").write_bytes(b"precious")
                planted.chmod(0o770)
            case "linked file":
                (planted / "name").symlink_to(victim / "name")
            case "hard-linked file":
                os.link(victim / "name", planted / "name")
            case "fifo":
                os.mkfifo(planted / "name")
            case "another's":
                if os.geteuid():
                    pytest.skip("only root can give files to another account")
                (planted / "name").write_bytes(b"precious")
                os.chown(planted, 1, 1)
    assert write(planted.parent, b"new", complete=True) == 0
    assert (planted.parent / "name").read_bytes() == b"new"
    assert (victim / "name").read_bytes() == b"precious"


def test_a_copy_that_is_still_written_is_not_resumed(tmp_path: Path) -> None:
    with LocalFolder.open(tmp_path) as opened, PartialFile(opened, "name", None) as part:
        part.begin(0)
        part.write(b"begun")
        assert write(tmp_path, b"new", complete=True) == 0
        part.write(b" and ended")
        part.complete(0o600)
    assert (tmp_path / "name").read_bytes() == b"begun and ended"
    assert [each.name for each in tmp_path.iterdir()] == ["name"]
