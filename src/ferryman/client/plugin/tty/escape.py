"""The `~` escapes of an interactive session, as in OpenSSH: recognised only just after a newline."""

from collections.abc import Iterator
from enum import Enum, auto

TILDE = ord("~")
NEWLINES = b"\r\n"


class Escape(Enum):
    """The actions that a person can ask of the client itself."""

    TERMINATE = auto()
    HELP = auto()
    OFF = auto()


_MEANINGS = {ord("."): Escape.TERMINATE, ord("?"): Escape.HELP, ord("-"): Escape.OFF}


class EscapeParser:
    """Splits typed bytes into what goes to the far end and what is meant for the client.

    State is kept between calls: a `~` that ends one read waits for the next byte. An unknown escape forwards both
    bytes. After `~-` everything is forwarded.
    """

    def __init__(self) -> None:
        self._enabled = True
        self._at_line_start = True
        self._held = False

    def feed(self, data: bytes) -> Iterator[bytes | Escape]:
        """Yield non-empty runs of bytes to send and escapes, in the order typed."""
        kept = bytearray()
        for position, byte in enumerate(data):
            if not self._enabled:
                kept += data[position:]
                break
            escape = self._next(byte, kept)
            if escape is None:
                continue
            if kept:
                yield bytes(kept)
                kept.clear()
            yield escape
        if kept:
            yield bytes(kept)

    def _next(self, byte: int, kept: bytearray) -> Escape | None:
        if not self._held:
            self._held = self._at_line_start and byte == TILDE
            self._at_line_start = byte in NEWLINES
            if not self._held:
                kept.append(byte)
            return None
        self._held = False
        escape = _MEANINGS.get(byte)
        if escape is not None:
            self._at_line_start = True
            self._enabled = escape is not Escape.OFF
            return escape
        kept += b"~" if byte == TILDE else bytes([TILDE, byte])
        self._at_line_start = byte in NEWLINES
        return None
