"""The public Python API, against a running demo."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import ferryman as public
from tests.e2e.demo import Ferryman
from tests.waiting import wait_until


@pytest.fixture(autouse=True)
def _as_the_demo_says(ferryman: Ferryman, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ferryman.environment.items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)


async def test_commands(ferryman: Ferryman) -> None:
    async with public.connect(ferryman.node_id) as node:
        assert (node.id, node.name) == (ferryman.node_id, ferryman.node_id)
        assert await node.run(["echo", "a b"]) == public.CommandResult(0, b"a b\n", b"")
        data = os.urandom(1_000_000)
        results = await asyncio.gather(*(node.run(["cat"], stdin=data) for _ in range(3)))
        assert all(result == public.CommandResult(0, data, b"") for result in results)
        assert (await node.run(["sh", "-c", "exit 9"])).exit_code == 9
        with pytest.raises(public.CommandFailed, match="exit code 9: because") as failed:
            await node.run(["sh", "-c", "echo because >&2; exit 9"], check=True)
        assert failed.value.result.exit_code == 9


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["true"], 0),
        (["false"], 1),
        (["/etc/passwd"], 126),
        (["/no/such/program"], 127),
        (["sh", "-c", "kill -9 $$"], 137),
    ],
)
async def test_exit_codes(ferryman: Ferryman, words: list[str], code: int) -> None:
    async with public.connect(ferryman.node_id) as node:
        assert (await node.run(words)).exit_code == code


async def test_a_conversation_with_a_command(ferryman: Ferryman) -> None:
    async with public.connect(ferryman.node_id) as node, node.start(["cat"]) as command:
        pieces = aiter(command)
        for word in (b"one", b"two"):
            await command.write(word)
            assert await anext(pieces) == (public.Stream.STDOUT, word)
        command.end_input()
        assert await command.wait() == 0


async def test_a_command_is_ended_with_its_context(ferryman: Ferryman) -> None:
    async with public.connect(ferryman.node_id) as node:
        async with node.start(["sleep", "1000"]) as command:
            session_id = command.session_id
        await asyncio.to_thread(wait_until, lambda: ferryman.session_row(session_id)["Status"] == "Terminated")


async def test_a_session_that_is_ended_elsewhere_is_a_failure(ferryman: Ferryman) -> None:
    async with public.connect(ferryman.node_id) as node, node.start(["sleep", "1000"]) as command:
        ferryman.client("ssm").terminate_session(SessionId=command.session_id)
        with pytest.raises(public.Failure, match=command.session_id):
            await command.wait()


async def test_an_unknown_node_is_refused(ferryman: Ferryman) -> None:
    with pytest.raises(public.Failure, match="No node is called nobody"):
        async with public.connect("nobody"):
            pass
    with pytest.raises(public.Failure, match="does not answer"):
        async with public.connect("nobody", endpoint_url="http://127.0.0.1:9"):
            pass


@pytest.fixture
async def echo_port() -> AsyncIterator[int]:
    """A server on the node, which is this machine: it answers with what it got, after the end of it."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read())
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def echoed(address: tuple[str, int], data: bytes, greeting: bytes = b"", answer: int = 0) -> bytes:
    reader, writer = await asyncio.open_connection(*address)
    writer.write(greeting)
    await reader.readexactly(answer)
    writer.write(data)
    with contextlib.suppress(OSError):  # it may have been reset just now, as the answer will say
        writer.write_eof()
    try:
        return await reader.read()
    finally:
        writer.close()


async def test_forwards(ferryman: Ferryman, echo_port: int) -> None:
    data = os.urandom(300_000)
    async with (
        public.connect(ferryman.node_id) as node,
        node.forward(echo_port) as first,
        node.forward(echo_port, host="localhost") as second,
        node.socks() as proxy,
    ):
        wanted = b"\x05\x01\x00\x05\x01\x00\x03\x09localhost" + echo_port.to_bytes(2, "big")
        answers = await asyncio.gather(
            *(echoed(first.address, data) for _ in range(20)),
            *(echoed(second.address, data) for _ in range(5)),
            *(echoed(proxy.address, data, wanted, 12) for _ in range(5)),
        )
        assert all(answer == data for answer in answers)
        with pytest.raises(public.Failure, match="address already in use"):
            async with node.forward(echo_port, local_port=first.address[1]):
                pass
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(*first.address)


