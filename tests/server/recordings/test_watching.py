"""Watching sessions live: what watchers are shown."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ferryman.core.audit.watch_records import WATCH_CHANGE
from ferryman.core.iam.operator import create_access_key, create_user
from ferryman.core.ports.audit import Entry, NoTrail
from ferryman.core.service import WatchingSettings
from ferryman.model.identity.callers import BuiltinRole
from ferryman.model.identity.credentials import Credentials
from ferryman.model.sessions import SessionStatus
from ferryman.server.channels.watching import announcements, watched_session, watcher
from ferryman.server.channels.watching import limits as watching_limits
from ferryman.server.channels.watching.announcements import UNANNOUNCED
from ferryman.server.timeouts import Timeouts
from ferryman.wire.agent_message import MessageType
from ferryman.wire.payloads import Notice, decode_payload
from tests.server.peers import Peer, output, task_complete, typed, window_size
from tests.server.running import Paired, Recorded, Server, until
from tests.server.watchers import Viewer, call, open_stream, watch


@pytest.fixture
def timeouts() -> Timeouts:
    """Viewers that a test does not read answer no pings; they are not to be disconnected for that."""
    return Timeouts(own_ping=60.0, own_silence=600.0)


@pytest.fixture
def watching() -> WatchingSettings:
    """How sessions may be watched; tests override it."""
    return WatchingSettings()


@pytest.fixture
def entries() -> list[Entry]:
    """What the audit trail got."""
    return []


@pytest.fixture
def recorded(watching: WatchingSettings, entries: list[Entry]) -> Recorded:
    class Trail(NoTrail):
        def note(self, entry: Entry) -> None:
            entries.append(entry)

    return lambda service: replace(service, trail=Trail(), settings=replace(service.settings, watching=watching))


async def show(paired: Paired, *numbered: tuple[int, bytes]) -> None:
    """Let the node send output; return when the client has it."""
    for number, data in numbered:
        await paired.agent.send(output(number, data))
        await paired.client.frame()


async def user(server: Server, name: str, role: BuiltinRole | None = None) -> Credentials:
    await create_user(server.service, name, role)
    return await create_access_key(server.service, name)


async def test_watcher_gets_the_screen_and_everything_that_follows(server: Server) -> None:
    paired = await server.paired()
    await show(paired, (0, b"one "), (1, b"two "))
    viewer = await watch(server, paired.session_id)
    assert viewer.shown == "one two "
    await show(paired, (2, b"three "), (3, b"four"))
    await viewer.until_shown("three four")
    assert viewer.shown == "one two three four"
    assert len(viewer.resets) == 1


async def test_output_that_is_sent_again_or_out_of_order_is_shown_once_in_order(server: Server) -> None:
    paired = await server.paired()
    await show(paired, (0, b"0"), (1, b"1"), (0, b"0"), (3, b"3"), (2, b"2"))
    viewer = await watch(server, paired.session_id)
    await show(paired, (5, b"5"), (3, b"3"), (4, b"4"), (5, b"5"), (6, b"6"))
    await viewer.until_shown("6")
    assert viewer.shown == "0123456"


async def test_watchers_who_join_while_output_flows_miss_and_repeat_nothing(server: Server) -> None:
    paired = await server.paired()
    sent: list[str] = []
    joined = asyncio.Event()

    async def read() -> None:
        while True:
            await paired.client.frame()

    async def send_next() -> None:
        sent.append(f"{len(sent)},")
        await paired.agent.send(output(len(sent) - 1, sent[-1].encode()))
        await asyncio.sleep(0.002)

    async def send() -> None:
        while not joined.is_set():
            await send_next()
        for _ in range(100):
            await send_next()

    reading, sending = asyncio.create_task(read()), asyncio.create_task(send())
    viewers = [await watch(server, paired.session_id) for _ in range(watching_limits.WATCHES_PER_PERSON)]
    joined.set()
    await sending
    for viewer in viewers:
        await viewer.until_shown(sent[-1])
        assert viewer.shown == "".join(sent)
    reading.cancel()
    await asyncio.wait({reading})


async def test_character_cut_in_two_by_frames_is_shown_whole(server: Server) -> None:
    paired = await server.paired()
    data = "ä€".encode()
    await show(paired, (0, data[:1]))
    viewer = await watch(server, paired.session_id)
    await show(paired, (1, data[1:4]), (2, data[4:] + b"!"))
    await viewer.until_shown("!")
    assert viewer.shown == "ä€!"


async def test_size_of_the_terminal_is_known_at_first_and_when_it_changes(server: Server) -> None:
    paired = await server.paired()

    async def resize(number: int, size: str) -> None:
        columns, rows = map(int, size.split("x"))
        await paired.client.send(window_size(number, columns, rows))
        await paired.agent.frame()

    await resize(0, "132x50")
    viewer = await watch(server, paired.session_id)
    assert (viewer.resets[0].columns, viewer.resets[0].rows) == (132, 50)
    await resize(1, "90x30")
    while not viewer.others:
        await viewer.event()
    assert viewer.others[0].text == "90x30"


async def test_what_is_typed_is_not_shown(server: Server) -> None:
    paired = await server.paired()
    viewer = await watch(server, paired.session_id)
    await paired.client.send(typed(0, b"secret"))
    await paired.agent.frame()
    await show(paired, (0, b"$ "))
    await viewer.until_shown("$ ")
    assert viewer.shown == "$ "


async def test_watcher_learns_how_the_session_ended(server: Server) -> None:
    paired = await server.paired()
    viewer = await watch(server, paired.session_id)
    await server.call("terminate_session", SessionId=paired.session_id)
    assert await viewer.closed() == watcher.ENDED
    assert viewer.ended
    assert any(mark.startswith("Terminated by arn:") for mark in viewer.marks)


async def test_session_that_ends_by_itself_ends_the_stream(server: Server) -> None:
    paired = await server.paired()
    viewer = await watch(server, paired.session_id)
    await paired.control.send(task_complete(paired.session_id))
    assert await viewer.closed() == watcher.ENDED


async def test_watching_survives_the_loss_of_both_ends(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher, "REJOIN_SECONDS", 0.01)
    paired = await server.paired()
    viewer = await watch(server, paired.session_id)
    await show(paired, (0, b"before"))
    await viewer.until_shown("before")
    paired.client.cut()
    paired.agent.cut()
    await server.until_status(paired.session_id, SessionStatus.DISCONNECTED)
    ticket = await server.call("resume_session", SessionId=paired.session_id)
    client = await server.open_client(ticket, paired.client_id)
    agent = await paired.node.data(paired.session_id)
    await agent.until(MessageType.START_PUBLICATION)
    await server.until_status(paired.session_id, SessionStatus.CONNECTED)
    while len(viewer.resets) < 2:
        await viewer.event()
    await agent.send(output(1, b" and after"))
    await client.frame()
    await viewer.until_shown(" and after")


async def test_slow_watcher_delays_nobody_and_gets_the_screen_again(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "MOST_QUEUED", 64 * 1024)
    paired = await server.paired()
    viewer = await watch(server, paired.session_id)
    piece = b"x" * 32_000
    for number in range(400):  # 12.8 MB, more than every buffer on the way to the watcher
        await show(paired, (number, piece))
    await show(paired, (400, b"the end"))
    await viewer.until_shown("the end")
    assert len(viewer.resets) > 1
    await viewer.until_marked(watcher.BEHIND)


async def test_port_sessions_and_ended_ones_cannot_be_watched(server: Server) -> None:
    node = await server.register()
    await node.control()
    parameters = {"portNumber": ["80"]}
    port = await server.call(
        "start_session",
        Target=node.node_id,
        DocumentName="AWS-StartPortForwardingSession",
        Parameters=parameters,
    )
    with pytest.raises(ClientError, match="nothing to watch"):
        await call(server, "WatchSession", SessionId=port["SessionId"])
    paired = await server.paired()
    await paired.control.send(task_complete(paired.session_id))
    await server.until_status(paired.session_id, SessionStatus.TERMINATED)
    with pytest.raises(ClientError, match="has ended"):
        await call(server, "WatchSession", SessionId=paired.session_id)


async def test_watchers_of_a_session_and_of_a_person_are_bounded(server: Server) -> None:
    paired = await server.paired()
    viewers = [await watch(server, paired.session_id) for _ in range(watching_limits.WATCHES_PER_PERSON)]
    grant = await call(server, "WatchSession", SessionId=paired.session_id)
    stream = await open_stream(server, paired.session_id, grant["TokenValue"])
    assert await Viewer(stream).closed() == watcher.REFUSED
    await viewers[0].websocket.close()

    async def listed() -> int:
        return len((await call(server, "ListWatchers", SessionId=paired.session_id))["Watchers"])

    await until(listed, lambda count: count == watching_limits.WATCHES_PER_PERSON - 1)
    assert (await watch(server, paired.session_id)).resets


async def test_watchers_are_listed_with_address_and_time(server: Server) -> None:
    paired = await server.paired()
    assert (await call(server, "ListWatchers", SessionId=paired.session_id))["Watchers"] == []
    await watch(server, paired.session_id)
    (listed,) = (await call(server, "ListWatchers", SessionId=paired.session_id))["Watchers"]
    assert listed["Arn"].endswith(":user/root")
    assert listed["SourceIp"] == "127.0.0.1"


async def test_watcher_that_sends_something_is_disconnected(server: Server) -> None:
    paired = await server.paired()
    viewer = await watch(server, paired.session_id)
    await viewer.websocket.send_bytes(b"ls\n")
    assert await viewer.closed() == 1008
    await show(paired, (0, b"untouched"))


async def test_player_that_asks_for_alis_gets_it_named(server: Server) -> None:
    paired = await server.paired()
    grant = await call(server, "WatchSession", SessionId=paired.session_id)
    asked = ["v1.alis", "v2.asciicast", "v3.asciicast", "raw"]
    stream = await open_stream(server, paired.session_id, grant["TokenValue"], protocols=asked)
    assert stream.protocol == "v1.alis"


async def test_watcher_whose_server_is_gone_is_forgotten(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watched_session, "_FORGOTTEN_SECONDS", 0.0)
    monkeypatch.setattr(watched_session, "TICK_SECONDS", 0.01)
    paired = await server.paired()
    await watch(server, paired.session_id)

    async def listed() -> list[Any]:
        return list((await call(server, "ListWatchers", SessionId=paired.session_id))["Watchers"])

    assert await until(listed, lambda found: not found) == []


async def test_session_is_watched_after_the_server_restarted(server: Server) -> None:
    """The numbers of its frames do not begin at 0, as after a restart of the server."""
    paired = await server.paired()
    paired.client.cut()
    paired.agent.cut()
    await server.until_status(paired.session_id, SessionStatus.DISCONNECTED)
    ticket = await server.call("resume_session", SessionId=paired.session_id)
    client: Peer = await server.open_client(ticket, paired.client_id)
    agent = await paired.node.data(paired.session_id)
    await agent.until(MessageType.START_PUBLICATION)
    viewer = await watch(server, paired.session_id)
    await agent.send(output(5000, b"later"))
    await client.frame()
    await viewer.until_shown("later")
    assert watcher.INCOMPLETE in viewer.marks


async def noticed(peer: Peer) -> str:
    return decode_payload((await peer.until(MessageType.NOTICE)).payload, Notice).text


async def test_person_is_notified_when_watching_begins_and_ends(server: Server) -> None:
    paired = await server.paired(own_client=True)
    viewer = await watch(server, paired.session_id)
    assert await noticed(paired.client) == "user/root now watches this session."
    await viewer.websocket.close()
    assert await noticed(paired.client) == "user/root no longer watches this session."


@pytest.mark.parametrize("limit", ["NOTICES_PER_PERSON", "NOTICES_PER_SESSION"])
async def test_person_gets_a_summary_instead_of_too_many_notices(
    server: Server, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(announcements, limit, (2, 0.0))
    monkeypatch.setattr(announcements, "SUMMARY_SECONDS", 0.01)
    paired = await server.paired(own_client=True)
    viewer = await watch(server, paired.session_id)
    assert await noticed(paired.client) == "user/root now watches this session."
    await viewer.websocket.close()
    assert await noticed(paired.client) == "user/root no longer watches this session."
    viewer = await watch(server, paired.session_id)
    assert await noticed(paired.client) == "user/root started or stopped watching; now user/root watches this session."
    await viewer.websocket.close()
    assert await noticed(paired.client) == "user/root started or stopped watching; now nobody watches this session."


async def test_too_many_notices_about_one_person_leave_out_nobody_else(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announcements, "NOTICES_PER_PERSON", (1, 0.0))
    monkeypatch.setattr(announcements, "SUMMARY_SECONDS", 3600.0)
    olivia = await user(server, "olivia", BuiltinRole.ADMINISTRATOR)
    paired = await server.paired(own_client=True)
    viewer = await watch(server, paired.session_id)
    assert await noticed(paired.client) == "user/root now watches this session."
    await viewer.websocket.close()

    async def watchers() -> list[Any]:
        return list((await call(server, "ListWatchers", SessionId=paired.session_id))["Watchers"])

    await until(watchers, lambda found: not found)
    await watch(server, paired.session_id, olivia)
    assert await noticed(paired.client) == "user/olivia now watches this session."


async def test_client_that_comes_back_is_told_who_watches(server: Server) -> None:
    paired = await server.paired(own_client=True)
    await watch(server, paired.session_id)
    await noticed(paired.client)
    ticket = await server.call("resume_session", SessionId=paired.session_id)
    client = await server.open_client(ticket, paired.client_id, own_end=True)
    assert await noticed(client) == "This session is watched by user/root."


async def test_awss_client_gets_no_message_that_it_does_not_know_and_the_watcher_is_told(server: Server) -> None:
    paired = await server.paired()
    viewer = await watch(server, paired.session_id)
    await viewer.until_marked(UNANNOUNCED)
    await paired.agent.send(output(0, b"first"))
    assert (await paired.client.message()).message_type == MessageType.OUTPUT_STREAM_DATA


@pytest.mark.parametrize("watching", [WatchingSettings(announce=False)])
async def test_person_is_not_notified_if_the_configuration_says_so(server: Server) -> None:
    paired = await server.paired(own_client=True)
    grant = await call(server, "WatchSession", SessionId=paired.session_id)
    assert grant["Announced"] is False
    await watch(server, paired.session_id)
    await paired.agent.send(output(0, b"first"))
    assert (await paired.client.message()).message_type == MessageType.OUTPUT_STREAM_DATA


@pytest.mark.parametrize("watching", [WatchingSettings(enabled=False)])
async def test_nobody_watches_where_watching_is_switched_off(server: Server) -> None:
    paired = await server.paired()
    await show(paired, (0, b"x"))
    with pytest.raises(ClientError, match=r"watching\.enabled"):
        await call(server, "WatchSession", SessionId=paired.session_id)


@pytest.mark.parametrize("watching", [WatchingSettings(sessions_per_person=1)])
async def test_one_person_watches_a_bounded_number_of_sessions(server: Server) -> None:
    first, second = await server.paired(), await server.paired()
    await watch(server, first.session_id)
    grant = await call(server, "WatchSession", SessionId=second.session_id)
    stream = await open_stream(server, second.session_id, grant["TokenValue"])
    assert await Viewer(stream).closed() == watcher.REFUSED


async def test_beginning_and_end_of_watching_are_in_the_audit_trail(server: Server, entries: list[Entry]) -> None:
    paired = await server.paired()
    viewer = await watch(server, paired.session_id)
    await viewer.websocket.close()

    async def changes() -> list[Any]:
        return [entry["detail"] for entry in entries if entry.get("detail-type") == WATCH_CHANGE]

    began, ended = await until(changes, lambda found: len(found) == 2)
    assert (began["state"], ended["state"]) == ("Began", "Ended")
    assert began["sessionId"] == paired.session_id
    assert began["watcher"].endswith(":user/root")
    assert began["sourceIPAddress"] == "127.0.0.1"
