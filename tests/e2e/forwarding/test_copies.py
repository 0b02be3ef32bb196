"""Copies where other accounts can write, and of what carries more than contents: against a running demo."""

import hashlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

import ferryman as public
from tests.e2e.demo import Ferryman
from tests.waiting import wait_until

PRIVATE = ".ferryman-part-0123456789abcdef"
STRANGER = 4321


class Interrupted(Exception):
    """A test gave up a copy."""


@pytest.fixture
async def node(ferryman: Ferryman, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[public.Node]:
    """The node, which is this machine."""
    for name, value in ferryman.environment.items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    async with public.connect(ferryman.node_id) as node:
        yield node


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where copies go."""
    folder = tmp_path / "folder"
    folder.mkdir()
    return folder


Copy = Callable[..., Any]


@pytest.fixture(params=["up", "down"])
def copy(request: pytest.FixtureRequest, node: public.Node) -> Copy:
    """Copies one path to another, to the node or from it."""
    if request.param == "up":
        return lambda source, destination, **more: node.copy(source, node.path(str(destination)), **more)
    return lambda source, destination, **more: node.copy(node.path(str(source)), destination, **more)


def begun(folder: Path, data: bytes) -> Path:
    """What an interrupted copy of `name` left."""
    (folder / PRIVATE).mkdir(mode=0o700)
    (folder / PRIVATE / "name").write_bytes(data)
    return folder / PRIVATE


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


@pytest.mark.parametrize(("there", "first"), [(1_000_000, 1_000_000), (0, 0)])
async def test_an_interrupted_copy_resumes(copy: Copy, tmp_path: Path, folder: Path, there: int, first: int) -> None:
    """What is there of it is not copied again, unless it is something else."""
    data = os.urandom(1_500_000)
    (tmp_path / "name").write_bytes(data)
    begun(folder, data[:there] or b"something else")
    told: list[int] = []
    await copy(tmp_path / "name", folder, on_progress=lambda there, _: told.append(there))
    assert told[0] == first
    assert told[-1] == len(data)
    assert (folder / "name").read_bytes() == data
    assert names(folder) == ["name"]


async def test_the_sessions_of_a_copy_say_what_was_copied(
    ferryman: Ferryman, copy: Copy, tmp_path: Path, folder: Path
) -> None:
    """Direction, name, size and SHA-256: the client says so in the reason, the node by its exit code."""
    name = f"{os.urandom(8).hex()}.conf"
    data = os.urandom(1000)
    (tmp_path / name).write_bytes(data)
    await copy(tmp_path / name, folder)
    wait_until(ferryman.has_no_sessions)
    sessions = ferryman.client("ssm").describe_sessions(State="History")["Sessions"]
    reasons = [each["Reason"] for each in sessions if name in each.get("Reason", "")]
    said = f", 1000 bytes, SHA-256 {hashlib.sha256(data).hexdigest()}"
    assert any(each.startswith("ferryman cp: ") and each.endswith(said) for each in reasons), reasons
    assert {each.split()[2] for each in reasons} <= {"upload", "download"}


async def test_a_copy_that_was_given_up_resumes(ferryman: Ferryman, copy: Copy, tmp_path: Path, folder: Path) -> None:
    """Whatever folder the first copy made up, the next finds it."""
    data = os.urandom(16_000_000)
    (tmp_path / "name").write_bytes(data)
    told: list[int] = []

    def give_up(there: int, total: int) -> None:
        if there > total // 2:
            raise Interrupted

    with pytest.raises(Interrupted):
        await copy(tmp_path / "name", folder, on_progress=give_up)
    assert not (folder / "name").exists()
    wait_until(ferryman.has_no_sessions)
    await copy(tmp_path / "name", folder, on_progress=lambda there, _: told.append(there))
    assert 0 < told[0] < len(data)
    assert (folder / "name").read_bytes() == data
    assert names(folder) == ["name"]


@pytest.mark.parametrize("planted", ["name.ferryman-part", "name"])
async def test_no_planted_link_is_written_through(copy: Copy, tmp_path: Path, folder: Path, planted: str) -> None:
    (tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / "name").write_bytes(b"new")
    (folder / planted).symlink_to(tmp_path / "precious")
    await copy(tmp_path / "name", folder / "name")
    assert (tmp_path / "precious").read_bytes() == b"precious"
    assert (folder / "name").read_bytes() == b"new"
    assert not (folder / "name").is_symlink()


@pytest.mark.parametrize("kind", ["link", "genuine elsewhere", "open to others", "linked file", "another's"])
async def test_no_planted_unfinished_copy_is_resumed(copy: Copy, tmp_path: Path, folder: Path, kind: str) -> None:
    """A private folder that another account made, or put in the place of one, is left alone."""
    (tmp_path / "name").write_bytes(b"precious and new")
    (tmp_path / "victim").mkdir()
    victim = begun(tmp_path / "victim", b"precious")
    match kind:
        case "link":
            victim = victim.rename(tmp_path / "victim" / "other")
            (folder / PRIVATE).symlink_to(victim)
        case "genuine elsewhere":
            (folder / PRIVATE).symlink_to(victim)
        case "open to others":
            begun(folder, b"precious").chmod(0o777)
        case "linked file":
            (begun(folder, b"") / "name").unlink()
            (folder / PRIVATE / "name").symlink_to(victim / "name")
        case "another's":
            if os.geteuid():
                pytest.skip("only root can give folders to another account")
            os.chown(begun(folder, b"precious"), STRANGER, STRANGER)
    told: list[int] = []
    await copy(tmp_path / "name", folder, on_progress=lambda there, _: told.append(there))
    assert told[0] == 0
    assert (victim / "name").read_bytes() == b"precious"
    assert (folder / "name").read_bytes() == b"precious and new"
    assert names(folder) == [PRIVATE, "name"]
    assert names(tmp_path / "victim") == [victim.name]


async def test_setuid_bits_are_copied_only_on_request(copy: Copy, tmp_path: Path, folder: Path) -> None:
    (tmp_path / "name").write_bytes(b"program")
    (tmp_path / "name").chmod(0o6755)
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "name").write_bytes(b"program")
    (tmp_path / "source" / "name").chmod(0o6755)
    await copy(tmp_path / "name", folder / "without")
    await copy(tmp_path / "name", folder / "with", keep_setuid=True)
    await copy(tmp_path / "source", folder / "folder-without")
    await copy(tmp_path / "source", folder / "folder-with", keep_setuid=True)
    modes = {
        each: (folder / each).stat().st_mode & 0o7777
        for each in ("without", "with", "folder-without/name", "folder-with/name")
    }
    assert modes == {"without": 0o755, "with": 0o6755, "folder-without/name": 0o755, "folder-with/name": 0o6755}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to another account")
async def test_files_belong_to_the_account_that_writes_them(copy: Copy, tmp_path: Path, folder: Path) -> None:
    """A uid is an account of one machine; on the other it may be anybody's."""
    (tmp_path / "source" / "inner").mkdir(parents=True)
    (tmp_path / "source" / "inner" / "file").write_bytes(b"data")
    (tmp_path / "source" / "link").symlink_to("inner")
    for each in (tmp_path / "source").rglob("*"):
        os.chown(each, STRANGER, STRANGER, follow_symlinks=False)
    await copy(tmp_path / "source", folder / "copy")
    await copy(tmp_path / "source" / "inner" / "file", folder / "file")
    arrived = [folder / "file", *(folder / "copy").rglob("*")]
    assert len(arrived) >= 3
    assert {(each.lstat().st_uid, each.lstat().st_gid) for each in arrived} == {(os.geteuid(), os.getegid())}


@pytest.mark.parametrize("link", ["source/inner", "source/inner/deep"])
async def test_no_link_below_the_destination_is_followed(copy: Copy, tmp_path: Path, folder: Path, link: str) -> None:
    (tmp_path / "source" / "inner" / "deep").mkdir(parents=True)
    (tmp_path / "source" / "inner" / "deep" / "file").write_bytes(b"data")
    (tmp_path / "outside").mkdir()
    (folder / link).parent.mkdir(parents=True)
    (folder / link).symlink_to(tmp_path / "outside")
    with pytest.raises(public.Failure, match="symbolic link"):
        await copy(tmp_path / "source", f"{folder}/")
    assert list((tmp_path / "outside").iterdir()) == []


async def test_a_link_in_a_files_place_is_replaced(copy: Copy, tmp_path: Path, folder: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "file").write_bytes(b"data")
    (tmp_path / "precious").write_bytes(b"precious")
    (folder / "source").mkdir()
    (folder / "source" / "file").symlink_to(tmp_path / "precious")
    await copy(tmp_path / "source", f"{folder}/")
    assert (tmp_path / "precious").read_bytes() == b"precious"
    assert (folder / "source" / "file").read_bytes() == b"data"


async def test_unfinished_copies_are_not_copied(copy: Copy, tmp_path: Path, folder: Path) -> None:
    (tmp_path / "source").mkdir()
    begun(tmp_path / "source", b"data")
    (tmp_path / "source" / "file").write_bytes(b"data")
    await copy(tmp_path / "source", folder / "copy")
    assert names(folder / "copy") == ["file"]
