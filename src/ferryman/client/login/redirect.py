"""Receives the browser's redirect after a sign-in: one path on 127.0.0.1, which accepts only the expected answer."""

import asyncio
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urlsplit

from ferryman.model.failures import Failure

PATH = "/callback"
_HEAD_LIMIT = 16 * 1024
_HEAD_SECONDS = 10
_DONE = "You are signed in to Ferryman. You can close this window and go back to the terminal."
_NOT_DONE = "The sign-in was not completed. The terminal says why."


class Redirect:
    """A listener on loopback. An async context manager; `port` 0 picks a free one."""

    def __init__(self, port: int = 0) -> None:
        self._port = port
        self._server: asyncio.Server | None = None
        self._expected: Callable[[str], bool] = lambda _: False
        self._answer: asyncio.Future[Mapping[str, str]] = asyncio.get_running_loop().create_future()

    async def __aenter__(self) -> Self:
        try:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port, limit=_HEAD_LIMIT)
        except OSError as error:
            raise Failure(
                f"Cannot listen on port {self._port}", error.strerror or str(error), "Choose another port"
            ) from error
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        self._answer.cancel()

    @property
    def uri(self) -> str:
        """The redirect URI."""
        return f"http://127.0.0.1:{self._port}{PATH}"

    def expect(self, is_expected: Callable[[str], bool]) -> None:
        """From now on, accept the first request whose `state` is expected as the answer; reject others."""
        self._expected = is_expected

    async def answer(self, seconds: float) -> Mapping[str, str]:
        """Return the parameters of the answer. Raises Failure if none arrives in time."""
        try:
            async with asyncio.timeout(seconds):
                return await self._answer
        except TimeoutError as error:
            raise Failure(
                "Nobody signed in", f"the browser did not come back within {seconds:.0f} seconds", "Try again"
            ) from error

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_HEAD_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                status, text = self._accept(head.split(b"\r\n", 1)[0].decode("latin-1"))
                body = text.encode()
                writer.write(
                    f"HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
                    "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nConnection: close\r\n\r\n".encode()
                    + body
                )
                await writer.drain()
        except (OSError, EOFError, TimeoutError, ValueError, asyncio.LimitOverrunError):
            return  # a browser's idle connection, or a client that is not a browser
        finally:
            writer.close()

    def _accept(self, request_line: str) -> tuple[str, str]:
        method, _, rest = request_line.partition(" ")
        target = urlsplit(rest.partition(" ")[0])
        given = dict(parse_qsl(target.query))
        if method != "GET" or target.path != PATH:
            return "404 Not Found", "There is nothing here."
        if not self._expected(given.get("state", "")) or self._answer.done():
            return "400 Bad Request", "This is not the answer to a sign-in that is under way."
        self._answer.set_result(given)
        return "200 OK", _DONE if "code" in given else _NOT_DONE
