import os
from pathlib import Path

from ferryman.agent.state import replace_file


def test_a_planted_link_is_not_written_through(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_bytes(b"precious")
    for _ in range(2):
        (tmp_path / f".key.{os.getpid()}").symlink_to(precious)
        replace_file(tmp_path / "key", b"new")
    assert precious.read_bytes() == b"precious"
    assert (tmp_path / "key").read_bytes() == b"new"
    assert not (tmp_path / "key").is_symlink()
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
