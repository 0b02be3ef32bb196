"""Events of a smux session for its driver. Past tense: an event has happened when the driver sees it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StreamOpened:
    """Server: the peer opened a stream."""

    stream_id: int


@dataclass(frozen=True, slots=True)
class StreamData:
    """The next bytes of a stream, in order. `MuxSession.consumed(stream_id, len(data))` once they are written out."""

    stream_id: int
    data: bytes


@dataclass(frozen=True, slots=True)
class StreamFinished:
    """The peer has finished sending on this stream: the end of the file, after all its data.

    In version 2 the other direction stays open. In version 1 it ends too: StreamClosed follows immediately.
    """

    stream_id: int


@dataclass(frozen=True, slots=True)
class StreamWritable:
    """A stream whose `writable` had become 0 has room again."""

    stream_id: int


@dataclass(frozen=True, slots=True)
class StreamClosed:
    """The stream is over in both directions; calls for it do nothing from here on.

    `aborted` is None after a FIN each way: what was received is complete and still to be written out. Otherwise the
    peer gave the stream up, for the reason given, which may be "".
    """

    stream_id: int
    aborted: str | None = None


@dataclass(frozen=True, slots=True)
class MuxFailed:
    """The peer broke the protocol: the session is over with all its streams, nothing more is sent or received."""

    reason: str


MuxEvent = StreamOpened | StreamData | StreamFinished | StreamWritable | StreamClosed | MuxFailed
