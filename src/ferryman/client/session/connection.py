"""Opens the session's data channel: first with StartSession's token, after every loss with one from ResumeSession.

The opening frame identifies the client by an id that lasts as long as the process (`protocol/client.md` §4).
"""

import asyncio
import os
import time
import uuid
from collections.abc import Callable

from ferryman.channel.backoff import Attempts, Backoff
from ferryman.client.calls.launch import InvalidStreamUrl, Launch, checked_stream_url
from ferryman.client.calls.resume_session import CallRefused, ServiceClient, SessionOver
from ferryman.model.values.secret import Secret
from ferryman.model.values.versions import CLIENT_VERSION
from ferryman.transport.dialler import Dialler
from ferryman.transport.errors import CertificateRefused, ConnectionLost, Unreachable, UpgradeRefused
from ferryman.transport.standby import Standby, UnopenedChannel
from ferryman.transport.websocket import WebSocket
from ferryman.wire.opening import MESSAGE_SCHEMA_VERSION, OpenDataChannel, encode_opening

FIRST_ATTEMPTS = 7
FIRST_SECONDS = 10.0
"""For all first attempts together. AWS's client dials seven times within about 5 s."""
BACKOFF = Backoff(initial=0.1, ratio=2.0, cap=5.0)


class CannotConnect(Exception):
    """The session has no connection and will not get another. The text is the cause, without a final full stop."""


class SessionTimedOut(CannotConnect):
    """The server no longer knows the session, or does not let it be resumed."""


class Connector:
    """Makes one session's connections, one after another.

    `reconnect_seconds` bounds an outage. Connections that are lost again within a second belong to the same outage.
    """

    def __init__(
        self,
        launch: Launch,
        dialler: Dialler,
        service: ServiceClient,
        reconnect_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._launch = launch
        self._clock = clock
        self._dialler = dialler
        self._service = service
        self._reconnect_seconds = reconnect_seconds
        self._client_id = str(uuid.uuid4())
        self._url = launch.stream_url
        self._opened_at = 0.0
        self._outage_since: float | None = None
        self._attempts = Attempts(BACKOFF, os.urandom)
        self._standby = Standby(self._resume)
        self.opened_once = False

    async def open(self) -> WebSocket:
        """Open the first connection. Raises `CannotConnect` after seven attempts or 10 s."""
        attempt = 0
        cause: Exception = TimeoutError(f"no answer within {FIRST_SECONDS:.0f} s")
        try:
            async with asyncio.timeout(FIRST_SECONDS):
                while True:
                    try:
                        return await self._open(await self._dial(self._launch.token))
                    except (Unreachable, ConnectionLost) as error:
                        cause = error
                    attempt += 1
                    if attempt == FIRST_ATTEMPTS or _is_final(cause):
                        break
                    await asyncio.sleep(BACKOFF.delay(attempt - 1, os.urandom))
        except TimeoutError:
            pass
        advice = "; name its authority's file in AWS_CA_BUNDLE" if isinstance(cause, CertificateRefused) else ""
        raise CannotConnect(f"{cause}{advice}") from cause

    async def reopen(self) -> WebSocket:
        """Resume the session after a loss, retrying until the outage's limit. Raises `CannotConnect`."""
        now = self._clock()
        if self._attempts.lost(now - self._opened_at) or self._outage_since is None:
            self._outage_since = now
        cause: Exception | None = None
        try:
            async with asyncio.timeout(self._outage_since + self._reconnect_seconds - now):
                unopened = await self._standby.acquire()
                while True:
                    try:
                        if unopened is None:
                            if self._attempts.made:
                                await asyncio.sleep(self._attempts.wait())
                            unopened = await self._resume()
                        return await self._open(unopened)
                    except (Unreachable, ConnectionLost) as error:
                        unopened = None
                        self._attempts.failed()
                        cause = error
        except TimeoutError:
            limit = f"the connection was lost and could not be restored within {self._reconnect_seconds:.0f} s"
            raise CannotConnect(f"{limit}: {cause}" if cause else limit) from cause

    async def close(self) -> None:
        """Close a connection that was made ready and is not needed; idempotent."""
        await self._standby.close()

    async def _resume(self) -> UnopenedChannel:
        try:
            ticket = await self._service.resume(self._launch.session_id)
            if ticket.stream_url:
                self._url = checked_stream_url(ticket.stream_url)
        except SessionOver as over:
            raise SessionTimedOut("it timed out") from over
        except CallRefused as refused:
            raise CannotConnect(f"the connection was lost, and ResumeSession failed: {refused}") from refused
        except InvalidStreamUrl as invalid:
            raise CannotConnect(str(invalid)) from invalid
        return await self._dial(ticket.token)

    async def _dial(self, token: Secret) -> UnopenedChannel:
        opening = OpenDataChannel(
            MESSAGE_SCHEMA_VERSION, str(uuid.uuid4()), token.reveal(), self._client_id, CLIENT_VERSION
        )
        return UnopenedChannel(await self._dialler.dial(self._url), encode_opening(opening))

    async def _open(self, unopened: UnopenedChannel) -> WebSocket:
        websocket = await unopened.open()
        websocket.prepare_next = self._standby.prepare
        self.opened_once = True
        self._opened_at = self._clock()
        return websocket


def _is_final(cause: Exception) -> bool:
    """Whether another attempt with the same URL would fail the same way."""
    if isinstance(cause, UpgradeRefused):
        return 400 <= cause.status < 500 and cause.status not in (408, 429)
    return isinstance(cause, CertificateRefused)
