"""ALiS v1, the live protocol of asciinema's player: one binary message for each event, numbers as unsigned LEB128.

The first message is `MAGIC`. The second, and any later one of the same type, is a reset: the size and the text that
draw the current screen. Later messages are relative to it. Source:
<https://docs.asciinema.org/manual/server/streaming/> and the decoder of asciinema-player 3.
"""

from dataclasses import dataclass

MAGIC = b"ALiS\x01"
SUBPROTOCOL = "v1.alis"
RESET, END = 0x01, 0x04
_NO_THEME = 0
_LONGEST_NUMBER = 10
"""Bytes of a number of 64 bits."""


class MalformedEvent(ValueError):
    """A message is not an event of ALiS v1."""


@dataclass(frozen=True, slots=True)
class Reset:
    """The screen as it is, in place of everything before. `at` is microseconds since the stream began."""

    last_id: int
    at: int
    columns: int
    rows: int
    screen: str


@dataclass(frozen=True, slots=True)
class Event:
    """`kind` is o (output), r (size, as `80x24`), m (marker) or x (exit status); `after` is in microseconds."""

    event_id: int
    after: int
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class End:
    """The stream is over."""


def encode_reset(reset: Reset) -> bytes:
    """Return the message of a reset, without a theme."""
    screen = reset.screen.encode()
    head = b"".join(map(_number, (reset.last_id, reset.at, reset.columns, reset.rows)))
    return bytes((RESET,)) + head + bytes((_NO_THEME,)) + _number(len(screen)) + screen


def encode_event(event: Event) -> bytes:
    """Return the message of an event; a negative exit status is sent as 0, which is all that the format can say."""
    head = event.kind.encode() + _number(event.event_id) + _number(event.after)
    if event.kind == "r":
        columns, _, rows = event.text.partition("x")
        return head + _number(int(columns)) + _number(int(rows))
    if event.kind == "x":
        return head + _number(max(0, int(event.text)))
    data = event.text.encode()
    return head + _number(len(data)) + data


def encode_end(event_id: int, after: int) -> bytes:
    """Return the message that ends a stream."""
    return bytes((END,)) + _number(event_id) + _number(after)


def decode(message: bytes) -> Reset | Event | End:
    """Return the event of a message behind `MAGIC`; raises `MalformedEvent`."""
    reader = _Reader(message)
    kind = reader.byte()
    if kind == END:
        return End()
    if kind == RESET:
        last_id, at, columns, rows = (reader.number() for _ in range(4))
        if reader.byte() != _NO_THEME:
            raise MalformedEvent("a theme, which Ferryman's server never sends")
        return Reset(last_id, at, columns, rows, reader.text())
    event_id, after = reader.number(), reader.number()
    match chr(kind):
        case "r":
            return Event(event_id, after, "r", f"{reader.number()}x{reader.number()}")
        case "x":
            return Event(event_id, after, "x", str(reader.number()))
        case "o" | "m" as name:
            return Event(event_id, after, name, reader.text())
    raise MalformedEvent(f"an event of the unknown type {kind}")


def _number(value: int) -> bytes:
    digits = bytearray()
    while value > 127:
        digits.append(value & 127 | 128)
        value >>= 7
    digits.append(value)
    return bytes(digits)


class _Reader:
    def __init__(self, message: bytes) -> None:
        self._message = message
        self._at = 0

    def byte(self) -> int:
        if self._at >= len(self._message):
            raise MalformedEvent("it ends too early")
        self._at += 1
        return self._message[self._at - 1]

    def number(self) -> int:
        value = 0
        for place in range(_LONGEST_NUMBER):
            digit = self.byte()
            value |= (digit & 127) << (7 * place)
            if digit < 128:
                return value
        raise MalformedEvent("a number of more than 64 bits")

    def text(self) -> str:
        size = self.number()
        if size > len(self._message) - self._at:
            raise MalformedEvent("it ends too early")
        data = self._message[self._at : self._at + size]
        self._at += size
        return data.decode("utf-8", "replace")
