"""Server-sent events: the kinds of things that have changed, for pages that are open (HTML, section 9.2).

A stream is bounded: a few for each person, so many for a server, one small message a second. Whoever does not read is
dropped, and a stream ends together with the browser's session.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

from aiohttp import web

from ferryman.core.changes import Kind, on_change
from ferryman.core.console.browser_sessions import NotSignedIn, SignedIn
from ferryman.core.console.change_feed import visible_kinds
from ferryman.core.service import Service
from ferryman.model.errors import ServiceError
from ferryman.server.background import running_beside, supervised
from ferryman.server.console.calls import find_signed_in, recognised
from ferryman.server.http.app_keys import GATEWAY
from ferryman.server.listener.connection import Connection

STREAMS_A_PERSON, MOST_STREAMS = 8, 1000
HEARTBEAT_SECONDS = 15.0
"""How often a quiet stream says that it is alive, and a stream's session and permissions are looked up again."""
STALLED_SECONDS = 10.0
"""A reader that does not accept a message for this long is dropped."""
RETRY_MILLIS = 2000


class ChangeStreams:
    """The open streams of one server."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._open: dict[ChangeStream, str] = {}
        self._of_person = Counter[str]()

    def open(self, signed_in: SignedIn) -> "ChangeStream":
        """Return a new stream; raises TooManyStreams (429)."""
        person_id = signed_in.caller.person_id
        if self._of_person[person_id] >= STREAMS_A_PERSON or len(self._open) >= MOST_STREAMS:
            raise ServiceError("TooManyStreams", "Too many pages of the console are open. Close some.", status=429)
        stream = ChangeStream(visible_kinds(self._service, signed_in.caller))
        self._open[stream] = person_id
        self._of_person[person_id] += 1
        return stream

    def close(self, stream: "ChangeStream") -> None:
        """Forget a stream."""
        self._of_person -= Counter([self._open.pop(stream)])

    def notify(self, kinds: frozenset[Kind]) -> None:
        """Tell every stream what has changed."""
        for stream in self._open:
            stream.notify(kinds)

    def end(self) -> None:
        """End all streams as the server shuts down; browsers reconnect, to another server or this one."""
        for stream in self._open:
            stream.end()


class ChangeStream:
    """The changes that one page has yet to be told; `visible` are the kinds that its reader may list."""

    def __init__(self, visible: frozenset[Kind]) -> None:
        self.visible = visible
        self.is_over = False
        self._untold: set[Kind] = set()
        self._woken = asyncio.Event()

    def notify(self, kinds: frozenset[Kind]) -> None:
        """Add changes; those that are not visible leave no trace, not even in timing."""
        if kinds & self.visible:
            self._untold |= kinds & self.visible
            self._woken.set()

    def end(self) -> None:
        """End the stream."""
        self.is_over = True
        self._woken.set()

    async def wait(self, seconds: float) -> list[Kind]:
        """Return the kinds that have changed; none after `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return []
        self._woken.clear()
        untold, self._untold = sorted(self._untold), set()
        return untold


STREAMS = web.AppKey("change_streams", ChangeStreams)
"""The streams of this server."""


async def follow_changes(request: web.Request) -> web.StreamResponse:
    """Stream changes until the browser leaves or its session ends."""
    streams, signed_in = request.app[STREAMS], await recognised(request)
    stream = streams.open(signed_in)
    try:
        if isinstance(request.protocol, Connection):
            request.protocol.working()  # or it would look idle, and be closed first
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
        await response.prepare(request)
        try:
            await _stream(request, response, stream)
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
        except ConnectionError:
            pass  # it left
        return response
    finally:
        streams.close(stream)


async def _stream(request: web.Request, response: web.StreamResponse, stream: ChangeStream) -> None:
    loop = asyncio.get_running_loop()
    await _send(response, f"retry: {RETRY_MILLIS}\n\n")
    checked_at = loop.time()
    while not stream.is_over:
        kinds = await stream.wait(max(0.0, checked_at + HEARTBEAT_SECONDS - loop.time()))
        if loop.time() - checked_at >= HEARTBEAT_SECONDS:
            try:
                signed_in = await find_signed_in(request)
            except NotSignedIn:
                await _send(response, 'event: end\ndata: {"reason":"signed-out"}\n\n')
                return
            stream.visible = visible_kinds(request.app[GATEWAY].service, signed_in.caller)
            checked_at = loop.time()
            if not kinds:
                await _send(response, ": still here\n\n")
        for kind in kinds:
            await _send(response, f'event: change\ndata: {{"subject":"{kind}"}}\n\n')


async def _send(response: web.StreamResponse, text: str) -> None:
    async with asyncio.timeout(STALLED_SECONDS):
        await response.write(text.encode())


async def run_changes(app: web.Application) -> AsyncIterator[None]:
    """Publish what changes here, and tell the streams what changed anywhere, while the application runs."""
    service = app[GATEWAY].service
    unsubscribe = await on_change(service.bus, app[STREAMS].notify)
    async with running_beside(supervised("console changes", lambda: service.changes.publish(service.bus))):
        yield
    await unsubscribe()


async def end_streams(app: web.Application) -> None:
    """End all streams, so that the server need not wait for them."""
    app[STREAMS].end()
