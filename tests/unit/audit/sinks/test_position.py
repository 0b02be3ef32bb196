import os
from pathlib import Path

from ferryman.audit.sinks.position import SinkPosition, read_position, store_position


def test_a_planted_link_is_not_written_through(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_bytes(b"precious")
    path = tmp_path / "sink.json"
    for _ in range(2):
        path.with_name(f".sink.json.{os.getpid()}").symlink_to(precious)
        store_position(path, SinkPosition())
    assert precious.read_bytes() == b"precious"
    assert not path.is_symlink()
    assert read_position(path) == SinkPosition()
