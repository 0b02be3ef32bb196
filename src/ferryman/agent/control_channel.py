"""The node's control channel: receives tasks and sends results while the agent runs (`protocol/agent.md` §3)."""

import asyncio
import os
import time
import uuid
from collections import deque
from collections.abc import Callable

from ferryman.agent.channels import open_control_channel
from ferryman.agent.identity.credentials import CredentialSource, is_credential_fault
from ferryman.agent.information import TARGET, full, ping
from ferryman.agent.logs import logger
from ferryman.agent.outbox import Outbox
from ferryman.agent.sessions import Sessions
from ferryman.agent.ssh_keys.keys import KeyRefused, SshKeys
from ferryman.channel.backoff import Attempts, Backoff
from ferryman.model.errors import ServiceError
from ferryman.transport.errors import ConnectionLost, Unreachable
from ferryman.transport.http import HttpClient
from ferryman.transport.websocket import WebSocket
from ferryman.wire.agent_message import AgentMessage, MalformedFrame, MessageType, PayloadType, decode, encode
from ferryman.wire.payloads import ChannelClosed, MalformedPayload, decode_payload, encode_payload
from ferryman.wire.ssh_keys import SshPublicKey, SshPublicKeyResult, fingerprint
from ferryman.wire.tasks import AgentTaskAcknowledge, InteractiveShell, decode_interactive_shell

RECONNECT = Backoff(initial=1.0, ratio=2.0, cap=45.0, jitter=1.0)
"""When a server restarts, all its nodes reconnect: delays are spread between zero and their full length. After any
outage every node is back within a minute."""
INFORMATION_SECONDS = 300.0
TIMES_UNKNOWN = 3
"""How many times in a row the server must say that it does not know the node: one wrong answer must not stop a
fleet."""
_UNKNOWN_NODE = "UnrecognizedClientException"
_LOG = logger("control")


