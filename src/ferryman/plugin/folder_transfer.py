"""Copies a folder, either way. Files that the other side has already, as they are, are not copied again.

To the node goes one tar stream; from it the files come one by one, several at a time, so that nothing a node sends can
be anything but a file at a checked place. Only files and folders are copied from a node; links go to it as links.
"""

import asyncio
import hashlib
import io
import re
import tarfile
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path, PurePosixPath

from ferryman.model.failures import Failure
from ferryman.plugin.file_transfer import download_file
from ferryman.plugin.input_feeding import feed
from ferryman.plugin.transfer import Progress, RemotePath, Runner, differs, failed, pieces, ran, script

AT_A_TIME = 8
_DIGESTS = 'cd "$1" 2> /dev/null || exit 0; exec find . -type f -exec sha256sum {} +'
_SIZE = 'cd "$1" && find . -type f -exec cat {} + | wc -c'
_UNPACK = 'mkdir -p "$1" && cd "$1" && exec tar -xpf -'
_ESCAPED = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", "r": "\r", "\\": "\\"}

Digests = Mapping[str, str]
"""SHA-256 by path within the folder, `a/b`."""


async def upload_folder(node: Runner, source: Path, destination: RemotePath, progress: Progress) -> None:
    """Copy a local folder to the node, as `destination`, or into it if that ends in a slash. Raises `Failure`."""
    what = str(source)
    place = destination.argument
    if destination.is_folder_to_be:
        name = source.resolve().name  # noqa: ASYNC240 - a look at a local file
        place = f"{place.rstrip('/')}/{name}"
    ours = await asyncio.to_thread(_digests, source)
    theirs = await _remote_digests(node, what, place)
    entries = [each for each in await asyncio.to_thread(_entries, source) if _wanted(source, each, ours, theirs)]
    total = sum((source / each).stat().st_size for each in entries if each in ours)
    sent = 0

    async def stream() -> AsyncIterator[bytes]:
        nonlocal sent
        async for data in packed(source, entries):
            yield data
            sent += len(data)
            progress(min(sent, total), total)

    complaint = b""
    async with node.start(script(_UNPACK, place)) as command, feed(command, stream()):
        async for _, data in command:
            complaint += data
        if code := await command.wait():
            raise failed(node, what, code, complaint)
    theirs = await _remote_digests(node, what, place)
    if any(theirs.get(path) != digest for path, digest in ours.items()):
        raise differs(what)
    progress(total, total)


async def download_folder(node: Runner, source: RemotePath, destination: Path, progress: Progress) -> None:
    """Copy a folder of the node's here, as `destination`, or into it if it is there already. Raises `Failure`."""
    remote = source.argument
    place = destination
    name = remote.rstrip("/").rpartition("/")[2]
    if name not in ("", ".", "..") and destination.is_dir():  # noqa: ASYNC240 - a look at a local file
        place = destination / name
    theirs = await _remote_digests(node, remote, remote)
    total = int(await ran(node, remote, script(_SIZE, remote)))
    ours = await asyncio.to_thread(_digests, place)
    place.mkdir(parents=True, exist_ok=True)
    done = {path: (place / path).stat().st_size for path, digest in theirs.items() if ours.get(path) == digest}
    places = asyncio.Semaphore(AT_A_TIME)

    async def fetch(path: str) -> None:
        def told(there: int, _: int) -> None:
            done[path] = there
            progress(sum(done.values()), total)

        async with places:
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            await download_file(node, RemotePath(f"{remote}/{path}"), place / path, told)

    fetching = [asyncio.create_task(fetch(path)) for path in theirs if path not in done]
    try:
        await asyncio.gather(*fetching)
    finally:
        for task in fetching:
            task.cancel()
        await asyncio.gather(*fetching, return_exceptions=True)
    progress(total, total)


async def packed(folder: Path, entries: Iterable[str]) -> AsyncIterator[bytes]:
    """Yield a tar stream of `entries` of `folder`."""
    with tarfile.open(fileobj=io.BytesIO(), mode="w") as headers:
        for entry in entries:
            headers.inodes.clear()  # type: ignore[attr-defined] # else a file's second name would become a link
            info = headers.gettarinfo(str(folder / entry), arcname=entry)
            if info is None or not (info.isreg() or info.isdir() or info.issym()):
                continue
            yield info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
            if not info.isreg():
                continue
            remaining = info.size
            async for data in pieces(folder / entry, 0, info.size):
                remaining -= len(data)
                yield data
            if remaining:
                raise Failure(f"Cannot copy {folder / entry}", "it became shorter meanwhile", "Copy it again")
            yield bytes(-info.size % tarfile.BLOCKSIZE)
    yield bytes(2 * tarfile.BLOCKSIZE)


def _wanted(folder: Path, entry: str, ours: Digests, theirs: Digests) -> bool:
    return entry not in ours or theirs.get(entry) != ours[entry]


def _entries(folder: Path) -> list[str]:
    """Return what is in a folder, each folder before what is in it."""
    return sorted(each.relative_to(folder).as_posix() for each in folder.rglob("*"))


def _digests(folder: Path) -> dict[str, str]:
    """Return those of a local folder; none if there is no such folder."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                found[path.relative_to(folder).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


async def _remote_digests(node: Runner, what: str, folder: str) -> dict[str, str]:
    listed = await ran(node, what, script(_DIGESTS, folder))
    return parse_digests(listed.decode("utf-8", "surrogateescape"))


def parse_digests(listed: str) -> dict[str, str]:
    """Return what `sha256sum` printed for files found below a folder; raises `Failure` for a name that is no such."""
    found = {}
    for line in listed.split("\n"):
        if not line:
            continue
        escaped = line.startswith("\\")
        digest, _, name = line.removeprefix("\\").partition("  ")
        if escaped:
            name = _ESCAPED.sub(lambda match: _ESCAPES.get(match[1], match[1]), name)
        path = PurePosixPath(name)
        if not name.startswith("./") or ".." in path.parts:
            raise Failure("Cannot copy a folder", f"the node lists a file outside it: {name!r}")
        found[name.removeprefix("./")] = digest
    return found
