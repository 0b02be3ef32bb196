"""Sealed lines and keyed words: what an index shows without the server's key."""

import os

import pytest

from ferryman.core.ports.recordings.search import FoundLine
from ferryman.model.values.phrases import Phrase
from ferryman.recording.search.chunks import ChunkSeal, NotSealedHere, keyed_words

LINES = [(1, "$ rm -rf /srv"), (20, "done")]


def test_sealed_lines_are_not_readable_and_open_again() -> None:
    seal = ChunkSeal("alice-1", bytes(32))
    sealed = seal.seal(3, LINES, os.urandom)
    assert b"rm -rf" not in sealed
    assert seal.lines_with(Phrase.of("rm -rf"), 3, sealed) == [FoundLine(1, "$ rm -rf /srv")]
    assert seal.lines_with(Phrase.of("DONE"), 3, sealed) == [FoundLine(20, "done")]
    assert seal.lines_with(Phrase.of("srv done"), 3, sealed) == []


def test_lines_open_only_where_they_were_sealed() -> None:
    sealed = ChunkSeal("alice-1", bytes(32)).seal(3, LINES, os.urandom)
    altered = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for session_id, key, number, data in (
        ("alice-2", bytes(32), 3, sealed),
        ("alice-1", bytes([1] * 32), 3, sealed),
        ("alice-1", bytes(32), 4, sealed),
        ("alice-1", bytes(32), 3, altered),
        ("alice-1", bytes(32), 3, b""),
    ):
        with pytest.raises(NotSealedHere):
            ChunkSeal(session_id, key).lines_with(Phrase.of("done"), number, data)


def test_words_are_the_same_under_the_same_key_only() -> None:
    first = keyed_words(["rm", "rf"], b"k" * 32)
    assert first == keyed_words(["rf", "rm"], b"k" * 32)
    assert not set(first) & set(keyed_words(["rm", "rf"], b"l" * 32))
    assert {len(word) for word in first} == {5}
