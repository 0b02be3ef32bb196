"""Files with secrets, which only their owner may read."""

from pathlib import Path

from ferryman.model.failures import Failure


def read_secret(path: Path, what: str, if_lost: str) -> bytes:
    """Read a file that only its owner may read; raises Failure if others may, or it cannot be read."""
    try:
        content = path.read_bytes()
        mode = path.stat().st_mode
    except OSError as error:
        raise Failure(f"{what} {path} cannot be read", error.strerror or str(error), if_lost) from error
    if mode & 0o077:
        raise Failure(f"{what} {path} is open to other users", f"its mode is {mode & 0o777:o}", f"Run chmod 600 {path}")
    return content
