"""A node's control channel: tasks out, results in (`protocol/agent.md` §3)."""

import asyncio
from collections.abc import Callable

import structlog
from aiohttp import WSCloseCode

from ferryman.core.messages import (
    DONE,
    CloseControlChannel,
    EndTask,
    NodeAnswer,
    OfferSshKey,
    Ping,
    Probe,
    SshKeyOffered,
    StartTask,
    TaskStarted,
    control_subject,
    decode_control,
    encode,
    ssh_key_subject,
)
from ferryman.core.nodes import actions as nodes
from ferryman.core.service import Service
from ferryman.core.sessions import lifecycle as session_lifecycle
from ferryman.model.identifiers import SESSION_ID_LIMIT, NodeId, SessionId
from ferryman.server.channels import frames
from ferryman.server.channels.relay.slot import RelaySlot
from ferryman.server.channels.remote.last_output import agent_left_elsewhere
from ferryman.server.channels.sockets.peer_socket import Violation
from ferryman.server.channels.sockets.websocket import Socket
from ferryman.server.channels.start_queue import StartQueue
from ferryman.server.timeouts import Timeouts
from ferryman.wire.agent_message import AgentMessage, MalformedFrame, MessageType, decode
from ferryman.wire.opening import OpenControlChannel
from ferryman.wire.payloads import MalformedPayload, decode_payload, encode_payload
from ferryman.wire.ssh_keys import REASON_LIMIT, SshPublicKey, SshPublicKeyResult
from ferryman.wire.tasks import AgentTaskAcknowledge, AgentTaskComplete, InteractiveShell

_IGNORED = frozenset(
    {
        MessageType.AGENT_TELEMETRY.value,
        MessageType.AGENT_UPDATE_RESULT.value,
        MessageType.AGENT_JOB_ACK.value,
        MessageType.AGENT_JOB_REPLY.value,
    }
)
KEYS_UNANSWERED = 64
"""How many SSH keys a node may leave unanswered before the oldest is forgotten."""
STATUS_LIMIT = 40
"""How many characters of a task's status, as the node names it, are logged."""
_UNMARKED_VERSION = "4.0.1.0"
"""The agent version of Ferryman's agents whose opening does not yet say that they are Ferryman's."""
DEREGISTERED = "the node was deregistered"
_log = structlog.get_logger("ferryman.server.channels.control_channel")


class NodeNotReading(Exception):
    """The node's control channel is open, but the node does not read it."""


