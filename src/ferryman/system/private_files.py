"""Files that only their owner can read, from their first byte on."""

import contextlib
import os
from pathlib import Path


def write_private(path: Path, content: bytes) -> None:
    """Write a new file, in place of an old one, which is gone even if writing fails."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def replace_file(path: Path, content: bytes) -> None:
    """Put new content in a file's place at one stroke; owner and mode stay. Raises OSError, and nothing has changed."""
    target = path.resolve(strict=True)
    status = target.stat()
    partial = target.with_name(f".{target.name}.partial")
    write_private(partial, content)
    try:
        if (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
            os.chown(partial, status.st_uid, status.st_gid)
        partial.chmod(status.st_mode & 0o777)
        partial.rename(target)
    except OSError:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise
