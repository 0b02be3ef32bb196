"""Who may watch sessions live."""

import asyncio
import json
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ferryman.core.iam.operator import create_access_key, create_user
from ferryman.core.service import WatchingSettings
from ferryman.model.identity.callers import BuiltinRole
from ferryman.model.identity.credentials import Credentials
from ferryman.server.channels.watching import watcher
from ferryman.server.timeouts import Timeouts
from ferryman.wire import alis
from tests.server.running import Recorded, Server
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
def recorded(watching: WatchingSettings) -> Recorded:
    return lambda service: replace(service, settings=replace(service.settings, watching=watching))


async def user(server: Server, name: str, role: BuiltinRole | None = None) -> Credentials:
    await create_user(server.service, name, role)
    return await create_access_key(server.service, name)


async def iam(server: Server, operation: str, **parameters: Any) -> None:
    client = await asyncio.to_thread(server.client, "iam")
    await asyncio.to_thread(partial(getattr(client, operation), **parameters))


async def test_token_works_once_and_for_its_session_only(server: Server) -> None:
    paired, other = await server.paired(), await server.paired()
    grant = await call(server, "WatchSession", SessionId=paired.session_id)
    elsewhere = await open_stream(server, other.session_id, grant["TokenValue"])
    assert await Viewer(elsewhere).closed() == watcher.REFUSED
    grant = await call(server, "WatchSession", SessionId=paired.session_id)
    first = await open_stream(server, paired.session_id, grant["TokenValue"])
    assert (await first.receive()).data == alis.MAGIC
    second = await open_stream(server, paired.session_id, grant["TokenValue"])
    assert await Viewer(second).closed() == watcher.REFUSED


@pytest.mark.parametrize("token", ["", "x", "0" * 16 + "." + "0" * 32, "%C3%A4" * 16 + "." + "0" * 32, "." * 49])
async def test_token_that_was_never_issued_is_refused(server: Server, token: str) -> None:
    paired = await server.paired()
    stream = await open_stream(server, paired.session_id, token)
    assert await Viewer(stream).closed() == watcher.REFUSED


async def test_secret_of_a_token_cannot_be_guessed_by_trying(server: Server) -> None:
    paired = await server.paired()
    grant = await call(server, "WatchSession", SessionId=paired.session_id)
    ticket_id = grant["TokenValue"].partition(".")[0]
    for guess in range(3):
        stream = await open_stream(server, paired.session_id, f"{ticket_id}.{guess:032x}")
        assert await Viewer(stream).closed() == watcher.REFUSED
    stream = await open_stream(server, paired.session_id, grant["TokenValue"])
    assert await Viewer(stream).closed() == watcher.REFUSED


async def test_token_expires(server: Server) -> None:
    paired = await server.paired()
    grant = await call(server, "WatchSession", SessionId=paired.session_id)
    server.clock.advance(61)
    stream = await open_stream(server, paired.session_id, grant["TokenValue"])
    assert await Viewer(stream).closed() == watcher.REFUSED


async def test_permission_to_start_sessions_is_not_permission_to_watch(server: Server) -> None:
    paired = await server.paired()
    operator = await user(server, "olga", BuiltinRole.OPERATOR)
    for session_id in (paired.session_id, "root-0123456789abcdef0"):
        with pytest.raises(ClientError) as refused:
            await call(server, "WatchSession", operator, SessionId=session_id)
        assert refused.value.response["Error"]["Code"] == "AccessDeniedException"


async def test_policies_distinguish_node_tags_owners_and_documents(server: Server) -> None:
    paired, other = await server.paired(), await server.paired()
    await server.call(
        "add_tags_to_resource",
        ResourceType="ManagedInstance",
        ResourceId=paired.node.node_id,
        Tags=[{"Key": "team", "Value": "db"}],
    )
    viewer = await user(server, "vera")
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Action": "ferryman:WatchSession",
        "Resource": "*",
        "Condition": {
            "StringEquals": {
                "aws:ResourceTag/team": "db",
                "ferryman:DocumentName": "SSM-SessionManagerRunShell",
                "ferryman:Target": paired.node.node_id,
            },
            "ArnLike": {"ferryman:Owner": "arn:aws:iam::*:user/root"},
        },
    }
    await iam(
        server, "put_user_policy", UserName="vera", PolicyName="p", PolicyDocument=json.dumps({"Statement": statement})
    )
    assert (await watch(server, paired.session_id, viewer)).resets
    with pytest.raises(ClientError):
        await call(server, "WatchSession", viewer, SessionId=other.session_id)


async def test_watching_ends_when_permission_is_revoked(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher, "RENEWAL_SECONDS", 0.05)
    paired = await server.paired()
    allowed = await user(server, "vera")
    policy = {"Statement": {"Effect": "Allow", "Action": "ferryman:WatchSession", "Resource": "*"}}
    await iam(server, "put_user_policy", UserName="vera", PolicyName="p", PolicyDocument=json.dumps(policy))
    viewer = await watch(server, paired.session_id, allowed)
    await iam(server, "delete_user_policy", UserName="vera", PolicyName="p")
    assert await viewer.closed() == watcher.REFUSED


async def test_token_is_worth_nothing_once_its_key_is_gone(server: Server) -> None:
    paired = await server.paired()
    allowed = await user(server, "vera", BuiltinRole.ADMINISTRATOR)
    grant = await call(server, "WatchSession", allowed, SessionId=paired.session_id)
    await iam(server, "delete_access_key", UserName="vera", AccessKeyId=allowed.access_key_id)
    stream = await open_stream(server, paired.session_id, grant["TokenValue"])
    assert await Viewer(stream).closed() == watcher.REFUSED


async def test_operators_see_who_watches_their_own_sessions_only(server: Server) -> None:
    paired = await server.paired()
    olga = await user(server, "olga", BuiltinRole.OPERATOR)
    client = await asyncio.to_thread(server.client, "ssm", olga)
    own = await asyncio.to_thread(partial(client.start_session, Target=paired.node.node_id))
    assert (await call(server, "ListWatchers", olga, SessionId=own["SessionId"]))["Watchers"] == []
    with pytest.raises(ClientError, match="not authorized"):
        await call(server, "ListWatchers", olga, SessionId=paired.session_id)


@pytest.mark.parametrize("watching", [WatchingSettings(announce=False)])
async def test_only_who_may_watch_may_list_watchers_that_are_not_announced(server: Server) -> None:
    paired = await server.paired()
    vera = await user(server, "vera")
    policy = {"Statement": {"Effect": "Allow", "Action": "ferryman:ListWatchers", "Resource": "*"}}
    await iam(server, "put_user_policy", UserName="vera", PolicyName="p", PolicyDocument=json.dumps(policy))
    with pytest.raises(ClientError, match="WatchSession"):
        await call(server, "ListWatchers", vera, SessionId=paired.session_id)
