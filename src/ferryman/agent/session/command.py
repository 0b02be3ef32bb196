"""Sessions of a command without a terminal (`protocol/agent.md` §5.4): pipes, and an exit code at the end.

If both ends agreed on it, the client's input is the command's standard input, and the flag InputEnded its end.
Otherwise, as with AWS's client, the command has no input, and Ctrl-C and Ctrl-\\ in the client's input become signals.
"""

import signal

from ferryman.agent.logs import logger
from ferryman.agent.process.launcher import Child
from ferryman.agent.process.process import Process, exit_code_payload
from ferryman.agent.records import SUCCESS, SessionResult, new_result
from ferryman.agent.session.session_handler import Client
from ferryman.channel.events import ClientReady, InputReceived
from ferryman.channel.negotiation import AWS
from ferryman.wire.agent_message import Flag, PayloadType
from ferryman.wire.payloads import MalformedPayload, decode_flag

_KEYS = {0x03: signal.SIGINT, 0x1C: signal.SIGQUIT}
_STREAMS = (PayloadType.OUTPUT, PayloadType.STD_ERR)
_LOG = logger("command")


class CommandSession:
    """Runs a program prepared on pipes.

    `separate`: standard error is sent separately, then the exit code, to any client. Otherwise the code is sent only to
    clients that do not show it as text. `prefixes` begin each piece of standard output and standard
    error that begins a line, as AWS's agent does.
    """

    def __init__(
        self, client: Client, child: Child, *, separate: bool, prefixes: tuple[bytes, bytes] = (b"", b"")
    ) -> None:
        self._client = client
        self._separate = separate
        self._prefixes = prefixes
        self._line_begins = [True, True]
        self._process = Process(child, client.capacity, self._send, client.consumed)
        self._stdin = False
        self._tells_code = separate

    def on_client_ready(self, event: ClientReady) -> None:
        """Start the command."""
        self._tells_code = self._separate or event.agreed != AWS
        if self._process.started:
            return
        self._stdin = event.stdin
        if not self._stdin:
            self._process.end_input()
        self._process.start()

    def on_client_replaced(self) -> None:
        """Continue. Input that was not yet acknowledged to the earlier client is lost."""

    def on_input(self, event: InputReceived) -> None:
        """Pass input to the command, as data or as signals."""
        data = b""
        if event.payload_type == PayloadType.FLAG:
            self._on_flag(event.payload)
        elif event.payload_type == PayloadType.OUTPUT and self._stdin:
            data = event.payload
        elif event.payload_type == PayloadType.OUTPUT:
            self._send_signals(event.payload)
        self._process.write(event.sequence_number, data)

    def resume(self) -> None:
        """Read the pipes again."""
        self._process.resume()

    async def ended(self) -> SessionResult:
        """Wait for the command's end and send its exit code: 128 + n for signal n, 127 not found, 126 no program."""
        code = await self._process.drained()
        if fault := self._process.fault():
            self._client.send(_STREAMS[self._separate], f"{fault}\n".encode())
        if self._tells_code:
            self._client.send(PayloadType.EXIT_CODE, exit_code_payload(code))
        _LOG.info("command ended", exit_code=code)
        return new_result(SUCCESS)

    async def close(self) -> None:
        """End the command and what it started."""
        await self._process.end()

    def _send(self, output: int, data: bytes) -> None:
        prefix = self._prefixes[output]
        if prefix:
            begins = self._line_begins[output]
            self._line_begins[output] = data.endswith(b"\n")
            data = prefix + data if begins else data
        self._client.send(_STREAMS[output], data)

    def _send_signals(self, keys: bytes) -> None:
        for key in keys:
            if key in _KEYS:
                self._process.signal(_KEYS[key])

    def _on_flag(self, payload: bytes) -> None:
        try:
            flag = decode_flag(payload)
        except MalformedPayload as error:
            _LOG.warning("flag ignored", reason=str(error))
            return
        if flag == Flag.INPUT_ENDED and self._stdin:
            self._process.end_input()
        elif flag == Flag.TERMINATE_SESSION:
            self._client.end()
