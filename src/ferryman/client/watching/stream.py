"""The events of a session that is watched, from the current screen to the session's end."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ferryman.client.calls.api import Api
from ferryman.client.calls.launch import InvalidStreamUrl, checked_stream_url
from ferryman.model.failures import Failure
from ferryman.model.values.versions import CLIENT_VERSION
from ferryman.transport.dialler import Dialler
from ferryman.transport.errors import ConnectionLost, Unreachable
from ferryman.transport.websocket import WebSocket
from ferryman.wire import alis

USER_AGENT = f"ferryman-watcher/{CLIENT_VERSION}"
HEARTBEAT_SECONDS = 15.0
RECONNECT_SECONDS = 60.0
"""The longest outage that is survived."""
RETRY_SECONDS = 1.0
_FINAL = range(4000, 4100)
"""Close codes after which there is nothing to reconnect to."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The session has ended; `reason` is a sentence, or empty."""

    reason: str


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection is lost and will be restored: a reset follows."""


WatchEvent = alis.Reset | alis.Event | Lost | Ended


async def watched(api: Api, session_id: str, grant: Mapping[str, Any]) -> AsyncIterator[WatchEvent]:
    """Yield the events of a session, the last of which is `Ended`; `grant` is the answer of WatchSession.

    Raises Failure if it cannot be watched, or no longer.
    """
    async with Dialler(user_agent=USER_AGENT, heartbeat=HEARTBEAT_SECONDS, ca_file=_ca_file(api)) as dialler:
        websocket = await _opened(dialler, grant)
        while True:
            reason = ""
            try:
                while True:
                    event = _event(await websocket.receive())
                    if isinstance(event, alis.Event) and event.kind == "m":
                        reason = event.text
                    if isinstance(event, alis.End):
                        await websocket.close()
                        yield Ended(reason)
                        return
                    if event is not None:
                        yield event
            except ConnectionLost as lost:
                await websocket.close()
                if lost.code in _FINAL:
                    raise Failure(f"{session_id} cannot be watched", lost.reason or "the server refused") from lost
            yield Lost()
            websocket = await _reopened(api, session_id, dialler)


def _ca_file(api: Api) -> Path | None:
    return Path(api.ca_file).expanduser() if api.ca_file else None


def _event(message: bytes | str) -> alis.Reset | alis.Event | alis.End | None:
    if isinstance(message, str) or message == alis.MAGIC:
        return None
    try:
        return alis.decode(message)
    except alis.MalformedEvent as error:
        raise Failure("The stream cannot be read", str(error), "Update this client, or the server") from error


async def _opened(dialler: Dialler, grant: Mapping[str, Any]) -> WebSocket:
    try:
        url = checked_stream_url(grant["StreamUrl"])
        return await dialler.dial(f"{url}?token={grant['TokenValue']}")
    except (Unreachable, InvalidStreamUrl) as error:
        raise Failure("The stream cannot be opened", str(error).partition("?token=")[0]) from error


async def _reopened(api: Api, session_id: str, dialler: Dialler) -> WebSocket:
    loop = asyncio.get_running_loop()
    until = loop.time() + RECONNECT_SECONDS
    while True:
        try:
            grant = await asyncio.to_thread(api.call, "WatchSession", SessionId=session_id)
            return await _opened(dialler, grant)
        except Failure as failure:
            if _is_final(failure) or loop.time() > until:
                raise
            await asyncio.sleep(RETRY_SECONDS)


def _is_final(failure: Failure) -> bool:
    """Whether the server has said that the session cannot be watched."""
    from ferryman.client.calls.api import Refused

    return isinstance(failure, Refused)