class ControlChannel:
    """One node's open control channel.

    `slot_of` finds a session's relay slot on this server, so that its output is forwarded before its end is announced.
    `opened` is the agent's first frame; Ferryman's own agent, of any release, is ready for tasks immediately.
    """

    __slots__ = (
        "_offered_keys",
        "_opened",
        "_pings",
        "_refused",
        "_service",
        "_slot_of",
        "_timeouts",
        "node_id",
        "socket",
        "starts",
    )

    def __init__(
        self,
        service: Service,
        node_id: NodeId,
        socket: Socket,
        timeouts: Timeouts,
        slot_of: Callable[[SessionId], RelaySlot | None],
        opened: OpenControlChannel,
    ) -> None:
        first_at = asyncio.get_running_loop().time() + (0.0 if _is_ferrymans(opened) else timeouts.start)
        self.node_id = node_id
        self.socket = socket
        self.starts = StartQueue(socket.send, timeouts.start, first_at)
        self._service = service
        self._slot_of = slot_of
        self._opened = opened
        self._timeouts = timeouts
        self._pings: set[asyncio.Task[None]] = set()
        self._refused = 0
        self._offered_keys: dict[str, None] = {}

    async def run(
        self, entered: Callable[["ControlChannel"], None], superseded: Callable[["ControlChannel"], None]
    ) -> None:
        """Serve the node until it leaves or is disconnected.

        `entered` is called once tasks can reach it, `superseded` if another server has a newer one.
        """
        subscription = await self._service.bus.subscribe(
            control_subject(self.node_id), self._on_message, lambda: superseded(self)
        )
        sending = asyncio.create_task(self._resend_tasks())
        try:
            entered(self)
            # Only now that CloseControlChannel reaches it, so that a concurrent deregistration closes it, too.
            agent_version, platform_type = self._opened.agent_version, self._opened.platform_type
            if not await nodes.control_channel_opened(self._service, self.node_id, agent_version, platform_type):
                self.socket.leave(WSCloseCode.POLICY_VIOLATION, DEREGISTERED)
            await self.socket.carry(self._read)
            departure = self.socket.departure
            if departure is None or departure.code != WSCloseCode.GOING_AWAY:  # a stopping server has no time for it
                await nodes.control_channel_closed(self._service, self.node_id)
        finally:
            for task in (sending, *self._pings):
                task.cancel()
            await asyncio.wait({sending, *self._pings})
            self.starts.close()
            await subscription.close()
            departure, gone = self.socket.departure, self.socket.gone
            _log.info(
                "control channel closed",
                node_id=self.node_id,
                close_code=departure.code if departure else gone.code if gone else None,
                reason=departure.reason if departure else "",
                refused=self._refused,
            )

    async def _resend_tasks(self) -> None:
        try:
            await session_lifecycle.node_attached(self._service, self.node_id)
        except Exception:  # noqa: BLE001 boundary: the store failed; the sessions end by their deadlines
            _log.exception("tasks not sent again", node_id=self.node_id)

    async def _on_message(self, payload: bytes) -> bytes:
        request = decode_control(payload)
        match request:
            case StartTask():
                self._start(request)
            case TaskStarted(session_id):
                self.starts.started(SessionId(session_id))
            case EndTask():
                if not self.starts.cancel(request.session_id):
                    self._send(frames.channel_closed(self._service, request.session_id))
            case CloseControlChannel():
                self.socket.leave(WSCloseCode.POLICY_VIOLATION, DEREGISTERED)
            case Ping(answer_to):
                return self._ping(answer_to)
            case OfferSshKey():
                self._offer_key(request)
            case Probe():
                pass
        return DONE

    def _ping(self, answer_to: str) -> bytes:
        """Ping the node if it was silent. Not AWS's agents: the older ones do not answer (`protocol/agent.md` §0.1)."""
        silent = asyncio.get_running_loop().time() - self.socket.heard_at
        if not self.socket.own_end or silent < self._timeouts.quiet:
            return encode(NodeAnswer(None))
        task = asyncio.create_task(self._answer(answer_to, silent))
        self._pings.add(task)
        task.add_done_callback(self._pings.discard)
        return DONE

    async def _answer(self, answer_to: str, silent: float) -> None:
        answers = await self.socket.answers(self._timeouts.probe)
        answer = NodeAnswer(None if answers else round(silent + self._timeouts.probe))
        await self._service.bus.publish(answer_to, encode(answer))

    def _start(self, task: StartTask) -> None:
        if self.socket.behind:
            raise NodeNotReading(self.node_id)
        shell = InteractiveShell(content=task.content, task_id=task.session_id)
        frame = frames.message(self._service, MessageType.INTERACTIVE_SHELL, encode_payload(shell))
        if not self.starts.add(task.session_id, frame):
            raise NodeNotReading(self.node_id)

    def _offer_key(self, offer: OfferSshKey) -> None:
        if self.socket.behind:
            raise NodeNotReading(self.node_id)
        self._offered_keys[offer.key_id] = None
        if len(self._offered_keys) > KEYS_UNANSWERED:
            del self._offered_keys[next(iter(self._offered_keys))]
        payload = encode_payload(SshPublicKey(offer.key_id, offer.user, offer.public_key))
        self._send(frames.message(self._service, MessageType.SSH_PUBLIC_KEY, payload))

    async def _key_answered(self, result: SshPublicKeyResult) -> None:
        """Publish what the node says about a key, if the key was sent to it."""
        if result.key_id not in self._offered_keys:
            self._refused += 1
            return
        del self._offered_keys[result.key_id]
        message = encode(SshKeyOffered(result.error[:REASON_LIMIT]))
        await self._service.bus.publish(ssh_key_subject(result.key_id), message)

    def _send(self, frame: bytes) -> None:
        if self.socket.behind:
            # 64 KiB unread on a channel of small messages: this node will not read the next one either.
            self.socket.leave(WSCloseCode.POLICY_VIOLATION, "the node does not read its control channel")
            return
        self.socket.send(frame)

    async def _read(self) -> None:
        while True:
            frame = await self.socket.receive_frame()
            try:
                message = decode(frame)
                if message.message_type == MessageType.AGENT_TASK_COMPLETE:
                    await self._task_completed(message, decode_payload(message.payload, AgentTaskComplete))
                elif message.message_type == MessageType.SSH_PUBLIC_KEY_RESULT:
                    await self._key_answered(decode_payload(message.payload, SshPublicKeyResult))
                elif message.message_type not in _IGNORED:
                    self._refused += 1
            except (MalformedFrame, MalformedPayload) as error:
                self._refused += 1
                raise Violation(WSCloseCode.PROTOCOL_ERROR, str(error)) from error

    async def _task_completed(self, message: AgentMessage, result: AgentTaskComplete) -> None:
        session_id = SessionId(result.task_id)
        slot = self._slot_of(session_id)
        if slot is not None:
            await slot.agent_left()
        elif len(session_id) <= SESSION_ID_LIMIT:
            await agent_left_elsewhere(self._service.bus, session_id, self._timeouts.drain)
        try:
            await session_lifecycle.agent_task_completed(
                self._service, self.node_id, session_id, result.final_task_status, result.output
            )
        except Exception:  # noqa: BLE001 boundary: the store failed; the node sends its result again
            _log.exception("result not recorded", node_id=self.node_id, session_id=session_id[:SESSION_ID_LIMIT])
            return
        receipt = AgentTaskAcknowledge(message_id=str(message.message_id), task_id=result.task_id)
        self._send(frames.message(self._service, MessageType.AGENT_TASK_ACKNOWLEDGE, encode_payload(receipt)))
        session_id, status = SessionId(session_id[:SESSION_ID_LIMIT]), result.final_task_status[:STATUS_LIMIT]
        _log.info("task completed", node_id=self.node_id, session_id=session_id, status=status)


def _is_ferrymans(opened: OpenControlChannel) -> bool:
    return isinstance(opened.ferryman, int) or opened.agent_version == _UNMARKED_VERSION
