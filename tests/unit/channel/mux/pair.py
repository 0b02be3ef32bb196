"""Two smux sessions that talk to each other."""

from ferryman.channel.mux.events import MuxEvent, StreamData, StreamOpened
from ferryman.channel.mux.session import MuxSession, Role
from ferryman.wire.smux import SmuxFrame, SmuxReader


class Pair:
    """A client's session and a server's, with nothing between them."""

    def __init__(self, version: int) -> None:
        self.version = version
        self.client = MuxSession(Role.CLIENT, version)
        self.server = MuxSession(Role.SERVER, version)

    def carry(self, limit: int = 1 << 20) -> None:
        """Carry everything that can be sent, both ways, nothing being consumed."""
        carried = True
        while carried:
            carried = False
            for sender, receiver in ((self.client, self.server), (self.server, self.client)):
                while data := sender.data_to_send(limit):
                    carried = True
                    receiver.receive(data)

    def stream(self) -> int:
        """Open a stream and let the server hear of it."""
        stream_id = self.client.open()
        self.carry()
        assert StreamOpened(stream_id) in self.server.events()
        return stream_id


def frames(data: bytes, version: int = 1) -> list[SmuxFrame]:
    return SmuxReader(version).feed(data)


def received(events: list[MuxEvent], stream_id: int) -> bytes:
    return b"".join(event.data for event in events if isinstance(event, StreamData) and event.stream_id == stream_id)
