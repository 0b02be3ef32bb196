"""What `ferryman cp` and `node.copy` read from a node is the node's to invent; nothing of it leaves the destination."""

import hashlib
import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

import ferryman as public
from tests.e2e.demo import Ferryman
from tests.e2e.hostile_node import HostileNode, hostile_node
from tests.e2e.processes.programs import FERRYMAN
from tests.e2e.processes.warm_programs import warm_programs

pytestmark = pytest.mark.usefixtures("as_told")


@pytest.fixture(scope="module")
def hostile(ferryman: Ferryman, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostileNode]:
    with hostile_node(ferryman, tmp_path_factory.mktemp("hostile")) as node:
        yield node


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """What an operator has beside the destination, and must stay as it is."""
    home = tmp_path / "home"
    (home / "destination").mkdir(parents=True)
    (home / "secret").write_text("precious")
    return home


@pytest.fixture
def as_told(ferryman: Ferryman, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Python API finds this server."""
    for name, value in ferryman.environment.items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)


async def refused(hostile: HostileNode, home: Path, source: str = "/srv/folder") -> str:
    """Copy into `destination`, which must fail; what is said."""
    async with public.connect(hostile.node_id) as node:
        with pytest.raises(public.Failure) as failed:
            await node.copy(node.path(source), home / "destination")
    return str(failed.value)


async def received(hostile: HostileNode, home: Path) -> None:
    async with public.connect(hostile.node_id) as node:
        await node.copy(node.path("/srv/folder"), home / "destination")


def tree(folder: Path) -> list[str]:
    return sorted(str(each.relative_to(folder)) for each in folder.rglob("*"))


@pytest.mark.parametrize(
    "name",
    ["./{home}/secret", "./a//{home}/secret", "./a/../../../secret", "{home}/secret", "./"],
)
async def test_a_listed_name_that_leaves_the_folder(hostile: HostileNode, home: Path, name: str) -> None:
    hostile.list_files("./good", name.format(home=home))
    assert "the node lists a file outside it" in await refused(hostile, home)
    assert (home / "secret").read_text() == "precious"
    assert tree(home) == ["destination", "secret"]


def test_the_command_reports_it_on_one_line(ferryman: Ferryman, hostile: HostileNode, home: Path) -> None:
    hostile.list_files(f".//{home}/secret")
    command = [FERRYMAN, "cp", f"{hostile.node_id}:/srv/folder", str(home / "destination")]
    done = warm_programs.run(*command, environment=ferryman.environment)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "Cannot copy a folder: the node lists a file outside it" in done.stderr
    assert tree(home) == ["destination", "secret"]


async def test_names_that_steer_a_terminal_are_shown_escaped(hostile: HostileNode, home: Path) -> None:
    hostile.list_files(".//\x1b]0;owned\x07")
    said = await refused(hostile, home)
    assert "\x1b" not in said
    assert r"\x1b]0;owned\x07" in said


@pytest.mark.parametrize("link", ["destination/folder", "destination/folder/docs/deep"])
async def test_no_link_below_the_destination_is_followed(hostile: HostileNode, home: Path, link: str) -> None:
    (home / "outside").mkdir()
    (home / link).parent.mkdir(parents=True, exist_ok=True)
    (home / link).symlink_to(home / "outside")
    hostile.list_files("./docs/deep/secret")
    assert "symbolic link" in await refused(hostile, home)
    assert tree(home / "outside") == []


async def test_a_link_in_the_place_of_a_file_is_replaced(hostile: HostileNode, home: Path) -> None:
    (home / "destination" / "folder").mkdir()
    (home / "destination" / "folder" / "name").symlink_to(home / "secret")
    hostile.list_files("./name")
    await received(hostile, home)
    assert (home / "secret").read_text() == "precious"
    assert (home / "destination" / "folder" / "name").read_text() == "owned\n"
    assert not (home / "destination" / "folder" / "name").is_symlink()


async def test_the_part_of_another_copy_cannot_be_planted(hostile: HostileNode, home: Path) -> None:
    hostile.list_files("./.ferryman-part-0123456789abcdef/name", "./name")
    await received(hostile, home)
    assert tree(home / "destination") == ["folder", "folder/name"]


async def test_a_file_that_is_a_folder_too(hostile: HostileNode, home: Path) -> None:
    hostile.list_files("./a", "./a/b")
    assert "a file below another file" in await refused(hostile, home)
    assert tree(home) == ["destination", "secret"]


@pytest.mark.parametrize("source", ["/srv/..", "/"])
async def test_a_file_without_a_name(hostile: HostileNode, home: Path, source: str) -> None:
    hostile.list_files("./x", is_folder="sys.exit(1)")
    assert "no file name" in await refused(hostile, home, source)
    assert tree(home) == ["destination", "secret"]


@pytest.mark.parametrize(
    ("script", "answer"),
    [
        ("look", "out.write(b'x' * 100)"),
        ("look", "out.write(b'5 99999 ' + b'0' * 64 + b' -')"),
        ("size", "out.write(b'many')"),
        ("size", "out.write(b'9' * 10000)"),
        ("listing", "out.write(b'0' * 64 + b'  ./breaks-off')"),
    ],
)
async def test_invalid_answers_are_refused(hostile: HostileNode, home: Path, script: str, answer: str) -> None:
    hostile.list_files("./x", **{script: answer})
    await refused(hostile, home)
    assert [each for each in tree(home) if "folder/" in each] == []


@pytest.mark.parametrize(
    ("script", "endless"),
    [
        ("is_folder", "while True: out.write(b'x' * 65536)"),
        ("is_folder", "while True: err.write(b'x' * 65536)"),
        (
            "listing",
            "for n in itertools.count(): out.write(b''.join(b'%064d  ./%d-%d\\n' % (0, n, m) for m in range(1000)))",
        ),
        ("listing", "while True: out.write(b'x' * 65536)"),
        ("size", "while True: out.write(b'9' * 65536)"),
        ("look", "while True: out.write(b'9' * 65536)"),
        ("content", "while True: out.write(b'x' * 65536)"),
        ("content", "while True: err.write(b'x' * 65536)"),
    ],
)
async def test_an_answer_without_end(hostile: HostileNode, home: Path, script: str, endless: str) -> None:
    """The client gives up; neither its memory nor what it wrote has grown by much."""
    hostile.list_files("./x", **{script: endless})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with public.connect(hostile.node_id) as node:
        with pytest.raises(public.Failure):
            await node.copy(node.path("/srv/folder"), home / "destination")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 128 * 1024
    assert [each for each in (home / "destination").rglob("*") if each.is_file()] == []


async def test_more_than_was_announced_is_not_written(hostile: HostileNode, home: Path) -> None:
    hostile.list_files("./x", is_folder="sys.exit(1)", content="out.write(b'owned' * 100_000)")
    told: list[int] = []
    async with public.connect(hostile.node_id) as node:
        with pytest.raises(public.Failure, match="more than the 6 bytes"):
            await node.copy(node.path("/x"), home / "destination", on_progress=lambda there, _: told.append(there))
    assert max(told) <= len("owned\n")
    assert tree(home) == ["destination", "secret"]


async def test_a_folder_is_not_larger_than_announced(hostile: HostileNode, home: Path) -> None:
    size = 65 * 1024 * 1024
    hostile.list_files("./x", look=f"out.write(b'{size} 644 ' + b'0' * 64 + b' -')")
    async with public.connect(hostile.node_id) as node:
        with pytest.raises(public.Failure, match="larger than the 6 bytes"):
            await node.copy(node.path("/srv/folder"), home / "destination")


async def test_modes_are_at_most_the_operators(hostile: HostileNode, home: Path) -> None:
    digest = hashlib.sha256(b"owned\n").hexdigest()
    hostile.list_files("./x", look=f"out.write(b'6 7777 {digest} -')")
    umask = os.umask(0o027)
    try:
        async with public.connect(hostile.node_id) as node:
            await node.copy(node.path("/srv/folder"), home / "one")
            await node.copy(node.path("/srv/folder"), home / "two", keep_setuid=True)
    finally:
        os.umask(umask)
    assert (home / "one" / "x").stat().st_mode & 0o7777 == 0o750
    assert (home / "two" / "x").stat().st_mode & 0o7777 == 0o7750
