"""Upgrades of `/v1/control-channel/{id}`, `/v1/data-channel/{id}`, `/v1/watch/{id}`: authenticate, authorise, run."""

import asyncio
import uuid
from collections import Counter
from collections.abc import Coroutine

import msgspec
import structlog
from aiohttp import WSCloseCode, web

from ferryman.awsapi.dispatch import ApiCall, ApiProtocol
from ferryman.core.audit.records import end_refused
from ferryman.core.authorization.admission import LapsedToken, SessionOver, SpentToken, admit_agent, admit_client
from ferryman.core.authorization.decisions import require
from ferryman.core.channel_tokens import Channel, check_channel_token
from ferryman.core.sessions.watching import admit_watcher
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import SESSION_ID_LIMIT, NodeId, SessionId
from ferryman.model.identity.callers import Caller, CallerKind
from ferryman.server.channels import frames
from ferryman.server.channels.control_channel import ControlChannel
from ferryman.server.channels.gateway import Gateway
from ferryman.server.channels.sockets.peer_socket import Violation
from ferryman.server.channels.sockets.websocket import Socket
from ferryman.server.channels.watching.watcher import REFUSED, Watcher
from ferryman.server.http.admission.authentication import Signer, authenticate_upgrade
from ferryman.server.http.admission.failed_attempts import counted_attempt
from ferryman.server.http.admission.own_origin import require_own_origin
from ferryman.server.http.admission.throttling import UPGRADE_SECONDS, authentication_turn, await_turn, whose_limits
from ferryman.server.http.app_keys import GATEWAY, THROTTLE
from ferryman.server.http.call_context import CONTEXT
from ferryman.server.http.call_records import claimed_key, record_refusal
from ferryman.server.http.spans import span_of_agent, span_of_opening
from ferryman.signing.errors import MissingAuthenticationToken, SignatureError
from ferryman.wire.alis import SUBPROTOCOL
from ferryman.wire.opening import (
    OpenAgentDataChannel,
    OpenDataChannel,
    decode_control_channel_opening,
    decode_data_channel_opening,
)
from ferryman.wire.payloads import MalformedPayload

EARLY_FRAMES = 64
"""Binary frames that may precede the opening: a client's resend timer does not wait for it (client.md §4.3)."""

WATCHER_FRAME_BYTES = 1024
"""Watchers send nothing but pings and pongs."""

_UNVERIFIED = frozenset({"UnrecognizedClientException", "ExpiredTokenException"})
"""Errors that also mean that a signature cannot be verified, because of its key or session token."""

_log = structlog.get_logger("ferryman.server.http.upgrades")


async def control_channel(request: web.Request) -> web.StreamResponse:
    """Serve a node's control channel; the upgrade must be signed by the node that the path names."""
    gateway = request.app[GATEWAY]
    request[CONTEXT].call = ApiCall("ssmmessages", "CreateControlChannel", ApiProtocol.CHANNEL)
    require_own_origin(request, gateway.service.settings, may_lack=True)
    signer = await _signer(gateway, request)
    if signer is None:
        raise MissingAuthenticationToken
    await _await_turn(request, signer, "OpenControlChannel")
    settings = gateway.service.settings
    node_id, caller = NodeId(request.match_info["id"]), signer.caller
    try:
        require(gateway.service, caller, "ssmmessages:OpenControlChannel", gateway.service.arns.node(node_id))
    except ServiceError:
        request.app[THROTTLE].denied(_counted_as(signer), gateway.service.clock())
        raise
    gateway.contention.check(node_id, gateway.service.clock())
    socket = await Socket.upgrade(request, settings.limits.frame_bytes, gateway.timeouts, gateway.turns)
    return await _run_channel(gateway, socket, _serve_node(gateway, caller, node_id, socket))


async def data_channel(request: web.Request) -> web.StreamResponse:
    """Serve one end of a session: the agent's by signature and channel token, the client's by its session token."""
    gateway = request.app[GATEWAY]
    request[CONTEXT].call = ApiCall("ssmmessages", "CreateDataChannel", ApiProtocol.CHANNEL)
    require_own_origin(request, gateway.service.settings, may_lack=True)
    signer = await _signer_of_data_channel(gateway, request)
    if signer is not None:
        await _await_turn(request, signer, "OpenDataChannel")
    session_id = SessionId(request.match_info["id"][: SESSION_ID_LIMIT + 1])  # a longer one does not exist either
    socket = await Socket.upgrade(request, gateway.service.settings.limits.frame_bytes, gateway.timeouts, gateway.turns)
    socket.own_end |= "Origin" in request.headers  # a page of the console: it answers pings, and shows notices
    if signer is not None and signer.caller.kind is CallerKind.NODE:
        return await _run_channel(gateway, socket, _serve_agent(request, gateway, signer.caller, session_id, socket))
    return await _run_channel(gateway, socket, _serve_client(request, gateway, session_id, socket))


