"""A local folder that is held open, and in which no link is followed.

Names below it come from a node, and other accounts may be able to write in it. So each folder on the way is opened
relative to the one before it, and a link in its place is refused. Only the path that the user named is followed.
"""

import contextlib
import errno
import os
import stat
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Self

from ferryman.model.failures import Failure

_SUPPORTED = os.open in os.supports_dir_fd
if _SUPPORTED:
    _FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    _FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
"""Opening does not wait for the other end of a FIFO in a file's place."""
_NO_FILE = (errno.ENOENT, errno.ELOOP, errno.EISDIR, errno.ENXIO)
"""The errors of opening a link, a folder, a socket or nothing, if it has just taken the file's place."""


class LocalFolder:
    """An open directory. A context manager, which closes it."""

    def __init__(self, descriptor: int, shown: str) -> None:
        self.descriptor = descriptor
        self.shown = shown
        """Its path, for messages only."""

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the folder that the user named, following links. Raises OSError, and Failure on Windows."""
        if not _SUPPORTED:
            raise Failure(
                "Files cannot be copied on this system",
                "it cannot open files relative to a folder, without following links",
                "Use scp or sftp through `ferryman ssh-config`",
            )
        return cls(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC), str(path))

    def close(self) -> None:
        """Close it; idempotent."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def folder(self, path: str, *, create: bool = False) -> "LocalFolder":
        """Open the folder `path` below this one, `a/b`; "" is this one. `create` makes missing folders.

        Raises `Failure` if a link or a file is in a folder's place, OSError.
        """
        here = LocalFolder(os.dup(self.descriptor), self.shown)
        for name in path.split("/") if path else ():
            with here:
                here = here._entered(name, create=create)
        return here

    def file(self, name: str, mode: int = os.O_RDONLY) -> FileIO | None:
        """Open the regular file of that name, unbuffered; None if nothing or something else is there.

        Devices are not opened, since opening one can have effects. Raises OSError if the file cannot be opened.
        """
        found = self.status(name)
        if found is None or not stat.S_ISREG(found.st_mode):
            return None
        try:
            descriptor = os.open(name, mode | _FILE, dir_fd=self.descriptor)
        except OSError as error:
            if error.errno in _NO_FILE:
                return None
            raise
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            return None
        return FileIO(descriptor, "r" if mode == os.O_RDONLY else "r+")

    def status(self, name: str) -> os.stat_result | None:
        """Return an entry's status (of a link itself), None if there is no entry."""
        try:
            return os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def _entered(self, name: str, *, create: bool) -> "LocalFolder":
        if create:
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, dir_fd=self.descriptor)
        shown = f"{self.shown}/{name}"
        try:
            return LocalFolder(os.open(name, _FOLDER, dir_fd=self.descriptor), shown)
        except OSError as error:
            found = self.status(name)
            if found is None or stat.S_ISDIR(found.st_mode):
                raise
            what = "a symbolic link" if stat.S_ISLNK(found.st_mode) else "not a folder"
            raise Failure(
                f"Cannot copy into {shown!r}", f"it is {what}", "Remove it, or copy to another folder"
            ) from error


def split_path(path: str) -> tuple[str, str]:
    """Return the folder, "" for the top, and the name of `a/b`."""
    parent, _, name = path.rpartition("/")
    return parent, name
