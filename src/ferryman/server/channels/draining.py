"""Moves everything that is connected to other servers, before a server stops."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

import structlog
from aiohttp import WSCloseCode

from ferryman.model.identifiers import SessionId
from ferryman.server.channels.sockets.peer_socket import PeerSocket

STOPPING = "the server is stopping"
_STEPS = 100
_ASKING_SHARE = 0.8
"""The part of the time in which peers are asked to move; the rest is for the last ones to finish."""
_PREPARE_SECONDS = 3.0
"""How long a session's ends have to make another connection ready."""
_PREPARING, _PREPARING_SHARE = 8, 10
"""How many sessions prepare at a time: this many, or a tenth of all."""
_log = structlog.get_logger("ferryman.server.channels.draining")


@dataclass(frozen=True, slots=True)
class MovingSession:
    """A session that this server relays."""

    session_id: SessionId
    sockets: Callable[[], Sequence[PeerSocket]]
    """Returns the sockets of the ends that are connected at this moment."""
    hand_over: Callable[[], Coroutine[None, None, None]]
    """Leaves the session's status and its subject on the bus to the next server."""


async def move_away(sessions: Sequence[MovingSession], others: Sequence[PeerSocket], seconds: float) -> None:
    """Close all channels within `seconds`, evenly spread; their peers connect to other servers.

    The two ends of a session leave together; otherwise it would be interrupted twice. They leave
    when both have another connection ready. Only some sessions prepare that at a time: if all did, they would keep the
    other servers busy while those that have moved wait for them. Each gets a place in time, even if others never
    answer.
    """
    began = asyncio.get_running_loop().time()
    deadline = began + seconds
    count = max(_PREPARING, len(sessions) // _PREPARING_SHARE)
    places = _Places(count, _ASKING_SHARE * seconds * count / max(1, len(sessions)))
    async with asyncio.TaskGroup() as group:
        group.create_task(_leave_evenly(others, _ASKING_SHARE * seconds))
        for number, session in enumerate(sessions, 1):
            group.create_task(_move(session, deadline, places))
            await _sleep_until(began + _ASKING_SHARE * seconds * number / len(sessions))


async def _leave_evenly(sockets: Sequence[PeerSocket], seconds: float) -> None:
    began = asyncio.get_running_loop().time()
    for number, socket in enumerate(sockets, 1):
        if number % max(1, len(sockets) // _STEPS) == 0:
            await _sleep_until(began + seconds * number / len(sockets))
        _leave([socket])


async def _sleep_until(moment: float) -> None:
    """Sleep until a time of the event loop: pauses that each end late do not add up."""
    await asyncio.sleep(max(0.0, moment - asyncio.get_running_loop().time()))


class _Places:
    """The sessions that prepare at a time: `count`, not counting those that take longer than `seconds`."""

    def __init__(self, count: int, seconds: float) -> None:
        self._free = asyncio.Semaphore(count)
        self._seconds = seconds

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Wait for a place, and give it back afterwards or after `seconds`, whichever comes first."""
        await self._free.acquire()
        with ExitStack() as place:
            place.callback(self._free.release)
            place.callback(asyncio.get_running_loop().call_later(self._seconds, place.close).cancel)
            yield


async def _move(session: MovingSession, deadline: float, places: _Places) -> None:
    try:
        async with asyncio.timeout_at(deadline), places.one():
            async with asyncio.timeout(_PREPARE_SECONDS):
                await _prepared(session.sockets())
    except TimeoutError:
        _log.info("session moves unprepared", session_id=session.session_id)
    handing_over = asyncio.create_task(session.hand_over())
    await asyncio.sleep(0)  # it has begun; what it sends to the bus gets there before the ends get to the next server
    _leave(session.sockets())
    await handing_over


async def _prepared(sockets: Iterable[PeerSocket]) -> None:
    """Ask ends to make another connection ready, and wait until they have."""
    unprepared = set(sockets)
    all_prepared = asyncio.Event()

    def note(socket: PeerSocket) -> None:
        unprepared.discard(socket)
        if not unprepared:
            all_prepared.set()

    for socket in list(unprepared):
        socket.ask_to_move(partial(note, socket))
    while unprepared:
        await all_prepared.wait()


def _leave(sockets: Iterable[PeerSocket]) -> None:
    for socket in sockets:
        socket.leave(WSCloseCode.GOING_AWAY, STOPPING)
