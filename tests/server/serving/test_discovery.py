"""`/.well-known/ferryman`: the same answer for everyone, cacheable, and not there if it is switched off."""

from collections.abc import Awaitable, Callable

import pytest

from ferryman.server.http.discovery import Discovery
from ferryman.server.listener.unauthenticated import UnauthenticatedLimits
from ferryman.wire.discovery import PATH
from tests.server.raw_connections import Raw
from tests.server.running import Server

REQUEST = f"GET {PATH} HTTP/1.1\r\nHost: ferryman.test\r\nConnection: close\r\n\r\n".encode()


class TestSwitchedOn:
    @pytest.fixture
    def discovery(self) -> Discovery:
        return Discovery(lambda: b'{"version":1}')

    async def test_anyone_gets_the_document_and_may_cache_it(self, server: Server) -> None:
        async with server.http.get(server.url_of(PATH)) as answer:
            assert (answer.status, await answer.read()) == (200, b'{"version":1}')
            assert answer.content_type == "application/json"
            assert answer.headers["Cache-Control"] == "public, max-age=300"
            tag = answer.headers["ETag"]
        async with server.http.get(server.url_of(PATH), headers={"If-None-Match": f'"other", {tag}'}) as answer:
            assert (answer.status, await answer.read()) == (304, b"")

    async def test_nothing_can_be_posted(self, server: Server) -> None:
        async with server.http.post(server.url_of(PATH), data=b"x") as answer:
            assert answer.status == 405

    class TestOfStrangers:
        @pytest.fixture
        def unauthenticated(self) -> UnauthenticatedLimits:
            return UnauthenticatedLimits(limit=2, exempt=(), clock=lambda: 0.0)

        async def test_who_asks_too_often_is_not_answered(
            self, server: Server, connect: Callable[..., Awaitable[Raw]]
        ) -> None:
            answers = []
            for _ in range(6):
                raw = await connect()
                raw.writer.write(REQUEST)
                answers.append(await raw.gone())
            assert [b" 200 " in answer for answer in answers] == [True] * 4 + [False] * 2
            await server.shut_down()  # nobody would be answered who asked whether it is done


async def test_a_server_may_keep_it_to_itself(server: Server) -> None:
    async with server.http.get(server.url_of(PATH)) as answer:
        assert answer.status == 404


def test_the_document_changes_when_it_is_read_again() -> None:
    documents = [b"1", b"2"]
    discovery = Discovery(lambda: documents.pop(0))
    before = discovery._tag
    discovery.reload()
    assert (discovery._body, discovery._tag != before) == (b"2", True)
