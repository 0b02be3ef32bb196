"""The public Python API, against a running demo."""

import asyncio
import os
from typing import Any

import pytest

import ferryman as public

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(autouse=True)
def _as_the_demo_says(ferryman: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ferryman.environment.items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)


async def test_commands(ferryman: Any) -> None:
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


async def test_a_conversation_with_a_command(ferryman: Any) -> None:
    async with public.connect(ferryman.node_id) as node, node.start(["cat"]) as command:
        pieces = aiter(command)
        for word in (b"one", b"two"):
            await command.write(word)
            assert await anext(pieces) == (public.Stream.STDOUT, word)
        command.end_input()
        assert await command.wait() == 0


async def test_a_command_is_ended_with_its_context(ferryman: Any) -> None:
    async with public.connect(ferryman.node_id) as node:
        async with node.start(["sleep", "1000"]) as command:
            session_id = command.session_id
        assert ferryman.session_row(session_id)["Status"] in ("Terminating", "Terminated")


async def test_a_session_that_is_ended_elsewhere_is_a_failure(ferryman: Any) -> None:
    async with public.connect(ferryman.node_id) as node, node.start(["sleep", "1000"]) as command:
        ferryman.client("ssm").terminate_session(SessionId=command.session_id)
        with pytest.raises(public.Failure, match=command.session_id):
            await command.wait()


async def test_a_node_that_is_none(ferryman: Any) -> None:
    with pytest.raises(public.Failure, match="No node is called nobody"):
        async with public.connect("nobody"):
            pass
    with pytest.raises(public.Failure, match="does not answer"):
        async with public.connect("nobody", endpoint_url="http://127.0.0.1:9"):
            pass
