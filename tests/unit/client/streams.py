"""A far end that speaks smux."""

import time

from ferryman.channel.events import InputReceived
from ferryman.channel.mux.events import (
    MuxFailed,
    StreamClosed,
    StreamData,
    StreamFinished,
    StreamOpened,
    StreamWritable,
)
from ferryman.channel.mux.session import MuxSession, Role
from ferryman.wire.agent_message import Flag, PayloadType
from ferryman.wire.payloads import encode_flag
from tests.unit.client.far_end import FarEnd


class Streams:
    """The node's end of a smux session: sends back what arrives on each stream, and ends it when the client does.

    `held` streams are left unread. With `refusal` every stream is refused for that reason.
    """

    def __init__(self, far_end: FarEnd, version: int) -> None:
        self.far_end = far_end
        self.opened: list[int] = []
        self.received: dict[int, bytearray] = {}
        self.over: dict[int, str | None] = {}
        self.hold = False
        self.held: dict[int, int] = {}
        self.refusal: str | None = None
        self.flag_refusals = False
        self.ends_at_once = True
        self.failure = ""
        self._back: dict[int, bytearray] = {}
        self._ending: set[int] = set()
        self._mux = MuxSession(Role.SERVER, version)
        far_end.on_input = self._input
        far_end.on_room = self.flush

    def say(self, stream_id: int, data: bytes, *, end: bool = False) -> None:
        """The destination speaks, and may then end its direction."""

        async def say() -> None:
            self._back[stream_id] += data
            if end:
                self._ending.add(stream_id)
            self.flush()

        self.far_end.run(say())

    def flush(self) -> None:
        """Pass on what there is room for."""
        for stream_id, data in self._back.items():
            if data and (room := self._mux.writable(stream_id)):
                self._mux.write(stream_id, bytes(data[:room]))
                del data[:room]
            if stream_id in self._ending and not data:
                self._ending.discard(stream_id)
                self._mux.finish(stream_id)
        while self._mux.pending and (room := self.far_end.channel.capacity()) >= 256:
            data_out = self._mux.data_to_send(min(room, 131_072))
            if not data_out:
                break
            self.far_end.channel.send(PayloadType.OUTPUT, data_out, time.monotonic())
            self._events()
        self.far_end.pump.wake()

    def _input(self, event: InputReceived) -> None:
        self._mux.receive(event.payload)
        self._events()
        self.far_end.channel.acknowledge(event.sequence_number, time.monotonic())
        self.flush()

    def _events(self) -> None:
        for event in self._mux.events():
            match event:
                case StreamOpened(stream_id):
                    self._open(stream_id)
                case StreamData(stream_id, data):
                    self.received[stream_id] += data
                    if self.hold:
                        self.held[stream_id] = self.held.get(stream_id, 0) + len(data)
                    else:
                        self._back[stream_id] += data
                        self._mux.consumed(stream_id, len(data))
                case StreamFinished(stream_id):
                    self.over.setdefault(stream_id, None)
                    if self.ends_at_once:
                        self._ending.add(stream_id)
                case StreamClosed(stream_id, aborted):
                    self.over[stream_id] = aborted
                case MuxFailed(reason):
                    self.failure = reason
                case StreamWritable():
                    pass

    def _open(self, stream_id: int) -> None:
        self.opened.append(stream_id)
        self.received[stream_id] = bytearray()
        self._back[stream_id] = bytearray()
        if self.refusal is not None:
            if self.flag_refusals:
                flag = encode_flag(Flag.CONNECT_TO_PORT_ERROR)
                self.far_end.channel.send(PayloadType.FLAG, flag, time.monotonic())
            self._mux.reset(stream_id, self.refusal)
