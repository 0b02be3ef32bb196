"""The bounds that the data channel's explanation names are those of the code."""

import json
from pathlib import Path

import pytest

from ferryman.channel.agent import QUIET, SILENCE
from ferryman.channel.incoming import AHEAD_MESSAGES
from ferryman.channel.negotiation import AWS, OURS
from ferryman.channel.outgoing import DOUBTFUL_SENDS, RESEND_BYTES, RESEND_MESSAGES, RESEND_TICK, Window

TEXT = " ".join((Path(__file__).parents[2] / "docs" / "explanation" / "data-channel.md").read_text().split())
ROWS = {
    cells[0].partition(",")[0].strip("` "): [cell.strip() for cell in cells[1:]]
    for cells in (row.strip(" |").split("|") for row in TEXT.split("| |"))
}


def test_the_bounds_are_the_codes() -> None:
    window = Window()
    assert f"| window | {window.size} bytes, {window.messages} messages |" in TEXT
    assert f"| kept ahead of a gap | 2 windows of bytes, {AHEAD_MESSAGES} messages |" in TEXT
    assert f"| resent in one tick of {RESEND_TICK} s | {RESEND_BYTES} bytes, {RESEND_MESSAGES} messages |" in TEXT


@pytest.mark.parametrize("field", OURS.__struct_fields__)
def test_every_extension_is_described_with_its_values(field: str) -> None:
    key = OURS.__struct_encode_fields__[OURS.__struct_fields__.index(field)]
    assert ROWS[key][:2] == [json.dumps(getattr(OURS, field)), json.dumps(getattr(AWS, field))]


def test_the_numbers_in_the_text_are_the_codes() -> None:
    assert f"silent for {QUIET} s after HandshakeComplete" in TEXT
    assert DOUBTFUL_SENDS == 3, "the text says three times"
    assert f"silent for {SILENCE:.0f} seconds, then ends" in TEXT
