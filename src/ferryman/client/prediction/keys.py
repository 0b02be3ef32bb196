"""Splits typed input into keys, as far as a prediction must tell them apart."""

from typing import NamedTuple

from ferryman.client.prediction.characters import is_narrow

BULK_BYTES = 64
"""More at a time was pasted or comes from a program."""
_ESCAPE, _DELETE = 0x1B, 0x7F
_LONGEST_CHARACTER = 4


class Key(NamedTuple):
    """One key, `size` bytes of input: a character, Backspace if `erases`, or anything else."""

    size: int
    text: str = ""
    """The character, if it is visible and narrow."""
    erases: bool = False

    @property
    def is_predictable(self) -> bool:
        """Whether its effect in a line editor is known."""
        return self.erases or self.text != ""


class KeyParser:
    """Reads typed bytes; a character's first bytes wait for its last, a sequence's first byte is a key already."""

    def __init__(self) -> None:
        self._character = b""
        self._in_escape = False
        """Whether the last byte was Escape, to which the next belongs."""
        self._in_sequence = False

    def feed(self, data: bytes) -> list[Key]:
        """Return the keys that `data` completes; their sizes add up to all bytes of them."""
        if len(data) > BULK_BYTES:
            size = len(self._character) + len(data)
            self._character, self._in_escape, self._in_sequence = b"", False, False
            return [Key(size)]
        keys = []
        for byte in data:
            key = self._next(byte)
            if key is not None:
                keys.append(key)
        return keys

    def _next(self, byte: int) -> Key | None:
        if self._in_sequence:
            self._in_sequence = not 0x40 <= byte <= 0x7E
            return Key(1)
        if self._in_escape:
            self._in_escape = byte == _ESCAPE
            self._in_sequence = byte in b"[O"
            return Key(1)
        if byte == _ESCAPE:
            self._in_escape = True
        if byte < 0x80:
            incomplete, self._character = len(self._character), b""
            if incomplete:
                return Key(incomplete + 1)
            text = chr(byte)
            return Key(1, text if is_narrow(text) else "", byte == _DELETE)
        self._character += bytes([byte])
        return self._completed()

    def _completed(self) -> Key | None:
        """The character of several bytes, if they are complete or will never be."""
        data = self._character
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            if error.reason == "unexpected end of data" and len(data) < _LONGEST_CHARACTER:
                return None
            text = ""
        self._character = b""
        return Key(len(data), text if text and is_narrow(text) else "")
