"""Sessions on a terminal: the account's shell, or a command that talks to its user (`protocol/agent.md` §5.2, §5.3)."""

import asyncio

from ferryman.agent.logs import logger
from ferryman.agent.process.launcher import DEFAULT_COLUMNS, DEFAULT_ROWS, Child
from ferryman.agent.process.process import Process, exit_code_payload
from ferryman.agent.records import FAILED, SUCCESS, SessionResult, new_result
from ferryman.agent.session.session_handler import Client
from ferryman.channel.events import ClientReady, InputReceived
from ferryman.wire.agent_message import PayloadType
from ferryman.wire.payloads import MalformedPayload, Size, decode_payload

SIZE_SECONDS = 0.25
"""How long the program waits for the client's first message, usually its window size, after the handshake."""
LARGEST_TERMINAL = 0xFFFF
_TYPED_FIRST = -1
_LOG = logger("shell")


class TerminalSession:
    """Runs a program prepared on a terminal; `typed_first` is entered as if typed, before the client's input."""

    def __init__(self, client: Client, child: Child, typed_first: bytes = b"") -> None:
        self._client = client
        self._typed_first = typed_first
        self._process = Process(child, client.capacity, self._send, self._consumed)
        self._loop = asyncio.get_running_loop()
        self._starting: asyncio.TimerHandle | None = None
        self._tells_code = False
        self._terminal_type = ""

    def on_client_ready(self, event: ClientReady) -> None:
        """Start the program soon: the client's first message is its window size."""
        self._tells_code = event.agreed.exit_code
        self._terminal_type = event.agreed.terminal_type
        if self._starting is None:
            self._starting = self._loop.call_later(SIZE_SECONDS, self._start)

    def on_client_replaced(self) -> None:
        """Continue: a terminal serves whichever client is connected."""

    def on_input(self, event: InputReceived) -> None:
        """Pass input to the terminal. Other messages are queued too, so that all are acknowledged in order."""
        data = b""
        if event.payload_type == PayloadType.SIZE:
            self._resize(event.payload)
        elif event.payload_type == PayloadType.OUTPUT:
            data = event.payload
        self._start()
        self._process.write(event.sequence_number, data)

    def resume(self) -> None:
        """Read the terminal again."""
        self._process.resume()

    async def ended(self) -> SessionResult:
        """Wait for the program's end, and send its exit code to a client that does not show it."""
        code = await self._process.drained()
        if self._process.fault():
            return new_result(FAILED, f"Unable to start command: {self._process.fault()}")
        if self._tells_code:
            self._client.send(PayloadType.EXIT_CODE, exit_code_payload(code))
        _LOG.info("program ended", exit_code=code)
        return new_result(SUCCESS)

    async def close(self) -> None:
        """Hang up."""
        if self._starting is not None:
            self._starting.cancel()
        await self._process.end()

    def _send(self, _output: int, data: bytes) -> None:
        self._client.send(PayloadType.OUTPUT, data)

    def _consumed(self, tag: int) -> None:
        if tag != _TYPED_FIRST:
            self._client.consumed(tag)

    def _start(self) -> None:
        if self._process.started:
            return
        self._process.start(self._terminal_type)
        if self._typed_first:
            self._process.write(_TYPED_FIRST, self._typed_first)

    def _resize(self, payload: bytes) -> None:
        try:
            size = decode_payload(payload, Size)
        except MalformedPayload as error:
            _LOG.warning("size ignored", reason=str(error))
            return
        columns, rows = (
            value if 0 < value <= LARGEST_TERMINAL else fallback
            for value, fallback in ((size.cols, DEFAULT_COLUMNS), (size.rows, DEFAULT_ROWS))
        )
        self._process.resize(columns, rows)
