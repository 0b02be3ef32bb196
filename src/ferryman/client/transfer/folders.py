"""Copies a folder in either direction. Files that the other side already has unchanged are not copied again.

Uploads are one tar stream. Downloads fetch each file by itself, several at a time, so that whatever a node sends can
only become a file at a checked place. Only files and folders are downloaded; links are uploaded as links.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from functools import partial
from pathlib import Path

from ferryman.client.transfer.commands import Progress, RemotePath, Runner, differs, failed, ran, run, script, stream
from ferryman.client.transfer.digest_listing import DigestListing
from ferryman.client.transfer.files import LocalFile, receive
from ferryman.client.transfer.folder_packing import FolderContents, contents, file_digest, packed
from ferryman.client.transfer.local_folder import LocalFolder, split_path
from ferryman.client.transfer.partial_file import PREFIX, earlier_copies
from ferryman.model.failures import Failure
from ferryman.model.values.copy_reasons import folder_reason

AT_A_TIME = 8
GROWTH_BYTES = 64 * 1024 * 1024
"""How much a folder may grow while it is copied, as log folders do."""
_FILES = f"find . -type d -name '{PREFIX}*' -prune -o -type f -exec"
_DIGESTS = f'cd "$1" 2> /dev/null || exit 0; exec {_FILES} sha256sum {{}} +'
_SIZE = f'cd "$1" && {_FILES} cat {{}} + | wc -c'
_LINKS = """\
cd "$1" 2> /dev/null || exit 0
xargs -0 sh -c 'for d; do if [ -L "$d" ]; then printf "%s\\n" "$d"; fi; done' sh | head -c 4096
"""
_UNPACK = 'mkdir -p "$1" && cd "$1" && exec tar -xpof -'
"""-o: the files belong to the account that unpacks them, even if that is root."""
_NUMBER = re.compile(rb"\s*(\d{1,19})\s*")


async def upload_folder(
    node: Runner, source: Path, destination: RemotePath, progress: Progress, *, keep_setuid: bool = False
) -> None:
    """Copy a local folder to the node, as `destination`, or into it if that ends in a slash. Raises `Failure`."""
    what = str(source)
    place = destination.argument
    if destination.is_folder_to_be:
        name = source.resolve().name  # noqa: ASYNC240 - a look at a local file
        place = f"{place.rstrip('/')}/{name}"
    with LocalFolder.open(source) as folder:
        ours = await asyncio.to_thread(contents, folder)
        theirs = await _remote_digests(node, what, place, ours)
        await _refuse_links(node, what, place, ours)
        entries = [each for each in ours.entries if each not in ours.digests or theirs.get(each) != ours.digests[each]]
        total = sum(ours.sizes[each] for each in entries if each in ours.digests)
        sent = 0

        async def packing() -> AsyncIterator[bytes]:
            nonlocal sent
            async for data in packed(folder, entries, keep_setuid=keep_setuid):
                yield data
                sent += len(data)
                progress(min(sent, total), total)

        files = sum(each in ours.digests for each in entries)
        reason = folder_reason(source.name, destination.argument, files, total)
        await ran(node, what, script(_UNPACK, place), packing(), reason=reason)
    theirs = await _remote_digests(node, what, place, ours)
    if theirs != ours.digests:
        raise differs(what)
    progress(total, total)


async def download_folder(
    node: Runner, source: RemotePath, destination: Path, progress: Progress, *, keep_setuid: bool = False
) -> None:
    """Copy a folder from the node, as `destination`, or into it if it exists. Raises `Failure`."""
    remote = source.argument
    name = remote.rstrip("/").rpartition("/")[2]
    if name in ("", ".", "..") or not destination.is_dir():  # noqa: ASYNC240 - a look at a local file
        name = ""
        destination.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - a local folder
    theirs = await _listed(node, remote, remote, DigestListing())
    total = await _size(node, remote)
    with LocalFolder.open(destination) as named, named.folder(name, create=True) as folder:
        await _Download(node, remote, folder, total, progress, keep_setuid=keep_setuid).run(theirs)


async def is_folder(node: Runner, path: RemotePath) -> bool:
    """Return whether the node says that it has a folder there. Raises `Failure`."""
    return (await run(node, path.argument, script('test -d "$1"', path.argument))).exit_code == 0


class _Download:
    """Fetches the files of one folder, several at a time, together no larger than announced plus `GROWTH_BYTES`."""

    def __init__(
        self, node: Runner, remote: str, folder: LocalFolder, total: int, progress: Progress, *, keep_setuid: bool
    ) -> None:
        self._node = node
        self._remote = remote
        self._folder = folder
        self._total = total
        self._progress = progress
        self._keep_setuid = keep_setuid
        self._there: dict[str, int] = {}
        """Bytes that are here already, by path."""
        self._here = 0
        """The sum of `_there`."""
        self._announced = 0
        """Bytes of all files, each as the node announced it when it was fetched."""

    async def run(self, theirs: dict[str, str]) -> None:
        """Fetch the files that are missing or differ. Raises `Failure`, OSError."""
        earlier = await asyncio.to_thread(self._compare, theirs)
        missing = iter([path for path in theirs if path not in self._there])
        fetching = [asyncio.create_task(self._fetch(missing, earlier)) for _ in range(AT_A_TIME)]
        try:
            await asyncio.gather(*fetching)
        finally:
            for task in fetching:
                task.cancel()
            await asyncio.gather(*fetching, return_exceptions=True)
        self._progress(self._here, self._here)

    def _compare(self, theirs: dict[str, str]) -> dict[str, str]:
        """Find the files that need no copying; return the private folders of interrupted copies, by path."""
        by_parent: dict[str, list[str]] = {}
        for path in theirs:
            by_parent.setdefault(split_path(path)[0], []).append(path)
        earlier: dict[str, str] = {}
        for parent, paths in by_parent.items():
            with contextlib.suppress(FileNotFoundError), self._folder.folder(parent) as folder:
                begun = earlier_copies(folder)
                for path in paths:
                    name = split_path(path)[1]
                    found = file_digest(folder, name)
                    if found is not None and found[0] == theirs[path]:
                        self._there[path] = found[1]
                    elif name in begun:
                        earlier[path] = begun[name]
        self._here = self._announced = sum(self._there.values())
        return earlier

    async def _fetch(self, missing: Iterator[str], earlier: Mapping[str, str]) -> None:
        for path in missing:
            parent, name = split_path(path)
            with self._folder.folder(parent, create=True) as folder:
                await receive(
                    self._node,
                    f"{self._remote}/{path}",
                    LocalFile(folder, name, earlier.get(path)),
                    partial(self._arrived, path),
                    admit=self._admit,
                    keep_setuid=self._keep_setuid,
                )

    def _arrived(self, path: str, there: int, _: int) -> None:
        self._here += there - self._there.get(path, 0)
        self._there[path] = there
        self._progress(self._here, max(self._here, self._total))

    def _admit(self, size: int) -> None:
        self._announced += size
        if self._announced > self._total + GROWTH_BYTES:
            raise Failure(
                f"Cannot copy {self._remote}",
                f"its files are larger than the {self._total} bytes that the node announced",
                "Copy it again",
            )


async def _remote_digests(node: Runner, what: str, place: str, ours: FolderContents) -> dict[str, str]:
    """Return the digests of those of our files that the node has; it may have any number of others."""
    listing = DigestListing(ours.digests)
    return await _listed(node, what, place, listing)


async def _listed(node: Runner, what: str, place: str, listing: DigestListing) -> dict[str, str]:
    answer = await stream(node, what, script(_DIGESTS, place), listing.feed)
    if answer.exit_code:
        raise failed(node, what, answer)
    return listing.end()


async def _size(node: Runner, remote: str) -> int:
    """Return the bytes of all files of the node's folder together."""
    match = _NUMBER.fullmatch(await ran(node, remote, script(_SIZE, remote)))
    if match is None:
        raise Failure(f"Cannot copy {remote}", f"{node.name} did not answer with the folder's size")
    return int(match[1])


async def _refuse_links(node: Runner, what: str, place: str, ours: FolderContents) -> None:
    """Raise `Failure` if the node has a link in the place of one of our folders: unpacking would follow it."""
    folders = (each.encode("utf-8", "surrogateescape") + b"\0" for each in ours.folders)
    links = await ran(node, what, script(_LINKS, place), folders)
    if links:
        first = links.decode("utf-8", "surrogateescape").partition("\n")[0]
        raise Failure(
            f"Cannot copy into {place}/{first!r} on {node.name}",
            "it is a symbolic link",
            "Remove it, or copy to another folder",
        )
