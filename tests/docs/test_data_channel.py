"""The bounds that the data channel's explanation names are those of the code."""

import json
from pathlib import Path

import pytest

from ferryman.channel.agent import SILENCE
from ferryman.channel.aws_client import DOUBTFUL_SENDS
from ferryman.channel.current_client import QUIET
from ferryman.channel.mux.session import BUCKET, GRANTED_WINDOWS, MAX_STREAMS
from ferryman.channel.mux.stream import INITIAL_WINDOW, MAX_WINDOW
from ferryman.channel.negotiation import AWS, OURS
from ferryman.channel.streams.acknowledgements import WAIT, WAITING_BYTES, WAITING_MESSAGES
from ferryman.channel.streams.incoming import AHEAD_MESSAGES
from ferryman.channel.streams.resending import RESEND_BYTES, RESEND_MESSAGES, RESEND_TICK
from ferryman.channel.streams.window import GAIN, MAX_WINDOW_BYTES, SCHEDULING, Window
from ferryman.wire.smux import Command

TEXT = " ".join((Path(__file__).parents[2] / "docs" / "explanation" / "data-channel.md").read_text().split())
ROWS = {
    cells[0].partition(",")[0].strip("` "): [cell.strip() for cell in cells[1:]]
    for cells in (row.strip(" |").split("|") for row in TEXT.split("| |"))
}


def test_the_bounds_are_the_codes() -> None:
    window = Window()
    assert f"| window | {window.size} bytes, {window.messages} messages |" in TEXT
    assert f"| window between Ferryman's ends | up to {MAX_WINDOW_BYTES} bytes, {window.messages} messages |" in TEXT
    ahead = f"2 windows of bytes, {AHEAD_MESSAGES} messages; between Ferryman's ends {MAX_WINDOW_BYTES} bytes"
    assert f"| kept ahead of a gap | {ahead} |" in TEXT
    assert f"| resent in one tick of {RESEND_TICK} s | {RESEND_BYTES} bytes, {RESEND_MESSAGES} messages |" in TEXT


@pytest.mark.parametrize("field", OURS.__struct_fields__)
def test_every_extension_is_described_with_its_values(field: str) -> None:
    key = OURS.__struct_encode_fields__[OURS.__struct_fields__.index(field)]
    assert ROWS[key][:2] == [json.dumps(getattr(OURS, field)), json.dumps(getattr(AWS, field))]


def test_the_bounds_of_streams_are_the_codes() -> None:
    assert f"{BUCKET} bytes of all streams together; then nothing is accepted | {INITIAL_WINDOW} bytes of each" in TEXT
    assert f"up to {MAX_WINDOW} bytes; all windows together {GRANTED_WINDOWS}, counting only" in TEXT
    assert f"RST, command {Command.RST.value}, with the reason" in TEXT
    assert f"At most {MAX_STREAMS} streams" in TEXT


def test_the_numbers_in_the_text_are_the_codes() -> None:
    assert f"silent for {QUIET} s after HandshakeComplete" in TEXT
    assert f"waits up to {WAIT} s for the next, unless it stands for {WAITING_BYTES} bytes or" in TEXT
    assert f"{WAITING_MESSAGES} messages already" in TEXT
    assert f"twice the product of the measured rate and the sum of the shortest round trip and {SCHEDULING} s" in TEXT
    assert GAIN == 2, "the text says twice"
    assert DOUBTFUL_SENDS == 3, "the text says three times"
    assert f"silent for {SILENCE:.0f} seconds, then ends" in TEXT
