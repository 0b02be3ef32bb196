"""Handles a port session over standard input and output, for SSH's ProxyCommand: only data goes to standard output.

Between Ferryman's ends the end of the input is passed on, and the rest of the port's output still arrives. AWS's agent
does not support that: with it, the session is ended once the port is silent.
"""

import asyncio
import signal
import time

from ferryman.channel.events import OutputReceived
from ferryman.client.plugin import texts
from ferryman.client.plugin.endings import FAILED, NORMAL, SIGNAL_BASE, Ending
from ferryman.client.plugin.session_handler import SessionContext
from ferryman.client.plugin.signals import INTERRUPTIONS
from ferryman.client.plugin.tty.stdin import Upstream
from ferryman.client.plugin.tty.terminal import is_terminal
from ferryman.wire.agent_message import Flag, PayloadType

SILENCE_SECONDS = 1.0
"""With AWS's agent, after the end of the input: a port that is silent for this long has nothing left to send."""
FRAME_TYPES = frozenset({PayloadType.OUTPUT, PayloadType.ERROR})


class StdioPort:
    """The person's end of one remote connection."""

    needs_output = True
    ends_with_parent = False
    """The end of the input counts instead: an ssh that goes to the background continues as another process."""
    ends_by_flag = True

    def __init__(self, context: SessionContext) -> None:
        self._context = context
        self._screen = context.screen
        self._far_end = context.far_end
        descriptors = context.screen.descriptors
        self.attended = is_terminal(descriptors.stdin)
        self._input = Upstream(descriptors.stdin, context.far_end, self._input_ended)
        self._silent_since = time.monotonic()
        self._timer: asyncio.TimerHandle | None = None
        context.screen.discard_texts()
        context.screen.choose(data_only=True)

    def on_output(self, event: OutputReceived) -> None:
        """Write data from the port."""
        self._silent_since = time.monotonic()
        if event.payload_type in FRAME_TYPES:
            self._screen.show(event.payload, event.sequence_number)
        else:
            self._screen.skip(event.sequence_number)

    def flush(self) -> None:
        """Send waiting input, and read more if little is left."""
        if not self._context.endings.announced:
            self._input.flush()

    def on_signal(self, number: signal.Signals) -> None:
        """End the session if a person interrupts it; a program such as ssh handles its terminal's signals itself."""
        if self.attended and number in INTERRUPTIONS:
            self._context.endings.announce(Ending(SIGNAL_BASE + number, terminate=True))

    def ending(self, output: str, *, lost: bool) -> Ending:
        """Report a cause, but not the usual end: ssh prints whatever it reads from standard error."""
        complaint = texts.ended(self._context.session_id, output) if output else ""
        return Ending(FAILED if lost else NORMAL, complaint=complaint)

    async def finish(self) -> None:
        """Write everything that has arrived."""
        self.close()
        await self._screen.shown()
        while self._far_end.remaining():
            await self._screen.shown()

    def close(self) -> None:
        """Restore standard input and stop the timer."""
        self._input.close()
        if self._timer is not None:
            self._timer.cancel()

    def _input_ended(self) -> None:
        if self._context.started.stdin:
            self._far_end.flag(Flag.INPUT_ENDED)
        else:
            self._silent_since = time.monotonic()
            self._await_silence()

    def _await_silence(self) -> None:
        remaining = self._silent_since + SILENCE_SECONDS - time.monotonic()
        if remaining > 0 or not self._far_end.all_acknowledged:
            delay = max(remaining, SILENCE_SECONDS / 4)
            self._timer = asyncio.get_running_loop().call_later(delay, self._await_silence)
        else:
            self._context.endings.announce(Ending(NORMAL, terminate=True))
