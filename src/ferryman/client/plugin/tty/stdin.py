"""Sends input from a descriptor to the far end, and reads no faster than the far end accepts it."""

from collections import deque
from collections.abc import Callable

from ferryman.client.plugin.tty.streams import Input
from ferryman.client.session.far_end import FarEnd
from ferryman.wire.agent_message import PayloadType

PENDING_BYTES = 65_536
"""How much input is read ahead of the engine's window before reading stops."""


class Upstream:
    """Sends data that is read from a descriptor, and data that is pushed, in order.

    `on_end` is called once, when the input has ended and everything before its end has been sent. `on_data` gets the
    data that was read and pushes the part to send; without it, everything is sent. Nothing is read before the first
    `flush`.
    """

    def __init__(
        self,
        descriptor: int,
        far_end: FarEnd,
        on_end: Callable[[], None],
        on_data: Callable[[bytes], None] | None = None,
    ) -> None:
        self._far_end = far_end
        self._on_data = on_data or self.push
        self._on_end = on_end
        self._input = Input(descriptor, self._read, self._ended)
        self._pending: deque[bytes] = deque()
        self._pending_bytes = 0
        self._over = False

    def push(self, data: bytes) -> None:
        """Queue `data`; `flush` sends it."""
        self._pending.append(data)
        self._pending_bytes += len(data)

    def flush(self) -> None:
        """Send as much as there is room for, and read more if little is left."""
        while self._pending and (room := self._far_end.capacity()) > 0:
            data = self._pending.popleft()
            if len(data) > room:
                self._pending.appendleft(data[room:])
                data = data[:room]
            self._pending_bytes -= len(data)
            self._far_end.send(PayloadType.OUTPUT, data)
        if self._pending_bytes < PENDING_BYTES:
            self._input.resume()
        else:
            self._input.pause()
        if self._over and not self._pending:
            self._over = False
            self._on_end()

    def close(self) -> None:
        """Stop reading and restore the descriptor; idempotent."""
        self._over = False
        self._input.close()

    def _read(self, data: bytes) -> None:
        self._on_data(data)
        self.flush()

    def _ended(self) -> None:
        self._over = True
        self.flush()
