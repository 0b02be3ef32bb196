"""Seals the lines of a recording, so that an index holds nothing that can be read without the server's key.

Lines are sealed under a key made from the recording's data key: whoever deletes that, deletes the lines. Words are
replaced by keyed hashes, which show only which chunks have a word in common, and how often.
"""

import hashlib
import sys
from collections.abc import Callable, Iterable, Sequence

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ferryman.core.ports.recordings.search import WORD_BYTES, FoundLine
from ferryman.model.values.phrases import Phrase

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_PURPOSE = b"ferryman lines"
_NONCE = 12
MOST_CONTENT = 16 * 1024 * 1024
"""Bytes of a chunk's lines: CHUNK_LINES times the longest line."""
_lines = msgspec.msgpack.Decoder(tuple[list[int], str])


class NotSealedHere(Exception):
    """The chunk was altered, or belongs to another recording."""


def keyed_words(words: Iterable[str], key: bytes) -> list[bytes]:
    """Return the keyed hashes of words, each of `WORD_BYTES` bytes, in order."""
    hashes = {
        hashlib.blake2b(word.encode(errors="replace"), key=key, digest_size=WORD_BYTES).digest() for word in words
    }
    return sorted(hashes)


class ChunkSeal:
    """Seals and opens the chunks of one recording; `data_key` are the 32 bytes of that."""

    def __init__(self, session_id: str, data_key: bytes) -> None:
        self._session_id = session_id
        self._cipher = AESGCM(hashlib.blake2b(_PURPOSE, key=data_key, digest_size=32).digest())

    def seal(self, number: int, lines: Sequence[tuple[int, str]], entropy: Callable[[int], bytes]) -> bytes:
        """Return nonce ‖ ciphertext ‖ tag of a chunk's compressed lines."""
        nonce = entropy(_NONCE)
        times, texts = [at for at, _ in lines], "\n".join(text for _, text in lines)
        content = zstd.compress(msgspec.msgpack.encode((times, texts)), 3)
        return nonce + self._cipher.encrypt(nonce, content, self._context(number))

    def lines_with(self, phrase: Phrase, number: int, sealed: bytes) -> list[FoundLine]:
        """Return the lines of a chunk that contain the phrase; raises `NotSealedHere`."""
        try:
            content = self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], self._context(number))
            decoded = zstd.ZstdDecompressor().decompress(content, MOST_CONTENT)
            times, texts = _lines.decode(decoded)
            if not phrase.is_in(texts):  # sooner known of all lines together
                return []
            lines = zip(times, texts.split("\n"), strict=True)
            return [FoundLine(at, text) for at, text in lines if phrase.is_in(text)]
        except (InvalidTag, ValueError, zstd.ZstdError) as error:
            raise NotSealedHere(self._session_id) from error

    def _context(self, number: int) -> bytes:
        return f"{self._session_id}/{number}".encode()
