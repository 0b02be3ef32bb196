"""Both servers of a carried end notice that the other has forgotten it, and remember none that has left."""

import asyncio
from types import SimpleNamespace
from typing import cast

import pytest
from aiohttp import WSCloseCode

from ferryman.bus.memory import MemoryBus
from ferryman.core.authorization.admission import AuthorizedSession
from ferryman.core.messages import JoinRelay, RelayRenewed, RenewRelay, decode_relay_renewed, encode, session_subject
from ferryman.core.service import Service
from ferryman.model.identifiers import SessionId
from ferryman.server.channels.remote import carrier, remote_ends
from ferryman.server.channels.remote.carrier import MOVED, Carrier
from ferryman.server.channels.remote.remote_ends import RemoteEnds
from ferryman.server.channels.remote.remote_socket import RemoteSocket
from ferryman.server.channels.sockets.peer_socket import PeerSocket
from tests.waiting import PATIENCE

SESSION = SessionId("alice-0")
JOIN = JoinRelay("link", "client", "caller", "client-id", None, own_end=True, ferryman=True, handshake=True)


@pytest.mark.parametrize(("fails", "joins"), [(False, 1), (True, 1), (False, 2)])
async def test_end_that_has_left_is_forgotten(monkeypatch: pytest.MonkeyPatch, fails: bool, joins: int) -> None:
    gate = asyncio.Event()

    async def admit(*_: object) -> AuthorizedSession:
        return cast(AuthorizedSession, None if fails else object())

    async def serve(_authorized: AuthorizedSession, _socket: RemoteSocket, _request: JoinRelay) -> None:
        await gate.wait()

    monkeypatch.setattr(remote_ends, "admit_from_server", admit)
    bus = MemoryBus()
    ends = RemoteEnds(cast(Service, SimpleNamespace(bus=bus)), 0.01)
    for _ in range(joins):
        await ends.join(SESSION, JOIN, serve)
    assert decode_relay_renewed(ends.renew(RenewRelay("link"))).known
    assert not decode_relay_renewed(ends.renew(RenewRelay("another"))).known
    gate.set()
    await asyncio.wait_for(asyncio.gather(*ends._tasks), PATIENCE)
    assert not decode_relay_renewed(ends.renew(RenewRelay("link"))).known
    await bus.close()


async def test_end_that_its_relay_has_forgotten_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrier, "RENEW_SECONDS", 0.001)
    bus, left, asked = MemoryBus(), [], 0

    async def relay(_: bytes) -> bytes:
        nonlocal asked
        asked += 1
        return encode(RelayRenewed(known=asked < 3))

    await bus.subscribe(session_subject(SESSION), relay)
    socket = SimpleNamespace(leave=lambda *said: left.append(said))
    await asyncio.wait_for(Carrier(bus, SESSION, cast(PeerSocket, socket))._renew(), PATIENCE)
    assert (asked, left) == (3, [(WSCloseCode.GOING_AWAY, MOVED)])
    await bus.close()
