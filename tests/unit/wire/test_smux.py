import json
from pathlib import Path
from typing import Any

import pytest

from ferryman.wire.smux import Command, MalformedSmux, SmuxFrame, SmuxReader, encode

VECTORS: list[dict[str, Any]] = [
    vector
    for vector in json.loads((Path(__file__).parents[2] / "vectors" / "client.json").read_text())
    if vector["kind"] == "smux_frame"
]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: str(vector["name"]))
def test_vectors(vector: dict[str, Any]) -> None:
    data = bytes.fromhex(vector["hex"])
    [frame] = SmuxReader().feed(data)
    assert (frame.command, frame.stream_id, len(frame.data)) == (
        vector["command"],
        vector["stream_id"],
        vector["length"],
    )
    assert encode(frame) == data


def test_frames_are_found_wherever_the_stream_is_cut() -> None:
    data = b"".join(bytes.fromhex(vector["hex"]) for vector in VECTORS)
    reader = SmuxReader()
    frames = [frame for byte in data for frame in reader.feed(bytes([byte]))]
    assert frames == SmuxReader().feed(data)
    assert len(frames) == len(VECTORS)


@pytest.mark.parametrize("data", [b"\2\0\0\0\3\0\0\0", b"\1\4\0\0\3\0\0\0"])
def test_other_versions_and_commands_are_refused(data: bytes) -> None:
    with pytest.raises(MalformedSmux):
        SmuxReader().feed(data)


def test_the_largest_frame_a_receiver_takes() -> None:
    frame = SmuxFrame(Command.PSH, 3, b"x" * 65535)
    assert SmuxReader().feed(encode(frame)) == [frame]
