"""Files that only their owner can read, from their first byte on, and files replaced in one step.

Nothing here writes through what is there already: a link that a crash or somebody else left in a file's place is
deleted, and an old file is replaced by a rename, so that readers see the old content or the new, never a part.
"""

import contextlib
import os
from pathlib import Path

PRIVATE = 0o600
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
"""Python makes descriptors that child processes do not get; Windows would change line feeds."""


def create_private(path: Path, mode: int = PRIVATE) -> int:
    """Create a file in the place of whatever is there; return its descriptor, open for writing. Raises OSError."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, _NEW, mode)
    if mode != PRIVATE and hasattr(os, "fchmod"):  # the umask may have taken something away
        os.fchmod(descriptor, mode)
    return descriptor


def make_private_directory(path: Path) -> None:
    """Make a directory and those above it that are missing; only their owner can enter them. Raises OSError."""
    for missing in reversed([each for each in (path, *path.parents) if not each.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)


def write_private(path: Path, content: bytes) -> None:
    """Write a new file. An old one is gone even if writing fails; use `replace_private` to keep it. Raises OSError."""
    with os.fdopen(create_private(path), "wb") as file:
        file.write(content)


def write_beside(path: Path, content: bytes, *, mode: int = PRIVATE, durable: bool = True) -> Path:
    """Write `content` to a temporary file in the same directory and return it, for the caller to rename to `path`.

    `durable`: the content is on disk when this returns. Raises OSError, and leaves no temporary file behind, if the
    content cannot be written whole.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = create_private(temporary, mode)
    try:
        rest = memoryview(content)
        while rest:  # a disk that is nearly full takes a part, and refuses the next write
            rest = rest[os.write(descriptor, rest) :]
        if durable:
            os.fsync(descriptor)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
    return temporary


def replace_private(path: Path, content: bytes, *, mode: int = PRIVATE, durable: bool = True) -> None:
    """Write `content` to `path` in one step; the file is new, so its owner is this process and its mode is `mode`.

    `durable`: the content is on disk when this returns. Raises OSError, and leaves what was there, if the content
    cannot be written whole.
    """
    _rename(write_beside(path, content, mode=mode, durable=durable), path)


def replace_content(path: Path, content: bytes) -> None:
    """Replace the content of an existing file in one step; owner and mode stay, and a link stays a link.

    Raises OSError, and leaves what was there, if the content cannot be written whole.
    """
    target = path.resolve(strict=True)
    status = target.stat()
    temporary = write_beside(target, content)
    try:
        if (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
            os.chown(temporary, status.st_uid, status.st_gid)
        temporary.chmod(status.st_mode & 0o777)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    _rename(temporary, target)


def _rename(temporary: Path, path: Path) -> None:
    try:
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
