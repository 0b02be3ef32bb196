"""The player's keys. Pauses in the recordings are hours long, so that only keys go on."""

import os

import pytest

from ferryman.cli.manage.recording_player import _Player
from ferryman.client.recordings.events import RecordedEvent

HOUR = 3600.0
EVENTS = [
    RecordedEvent(0.0, "o", b"a"),
    RecordedEvent(HOUR, "o", b"b"),
    RecordedEvent(HOUR + 4, "m", b"A client connected."),
    RecordedEvent(HOUR + 5, "o", b"c"),
    RecordedEvent(2 * HOUR, "m", b"The client left."),
    RecordedEvent(2 * HOUR, "o", b"d"),
    RecordedEvent(3 * HOUR, "o", b"e"),
]


class Shown(_Player):
    """Collects what is shown."""

    def __init__(self, keys: bytes, longest_pause: float | None = None) -> None:
        super().__init__(1.0, longest_pause)
        self.data = b""
        reading, writing = os.pipe()
        os.write(writing, keys)
        os.close(writing)
        self.keyboard = reading

    def write(self, data: bytes) -> None:
        self.data += data


def played(keys: bytes, begin: float = 0.0) -> tuple[bytes, float | None]:
    """What is shown until the keys are used up, and where to begin again."""
    player = Shown(keys)
    try:
        again = player.run(EVENTS, begin)
    finally:
        assert player.keyboard is not None
        os.close(player.keyboard)
    return player.data, again


@pytest.mark.parametrize(
    ("keys", "begin", "shown"),
    [
        (b"q", 0.0, b"a"),
        (b"", 0.0, b"a"),
        (b"q", HOUR + 1, b"ab"),
        (b"q", 10 * HOUR, b"abcde"),
        (b" ..q", 0.0, b"ab"),
        (b" ...q", 0.0, b"abc"),
        (b" . q", 0.0, b"ab"),
        (b"\x1b[Cq", HOUR - 2, b"ab"),
        (b"\x1b[Aq", 0.0, b"a"),
        (b"]q", 0.0, b"ab"),
        (b"]]q", 0.0, b"abcd"),
        (b"]]]", 0.0, b"abcde"),
        (b"++--q", 0.0, b"a"),
    ],
)
def test_keys_decide_what_is_shown(keys: bytes, begin: float, shown: bytes) -> None:
    assert played(keys, begin) == (shown, None)


@pytest.mark.parametrize(
    ("keys", "begin", "again"),
    [
        (b"\x1b[D", 0.0, 0.0),
        (b"\x1b[D", HOUR + 1, HOUR - 4),
        (b"[", 2 * HOUR + 1, HOUR + 4),
        (b"[", 3 * HOUR - 1, 2 * HOUR),
        (b"[", 0.0, 0.0),
    ],
)
def test_going_back_shows_the_recording_again_up_to_there(keys: bytes, begin: float, again: float) -> None:
    assert played(keys, begin)[1] == pytest.approx(again)


def test_pauses_are_cut() -> None:
    player = Shown(b"", 0.0)
    player.keyboard = None
    assert player.run(EVENTS, 0.0) is None
    assert player.data == b"abcde"