class ControlChannel:
    """Keeps the node connected. `run` and `report` belong to one event loop."""

    def __init__(
        self,
        client: HttpClient,
        source: CredentialSource,
        outbox: Outbox,
        keys: SshKeys,
        on_connected: Callable[[], None],
        backoff: Backoff = RECONNECT,
        on_deregistered: Callable[[], None] = lambda: None,
    ) -> None:
        self._client = client
        self._source = source
        self._outbox = outbox
        self._keys = keys
        self._on_connected = on_connected
        self._on_deregistered = on_deregistered
        self._backoff = backoff
        self._news = asyncio.Event()
        self._answers: deque[bytes] = deque()

    def wake(self) -> None:
        """Have the outbox checked again."""
        self._news.set()

    async def run(self, sessions: Sessions) -> None:
        """Connect, serve and reconnect until cancelled, or until the server does not know the node."""
        attempts, unknown = Attempts(self._backoff, os.urandom), 0
        while True:
            try:
                websocket = await self._connect()
            except (Unreachable, ConnectionLost) as error:
                attempts.failed()
                _LOG.warning("cannot connect", reason=str(error), attempt=attempts.made)
            except ServiceError as error:
                attempts.failed()
                _LOG.error("refused by the server", code=error.code, reason=error.message, attempt=attempts.made)
                unknown = unknown + 1 if error.code == _UNKNOWN_NODE else 0
                if unknown == TIMES_UNKNOWN:
                    self._on_deregistered()
                    return
            else:
                unknown = 0
                connected_at = time.monotonic()
                lost = await self._serve(websocket, sessions)
                attempts.lost(time.monotonic() - connected_at)
                _LOG.warning("control channel lost", code=lost.code, reason=lost.reason)
            await asyncio.sleep(attempts.wait())

    async def keep_informed(self) -> None:
        """Send the server this node's information every five minutes."""
        registration = self._source.registration
        while True:
            await asyncio.sleep(INFORMATION_SECONDS)
            members = await asyncio.to_thread(full, registration.node_id, registration.endpoint, registration.name)
            try:
                await self._inform(members)
            except (Unreachable, ServiceError) as error:
                _LOG.warning("information not delivered", reason=str(error))

    async def _connect(self) -> WebSocket:
        registration = self._source.registration
        await self._inform(ping(registration.node_id))
        return await open_control_channel(self._client, self._source)

    async def _inform(self, members: dict[str, object]) -> None:
        try:
            await self._client.call(TARGET, members, await self._source.signer("ssm"))
        except ServiceError as error:
            if not is_credential_fault(error):
                raise
            await self._source.renew()
            await self._client.call(TARGET, members, await self._source.signer("ssm"))

    async def _serve(self, websocket: WebSocket, sessions: Sessions) -> ConnectionLost:
        """Serve one connection until it is lost."""
        _LOG.info("control channel open", node_id=self._source.registration.node_id)
        self._on_connected()
        self._outbox.connected()
        self._answers.clear()  # their senders already know that the connection was lost
        self._news.set()
        sender = asyncio.create_task(self._send_results(websocket))
        informer = asyncio.create_task(self._inform_fully())
        for task in (sender, informer):
            task.add_done_callback(_log_fault)
        starts: set[asyncio.Task[None]] = set()
        try:
            while True:
                data = await websocket.receive()
                self._on_frame(data.encode() if isinstance(data, str) else data, sessions, starts)
        except ConnectionLost as lost:
            return lost
        finally:
            sender.cancel()
            informer.cancel()
            await asyncio.wait({sender, informer, *starts})
            await websocket.close()

    async def _inform_fully(self) -> None:
        registration = self._source.registration
        members = await asyncio.to_thread(full, registration.node_id, registration.endpoint, registration.name)
        try:
            await self._inform(members)
        except (Unreachable, ServiceError) as error:
            _LOG.warning("information not delivered", reason=str(error))

    async def _send_results(self, websocket: WebSocket) -> None:
        while True:
            self._news.clear()
            try:
                while self._answers:
                    await websocket.send(self._answers.popleft())
                for frame in self._outbox.frames(time.monotonic(), time.time_ns() // 1_000_000):
                    await websocket.send(frame)
            except ConnectionLost:
                return  # the reader notices it too
            wait = self._outbox.next_due() - time.monotonic()
            timer = asyncio.get_running_loop().call_later(min(max(0.0, wait), 3600.0), self._news.set)
            try:
                await self._news.wait()
            finally:
                timer.cancel()

    def _on_frame(self, frame: bytes, sessions: Sessions, starts: set[asyncio.Task[None]]) -> None:
        try:
            message = decode(frame)
            match message.message_type:
                case MessageType.INTERACTIVE_SHELL:
                    self._start(message, sessions, starts)
                case MessageType.SSH_PUBLIC_KEY:
                    self._offer_key(decode_payload(message.payload, SshPublicKey), starts)
                case MessageType.CHANNEL_CLOSED:
                    sessions.end(decode_payload(message.payload, ChannelClosed).session_id)
                case MessageType.AGENT_TASK_ACKNOWLEDGE:
                    acknowledge = decode_payload(message.payload, AgentTaskAcknowledge)
                    session_id = self._outbox.acknowledged(acknowledge.message_id)
                    if session_id is not None:
                        sessions.confirm(session_id)
                case _:
                    _LOG.debug("message ignored", message_type=message.message_type)
        except (MalformedFrame, MalformedPayload) as error:
            _LOG.warning("frame rejected", reason=str(error))

    def _start(self, message: AgentMessage, sessions: Sessions, starts: set[asyncio.Task[None]]) -> None:
        """Start a session in a task of its own; report a failure if the session's task cannot be read."""
        try:
            content = decode_interactive_shell(message.payload)
        except MalformedPayload as error:
            task = decode_payload(message.payload, InteractiveShell)
            sessions.refuse(task.task_id, f"The node could not read the session's task: {error}")
            return
        start = asyncio.create_task(sessions.start(content))
        starts.add(start)
        start.add_done_callback(starts.discard)
        start.add_done_callback(_log_fault)

    def _offer_key(self, key: SshPublicKey, tasks: set[asyncio.Task[None]]) -> None:
        task = asyncio.create_task(self._answer_key(key))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        task.add_done_callback(_log_fault)

    async def _answer_key(self, key: SshPublicKey) -> None:
        """Offer a key to sshd and report the outcome."""
        try:
            await self._keys.offer(key)
        except KeyRefused as error:
            result = SshPublicKeyResult(key.key_id, str(error))
            _LOG.warning("SSH key refused", user=key.user, reason=str(error))
        else:
            result = SshPublicKeyResult(key.key_id)
            _LOG.info("SSH key accepted", user=key.user, fingerprint=fingerprint(key.public_key))
        self._answers.append(_frame(MessageType.SSH_PUBLIC_KEY_RESULT, encode_payload(result)))
        self._news.set()


def _frame(message_type: MessageType, payload: bytes) -> bytes:
    return encode(
        AgentMessage(
            message_type=message_type,
            sequence_number=0,
            flags=0,
            message_id=uuid.uuid4(),
            created_date=time.time_ns() // 1_000_000,
            payload_type=PayloadType.NONE,
            payload=payload,
        )
    )


def _log_fault(task: "asyncio.Task[None]") -> None:
    """Log what a task raised: nobody awaits its result."""
    if not task.cancelled() and (fault := task.exception()) is not None:
        _LOG.error("background task failed", exc_info=fault)