async def watch_channel(request: web.Request) -> web.StreamResponse:
    """Serve one who watches a session, admitted by the token of WatchSession in the query."""
    gateway = request.app[GATEWAY]
    request[CONTEXT].call = ApiCall("ferryman", "WatchSession", ApiProtocol.CHANNEL)
    require_own_origin(request, gateway.service.settings, may_lack=True)
    session_id = SessionId(request.match_info["id"][: SESSION_ID_LIMIT + 1])
    socket = await Socket.upgrade(request, WATCHER_FRAME_BYTES, gateway.timeouts, gateway.turns, [SUBPROTOCOL])
    socket.own_end = True  # browsers answer pings, too: who is gone must not count as an observer for long
    return await _run_channel(gateway, socket, _serve_watcher(request, gateway, session_id, socket))


async def _signer(gateway: Gateway, request: web.Request) -> Signer | None:
    """Return who signed an upgrade; None if it is unsigned. Raises as `authenticate_upgrade`."""
    key = claimed_key(request)
    async with authentication_turn(request, key):
        with counted_attempt(request, key) as attempt:
            signer = await authenticate_upgrade(gateway.service, request)
            attempt.holder = "" if signer is None else signer.holder
            return signer


async def _await_turn(request: web.Request, signer: Signer, operation: str) -> None:
    await await_turn(request, _counted_as(signer), operation, signer.caller.kind, UPGRADE_SECONDS)


def _counted_as(signer: Signer) -> str:
    return whose_limits(signer.caller.node_id or signer.caller.person_id, presigned=signer.presigned)


async def _signer_of_data_channel(gateway: Gateway, request: web.Request) -> Signer | None:
    """Return who signed the upgrade; None if it is unsigned or the signature cannot be verified.

    A client is admitted by its session token, and clients send anything in Authorization. AWS's plugin hangs if the
    upgrade is refused. A wrong signature still counts as a failed attempt and is recorded.
    """
    try:
        return await _signer(gateway, request)
    except ServiceError as error:
        if not isinstance(error, SignatureError) and error.code not in _UNVERIFIED:
            raise
        _log.info("upgrade signature ignored", error=error.code, peer=request.remote)
        if claimed_key(request) is not None:
            record_refusal(request, error)
        return None


async def _run_channel(gateway: Gateway, socket: Socket, serving: Coroutine[None, None, None]) -> web.StreamResponse:
    gateway.add_socket(socket)
    try:
        try:
            await serving
        except Exception:  # noqa: BLE001 boundary: the upgrade was answered, so a server error becomes a close code
            _log.exception("channel failed")
            socket.leave(WSCloseCode.INTERNAL_ERROR, "the server failed")
        await socket.close()
    finally:
        gateway.remove_socket(socket)
    return socket.response


async def _serve_node(gateway: Gateway, caller: Caller, node_id: NodeId, socket: Socket) -> None:
    channel = await _admit_node(gateway, caller, node_id, socket)
    if channel is None:
        return
    try:
        await channel.run(gateway.add_control_channel, gateway.supersede_control_channel)
    finally:
        gateway.remove_control_channel(channel)


async def _admit_node(gateway: Gateway, caller: Caller, node_id: NodeId, socket: Socket) -> ControlChannel | None:
    opening = await _opening(gateway, socket)
    if opening is None:
        return None
    try:
        opened = decode_control_channel_opening(opening)
        check_channel_token(gateway.service, caller, Channel.CONTROL, node_id, opened.token_value)
    except (MalformedPayload, ServiceError) as error:
        _refuse(socket, error, node_id=node_id)
        return None
    _log.info("control channel open", node_id=node_id, agent_version=opened.agent_version[:40])
    return ControlChannel(gateway.service, node_id, socket, gateway.timeouts, gateway.slot_of, opened)


