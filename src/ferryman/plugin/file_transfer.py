"""Copies one file, either way; an interrupted copy goes on where it stopped, if what is there is the beginning."""

import asyncio
import hashlib
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

from ferryman.model.failures import Failure
from ferryman.plugin.input_feeding import feed
from ferryman.plugin.running_command import Stream
from ferryman.plugin.transfer import (
    PART,
    PIECE_BYTES,
    Progress,
    RemotePath,
    Runner,
    differs,
    failed,
    pieces,
    ran,
    script,
)

if TYPE_CHECKING:
    from hashlib import _Hash

_PLACE = """\
d=$1; if [ -d "$d" ]; then d="${d%/}/$2"; fi
if [ -d "$d" ]; then echo "$d is a folder" >&2; exit 1; fi
p="$d$3"; n=0; s=-
if [ -f "$p" ]; then n=$(wc -c < "$p") && s=$(sha256sum < "$p"); fi
printf '%s %s\\n%s' $n "${s%% *}" "$d"
"""
_APPEND = 'umask 077; exec cat >> "$1"'
_REPLACE = 'umask 077; exec cat > "$1"'
_COMPLETE = """\
s=$(sha256sum < "$1") || exit 1
if [ "${s%% *}" != "$4" ]; then rm -f "$1"; exit 65; fi
chmod "$3" "$1" && mv -f "$1" "$2"
"""
_DIFFERENT = 65
_LOOK = """\
if [ ! -f "$1" ]; then echo "$1 is no file" >&2; exit 1; fi
n=$(wc -c < "$1") || exit 1
printf '%s %s' $n "$(stat -c %a "$1" 2> /dev/null || echo 644)"
"""
_DIGEST = 'if [ -n "$2" ]; then head -c "$2" "$1"; else cat "$1"; fi | sha256sum'
_FETCH = 'exec tail -c "+$2" "$1"'


async def upload_file(node: Runner, source: Path, destination: RemotePath, progress: Progress) -> None:
    """Copy a local file to the node, into `destination` if that is a folder. Raises `Failure`, OSError."""
    look = source.stat()  # noqa: ASYNC240 - a look at a local file
    size = look.st_size
    what = str(source)
    placed = await ran(node, what, script(_PLACE, destination.argument, source.name, PART))
    found, _, place = placed.decode("utf-8", "surrogateescape").partition("\n")
    there, _, there_digest = found.partition(" ")
    digest, offset = await asyncio.to_thread(_begun, source, min(int(there), size), int(there), there_digest)
    part = place + PART

    async def rest() -> AsyncIterator[bytes]:
        sent = offset
        async for data in pieces(source, offset, size):
            digest.update(data)
            yield data
            sent += len(data)
            progress(sent, size)

    progress(offset, size)
    complaint = b""
    async with node.start(script(_APPEND if offset else _REPLACE, part)) as command, feed(command, rest()):
        async for _, data in command:
            complaint += data
        if code := await command.wait():
            raise failed(node, what, code, complaint)
    mode = f"{stat.S_IMODE(look.st_mode) & 0o777:o}"
    result = await node.run(script(_COMPLETE, part, place, mode, digest.hexdigest()))
    if result.exit_code == _DIFFERENT:
        raise differs(what)
    if result.exit_code:
        raise failed(node, what, result.exit_code, result.stderr)


async def download_file(node: Runner, source: RemotePath, destination: Path, progress: Progress) -> None:
    """Copy a file of the node's here, into `destination` if that is a folder. Raises `Failure`, OSError."""
    remote = source.argument
    size, mode = (await ran(node, remote, script(_LOOK, remote))).split()
    total = int(size)
    place = destination
    if destination.is_dir():  # noqa: ASYNC240 - a look at a local file
        place = destination / remote.rstrip("/").rpartition("/")[2]
    part = place.with_name(place.name + PART)
    offset = min(part.stat().st_size, total) if part.is_file() else 0
    digest = hashlib.sha256()
    if offset:
        theirs = await ran(node, remote, script(_DIGEST, remote, str(offset)))
        digest, offset = await asyncio.to_thread(_begun, part, offset, offset, theirs.split()[0].decode())
    await _fetch(node, remote, part, offset, total, digest, progress)
    theirs = await ran(node, remote, script(_DIGEST, remote, ""))
    if theirs.split()[0].decode() != digest.hexdigest():
        part.unlink()
        raise differs(remote)
    part.chmod(int(mode, 8) & 0o777)
    part.replace(place)


async def _fetch(
    node: Runner, remote: str, part: Path, offset: int, total: int, digest: "_Hash", progress: Progress
) -> None:
    progress(offset, total)
    complaint = b""
    with part.open("r+b" if offset else "wb") as file:
        part.chmod(0o600)  # noqa: ASYNC240 - a look at a local file
        file.seek(offset)
        file.truncate()
        async with node.start(script(_FETCH, remote, str(offset + 1))) as command, feed(command, []):
            async for stream, data in command:
                if stream is Stream.STDERR:
                    complaint += data
                    continue
                file.write(data)
                digest.update(data)
                offset += len(data)
                progress(offset, max(offset, total))
            if code := await command.wait():
                raise failed(node, remote, code, complaint)


def _begun(path: Path, size: int, there: int, there_digest: str) -> tuple["_Hash", int]:
    """Return the digest of what needs no copying, and how much that is: `size` bytes, or none if they differ."""
    digest = hashlib.sha256()
    if not size or there != size:
        return digest, 0
    with path.open("rb") as file:
        remaining = size
        while remaining and (data := file.read(min(PIECE_BYTES, remaining))):
            digest.update(data)
            remaining -= len(data)
    if remaining:
        raise Failure(f"Cannot copy {path}", "it became shorter meanwhile", "Copy it again")
    return (digest, size) if digest.hexdigest() == there_digest else (hashlib.sha256(), 0)
