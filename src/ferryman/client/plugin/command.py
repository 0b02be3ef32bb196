"""Handles a command without a terminal: separate outputs, the exit status, and between Ferryman's ends its input."""

import signal

from ferryman.channel.events import OutputReceived
from ferryman.channel.negotiation import AWS
from ferryman.client.plugin.endings import SIGNAL_BASE, Ending
from ferryman.client.plugin.session_handler import SessionContext
from ferryman.client.plugin.signals import INTERRUPTIONS, KEYS_BY_NAME
from ferryman.client.plugin.tty.stdin import Upstream
from ferryman.client.plugin.tty.terminal import is_terminal, window_size
from ferryman.client.session.exit_code import exit_code
from ferryman.wire.agent_message import Flag, PayloadType
from ferryman.wire.payloads import Size, encode_payload

KEYS = {number: KEYS_BY_NAME[number.name] for number in INTERRUPTIONS}
"""The keys that AWS's agent turns into signals (`protocol/agent.md` §5.4); it accepts no other input."""


class Command:
    """The person's end of a remote command.

    Standard input is passed on only if the person asked for it and the far end agreed to accept it; its end then ends
    the command's input. Otherwise the command's input is empty.
    """

    needs_output = True
    ends_with_parent = True

    def __init__(self, context: SessionContext) -> None:
        self._context = context
        self._screen = context.screen
        self._far_end = context.far_end
        self._takes_input = context.started.stdin
        self.ends_by_flag = self._takes_input
        self._status: int | None = None
        self._size_due = True
        descriptors = context.screen.descriptors
        given = self._takes_input and context.settings.command_stdin
        self.attended = given and is_terminal(descriptors.stdin)
        self._input = Upstream(descriptors.stdin, context.far_end, self._input_ended) if given else None
        if self._takes_input and not given:
            self._input_ended()
        context.screen.choose(data_only=False)

    def on_output(self, event: OutputReceived) -> None:
        """Show the command's output, standard output and standard error each on its own stream."""
        match event.payload_type:
            case PayloadType.OUTPUT | PayloadType.ERROR:
                self._screen.show(event.payload, event.sequence_number)
            case PayloadType.STD_ERR:
                self._screen.show_error(event.payload, event.sequence_number)
            case PayloadType.EXIT_CODE:
                self._status = exit_code(event.payload)
                self._screen.show(event.payload, event.sequence_number)
            case _:
                self._screen.skip(event.sequence_number)

    def flush(self) -> None:
        """Send waiting input and the terminal's size, and read more if little is left."""
        if self._context.endings.announced:
            return
        if self._size_due and self._far_end.capacity():
            self._size_due = False
            descriptors = self._screen.descriptors
            size = window_size(descriptors.stdout, descriptors.stdin)
            self._far_end.send(PayloadType.SIZE, encode_payload(Size(size.columns, size.rows)))
        if self._input is not None:
            self._input.flush()

    def on_signal(self, number: signal.Signals) -> None:
        """Interrupt the command: by its key if the far end accepts no input, otherwise by ending the session."""
        if number not in KEYS:
            return
        if self._takes_input:
            self._context.endings.announce(Ending(SIGNAL_BASE + number, terminate=True))
        else:
            self._far_end.send(PayloadType.OUTPUT, KEYS[number])

    def ending(self, output: str, *, lost: bool) -> Ending:
        """End with the command's exit status; without one, it has failed if its node reports exit statuses."""
        told = self._context.started.agreed != AWS
        return self._context.ended_with(self._status, output, lost=lost or told)

    async def finish(self) -> None:
        """Show all output that has arrived."""
        self.close()
        await self._screen.shown()
        while self._far_end.remaining():
            await self._screen.shown()

    def close(self) -> None:
        """Restore standard input."""
        if self._input is not None:
            self._input.close()

    def _input_ended(self) -> None:
        self._far_end.flag(Flag.INPUT_ENDED)