async def _serve_agent(
    request: web.Request, gateway: Gateway, caller: Caller, session_id: SessionId, socket: Socket
) -> None:
    opening = await _opening(gateway, socket)
    if opening is None:
        return
    try:
        opened = decode_data_channel_opening(opening)
        if not isinstance(opened, OpenAgentDataChannel) or opened.client_instance_id != caller.node_id:
            raise MalformedPayload("ClientInstanceId is not the node that signed the upgrade")
        check_channel_token(gateway.service, caller, Channel.DATA, session_id, opened.token_value)
        authorized = await admit_agent(gateway.service, caller, session_id)
    except SessionOver:
        socket.leave(WSCloseCode.OK, "the session has ended", frames.channel_closed(gateway.service, session_id))
        return
    except (MalformedPayload, ServiceError) as error:
        end_refused(gateway.service, session_id, "agent", request.remote, error, caller.node_id)
        _refuse(socket, error, session_id=session_id, node_id=caller.node_id)
        return
    with span_of_agent(gateway.service, authorized.session):
        await gateway.session_started(NodeId(authorized.caller_id), session_id)
    await gateway.serve_end(authorized, socket, ferryman=opened.ferryman == 1)


async def _serve_client(request: web.Request, gateway: Gateway, session_id: SessionId, socket: Socket) -> None:
    opening = await _opening(gateway, socket)
    if opening is None:
        return
    try:
        opened = decode_data_channel_opening(opening)
        if not isinstance(opened, OpenDataChannel):
            raise MalformedPayload("an agent's upgrade must be signed with the node's credentials")
        client_id = opened.client_id or str(uuid.UUID(bytes=gateway.service.entropy(16), version=4))
        with counted_attempt(request, session_id) as attempt:
            authorized = await admit_client(gateway.service, session_id, opened.token_value, client_id)
            attempt.holder = authorized.caller_id
    except (MalformedPayload, ServiceError) as error:
        output = error.message if isinstance(error, ServiceError) else "The opening of the data channel is not valid."
        end_refused(gateway.service, session_id, "client", request.remote, error)
        # After `channel_closed` a client gives up. If its token was replaced by a later ResumeSession, or expired while
        # the server stood still, it only gets a close frame, so that it resumes again.
        last = None
        if not isinstance(error, SpentToken | LapsedToken):
            last = frames.channel_closed(gateway.service, session_id, output)
        _refuse(socket, error, last, session_id=session_id)
        return
    socket.recognised(authorized.caller_id)  # a client is authenticated by its token, after the upgrade
    # Clients that do not send their version, such as AWS's before 1.2.677, expect shells as AWS's agent starts them.
    named = opened.client_version is not msgspec.UNSET
    with span_of_opening(gateway.service, authorized.session, socket):
        await gateway.serve_end(authorized, socket, handshake=named)


async def _serve_watcher(request: web.Request, gateway: Gateway, session_id: SessionId, socket: Socket) -> None:
    try:
        with counted_attempt(request, session_id) as attempt:
            authorized = await admit_watcher(gateway.service, session_id, request.query.get("token", ""))
            attempt.holder = authorized.caller.person_id
    except ServiceError as error:
        end_refused(gateway.service, session_id, "watcher", request.remote, error)
        _log.info("watcher refused", session_id=session_id, error=error.code)
        socket.leave(REFUSED, error.code)
        return
    person_id = authorized.caller.person_id
    socket.recognised(person_id)
    if gateway.watched_by[person_id] >= gateway.service.settings.watching.sessions_per_person:
        socket.leave(REFUSED, "you watch too many sessions at once")
        return
    gateway.watched_by[person_id] += 1
    try:
        await Watcher(gateway.service, authorized, socket).run()
    finally:
        gateway.watched_by -= Counter([person_id])


async def _opening(gateway: Gateway, socket: Socket) -> str | None:
    """Return the first text frame; None if the channel ended, or was closed, before it arrived."""
    received: list[str] = []

    async def receive() -> None:
        for _ in range(EARLY_FRAMES):
            message = await socket.receive()
            if isinstance(message, str):
                received.append(message)
                return
        raise Violation(WSCloseCode.POLICY_VIOLATION, "the opening text frame did not come first")

    try:
        async with asyncio.timeout(gateway.timeouts.opening):
            await socket.carry(receive)
    except TimeoutError:
        socket.leave(WSCloseCode.POLICY_VIOLATION, "no opening text frame in time")
    if not received:
        _log.info("channel not opened", close_code=socket.departure.code if socket.departure else None)
        return None
    return received[0]


def _refuse(socket: Socket, error: Exception, last: bytes | None = None, **who: str | None) -> None:
    _log.info("channel refused", error=str(error), **who)
    reason = error.code if isinstance(error, ServiceError) else "the opening is not valid"
    socket.leave(WSCloseCode.POLICY_VIOLATION, reason, last)
