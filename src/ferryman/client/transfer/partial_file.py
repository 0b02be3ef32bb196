"""A file that is being received, and the partial file of an interrupted copy.

It is written in a private folder next to its destination and moved there when it is complete. The folder has an
unpredictable name, is created exclusively and admits only its owner, so no other account can plant a link or a file in
the way. A folder that an earlier copy left is reused only if it is still private.
"""

import contextlib
import hashlib
import os
import re
import secrets
import stat
from dataclasses import dataclass
from io import FileIO
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ferryman.client.transfer.commands import PIECE_BYTES
from ferryman.client.transfer.local_folder import LocalFolder
from ferryman.model.failures import Failure
from ferryman.system.file_locks import lock_file

if TYPE_CHECKING:
    from hashlib import _Hash

PREFIX = ".ferryman-part-"
PRIVATE_NAME = re.compile(re.escape(PREFIX) + "[0-9a-f]{16}")
_OTHERS = 0o077


def private_name() -> str:
    """Return a name for a private folder that nobody can guess."""
    return f"{PREFIX}{secrets.token_hex(8)}"


def earlier_copies(folder: LocalFolder) -> dict[str, str]:
    """Return the private folders that interrupted copies left in a folder, by the name of the file in each."""
    found: dict[str, str] = {}
    for entry in os.listdir(folder.descriptor):  # noqa: PTH208 - a descriptor, no path
        if not PRIVATE_NAME.fullmatch(entry):
            continue
        with contextlib.suppress(Failure, OSError), folder.folder(entry) as private:
            if _is_private(private):
                for name in os.listdir(private.descriptor):  # noqa: PTH208
                    found.setdefault(name, entry)
    return found


@dataclass(frozen=True, slots=True)
class _Begun:
    """An open file in an open private folder, and the folder's name."""

    name: str
    folder: LocalFolder
    file: FileIO

    def close(self) -> None:
        self.file.close()
        self.folder.close()


class PartialFile:
    """The file `name` of `folder`, as far as it has been received.

    A context manager: the written part is kept for a later copy unless the file was completed or discarded.
    """

    def __init__(self, folder: LocalFolder, name: str, earlier: str | None) -> None:
        """`earlier`: the private folder of an interrupted copy. Raises `Failure` if a folder has that name, OSError."""
        found = folder.status(name)
        if found is not None and stat.S_ISDIR(found.st_mode):
            raise Failure(f"Cannot copy to {folder.shown}/{name!r}", "it is a folder")
        self._folder = folder
        self._name = name
        self._begun = None if earlier is None else self._resumed(earlier)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._begun is not None and self.size:
            self._begun.close()
        else:
            self.discard()

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return os.fstat(self._begun.file.fileno()).st_size if self._begun is not None else 0

    def digest(self, size: int) -> "_Hash":
        """Return the SHA-256 of the first `size` bytes."""
        digest = hashlib.sha256()
        if self._begun is not None:
            self._begun.file.seek(0)
            while size and (data := self._begun.file.read(min(PIECE_BYTES, size))):
                digest.update(data)
                size -= len(data)
        return digest

    def begin(self, offset: int) -> None:
        """Keep the first `offset` bytes, and write after them. Raises OSError."""
        file = self._opened().file
        file.truncate(offset)
        file.seek(offset)

    def write(self, data: bytes) -> None:
        """Write all of `data`. Raises OSError."""
        file = self._opened().file
        view = memoryview(data)
        while view:
            view = view[file.write(view) :]

    def complete(self, mode: int) -> None:
        """Set the file's permissions and move it to its place, where it replaces a link instead of following it."""
        begun = self._opened()
        os.fchmod(begun.file.fileno(), mode)
        os.rename(self._name, self._name, src_dir_fd=begun.folder.descriptor, dst_dir_fd=self._folder.descriptor)
        self._remove_folder(begun)

    def discard(self) -> None:
        """Delete the written part; idempotent."""
        if self._begun is not None:
            with contextlib.suppress(OSError):
                os.unlink(self._name, dir_fd=self._begun.folder.descriptor)
            self._remove_folder(self._begun)

    def _resumed(self, earlier: str) -> _Begun | None:
        with contextlib.suppress(Failure, OSError):
            private = self._folder.folder(earlier)
            file = private.file(self._name, os.O_RDWR) if _is_private(private) else None
            if file is not None and _is_free(file):
                return _Begun(earlier, private, file)
            private.close()
            if file is not None:
                file.close()
        return None

    def _opened(self) -> _Begun:
        if self._begun is None:
            name = private_name()
            os.mkdir(name, 0o700, dir_fd=self._folder.descriptor)
            folder = self._folder.folder(name)
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            file = FileIO(os.open(self._name, flags, 0o600, dir_fd=folder.descriptor), "r+")
            self._begun = _Begun(name, folder, file)
            _is_free(file)  # keeps others from resuming it
        return self._begun

    def _remove_folder(self, begun: _Begun) -> None:
        begun.close()
        self._begun = None
        with contextlib.suppress(OSError):
            os.rmdir(begun.name, dir_fd=self._folder.descriptor)


def _is_private(folder: LocalFolder) -> bool:
    status = os.fstat(folder.descriptor)
    return status.st_uid == os.geteuid() and not status.st_mode & _OTHERS


def _is_free(file: FileIO) -> bool:
    """Lock the file; return whether it belongs to us alone and no other copy is writing it."""
    status = os.fstat(file.fileno())
    try:
        lock_file(file.fileno(), wait=False)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        pass
    return status.st_uid == os.geteuid() and status.st_nlink == 1
