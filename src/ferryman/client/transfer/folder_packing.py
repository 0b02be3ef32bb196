"""Lists a local folder and packs it into a tar stream; links in it are never followed, whoever put them there."""

import hashlib
import os
import stat
import tarfile
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import FileIO

from ferryman.client.transfer.commands import permissions, pieces
from ferryman.client.transfer.local_folder import LocalFolder, split_path
from ferryman.client.transfer.partial_file import PRIVATE_NAME
from ferryman.model.failures import Failure


@dataclass(frozen=True, slots=True)
class FolderContents:
    """The contents of a folder, by path within it, `a/b`; unfinished copies are left out."""

    entries: Sequence[str]
    """Everything, each folder before its contents."""
    folders: Sequence[str]
    """The folders among `entries`, without links to folders."""
    digests: Mapping[str, str]
    """SHA-256 of each regular file."""
    sizes: Mapping[str, int]
    """Bytes of each regular file."""


def contents(folder: LocalFolder) -> FolderContents:
    """Read all of a folder. Raises OSError."""
    entries: list[str] = []
    folders: list[str] = []
    digests: dict[str, str] = {}
    sizes: dict[str, int] = {}
    for top, below, names, descriptor in os.fwalk(".", dir_fd=folder.descriptor):
        below[:] = [each for each in below if not PRIVATE_NAME.fullmatch(each)]
        here = LocalFolder(descriptor, top)  # fwalk closes the descriptor
        for name in (*below, *names):
            path = os.path.normpath(f"{top}/{name}")
            entries.append(path)
            if (status := here.status(name)) is not None and stat.S_ISDIR(status.st_mode):
                folders.append(path)
            elif (found := file_digest(here, name)) is not None:
                digests[path], sizes[path] = found
    return FolderContents(sorted(entries), folders, digests, sizes)


def file_digest(folder: LocalFolder, name: str) -> tuple[str, int] | None:
    """Return the SHA-256 and length of a regular file; None if nothing or something else has that name."""
    file = folder.file(name)
    if file is None:
        return None
    with file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return digest, file.tell()


async def packed(folder: LocalFolder, entries: Iterable[str], *, keep_setuid: bool = False) -> AsyncIterator[bytes]:
    """Yield a tar stream of `entries`: files, folders and links, without owners, which are accounts of this machine.

    Raises `Failure` if a file becomes shorter in the meantime, OSError.
    """
    for entry in entries:
        parent, name = split_path(entry)
        with folder.folder(parent) as here:
            file = here.file(name)
            if file is None:
                info = _header(here, entry, name, keep_setuid=keep_setuid)
                if info is not None:
                    yield _encoded(info)
                continue
            with file:
                async for data in _packed_file(file, entry, keep_setuid=keep_setuid):
                    yield data
    yield bytes(2 * tarfile.BLOCKSIZE)


async def _packed_file(file: FileIO, entry: str, *, keep_setuid: bool) -> AsyncIterator[bytes]:
    status = os.fstat(file.fileno())
    info = _information(entry, status, permissions(status.st_mode, keep_setuid=keep_setuid))
    info.size = remaining = status.st_size
    yield _encoded(info)
    async for data in pieces(file, info.size):
        remaining -= len(data)
        yield data
    if remaining:
        raise Failure(f"Cannot copy {entry}", "it became shorter in the meantime", "Copy it again")
    yield bytes(-info.size % tarfile.BLOCKSIZE)


def _header(folder: LocalFolder, entry: str, name: str, *, keep_setuid: bool) -> tarfile.TarInfo | None:
    status = folder.status(name)
    if status is None:
        return None
    if stat.S_ISDIR(status.st_mode):
        sticky = status.st_mode & stat.S_ISVTX  # without it, anybody could delete others' files in a shared folder
        info = _information(entry, status, permissions(status.st_mode, keep_setuid=keep_setuid) | sticky)
        info.type = tarfile.DIRTYPE
        return info
    if stat.S_ISLNK(status.st_mode):
        info = _information(entry, status, 0o777)
        info.type = tarfile.SYMTYPE
        info.linkname = os.readlink(name, dir_fd=folder.descriptor)
        return info
    return None


def _information(entry: str, status: os.stat_result, mode: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(entry)
    info.mode = mode
    info.mtime = status.st_mtime
    return info


def _encoded(info: tarfile.TarInfo) -> bytes:
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