async def test_a_port_on_which_nobody_listens(ferryman: Ferryman) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        problems: list[str] = []
        async with (
            public.connect(ferryman.node_id) as node,
            node.forward(bound.getsockname()[1], on_problem=problems.append) as forward,
        ):
            with pytest.raises(ConnectionResetError):
                await echoed(forward.address, b"anyone?")
        assert any("refused" in problem for problem in problems)


async def test_a_forward_outlives_its_session(ferryman: Ferryman, echo_port: int) -> None:
    problems: list[str] = []
    async with (
        public.connect(ferryman.node_id) as node,
        node.forward(echo_port, on_problem=problems.append) as forward,
    ):
        assert await echoed(forward.address, b"one") == b"one"
        ssm = ferryman.client("ssm")
        for row in ferryman.active_sessions():
            ssm.terminate_session(SessionId=row["SessionId"])
        # The client may hear of it after the session's row says so, and what connects before is lost with the session.
        await asyncio.to_thread(wait_until, lambda: any("starts another" in problem for problem in problems))
        assert await echoed(forward.address, b"two") == b"two"


async def test_a_file_there_and_back(ferryman: Ferryman, tmp_path: Path) -> None:
    data = os.urandom(3_000_000)
    odd = 'it\'s $(touch owned); "x" *\n.bin'
    (tmp_path / odd).write_bytes(data)
    (tmp_path / odd).chmod(0o741)
    (tmp_path / "node").mkdir()
    told: list[tuple[int, int]] = []
    async with public.connect(ferryman.node_id) as node:
        await node.copy(
            tmp_path / odd, node.path(f"{tmp_path}/node"), on_progress=lambda there, total: told.append((there, total))
        )
        there = tmp_path / "node" / odd
        assert there.read_bytes() == data
        assert there.stat().st_mode & 0o777 == 0o741
        assert told[-1] == (len(data), len(data))
        await node.copy(node.path(str(there)), tmp_path / "back")
        assert (tmp_path / "back").read_bytes() == data
        assert (tmp_path / "back").stat().st_mode & 0o777 == 0o741
        with pytest.raises(public.Failure, match="/no/such/file does not exist"):
            await node.copy(node.path("/no/such/file"), tmp_path / "nothing")
        with pytest.raises(public.Failure, match="Cannot copy"):
            await node.copy(tmp_path / odd, node.path("/proc/no/such/folder"))
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted([odd, "node", "back"])
    assert [each.name for each in (tmp_path / "node").iterdir()] == [odd]


async def test_a_folder_there_and_back(ferryman: Ferryman, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "a" / "empty").mkdir(parents=True)
    for name in ("one", "a/two words", "a/back\\slash\nline", "-rf"):
        (folder / name).write_bytes(os.urandom(50_000))
    (folder / "link").symlink_to("one")
    os.link(folder / "one", folder / "hard")
    files = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    async with public.connect(ferryman.node_id) as node:
        await node.copy(folder, node.path(f"{tmp_path}/up"))
        assert (tmp_path / "up" / "a" / "empty").is_dir()
        assert (tmp_path / "up" / "link").readlink() == Path("one")
        assert {path: (tmp_path / "up" / path).read_bytes() for path in files} == files
        (tmp_path / "up" / "one").write_bytes(b"damaged")
        told: list[tuple[int, int]] = []
        await node.copy(
            folder, node.path(f"{tmp_path}/up"), on_progress=lambda there, total: told.append((there, total))
        )
        assert told[-1] == (50_000, 50_000)
        await node.copy(folder, node.path(f"{tmp_path}/into/"))
        assert (tmp_path / "into" / "folder" / "one").is_file()
        await node.copy(node.path(str(folder)), tmp_path / "down")
    regular = {path: data for path, data in files.items() if path != Path("link")}
    assert {path: (tmp_path / "down" / path).read_bytes() for path in regular} == regular


async def test_anything_but_a_copy_between_node_and_local_is_refused(ferryman: Ferryman) -> None:
    async with public.connect(ferryman.node_id) as node:
        with pytest.raises(ValueError, match="path of the node"):
            await node.copy("a", "b")
        with pytest.raises(ValueError, match="path of the node"):
            await node.copy(node.path("a"), node.path("b"))
