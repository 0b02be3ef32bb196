"""Copies one file in either direction; an interrupted copy resumes if its partial file is the beginning of the file."""

import asyncio
import hashlib
import os
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING

from ferryman.client.transfer.commands import (
    PIECE_BYTES,
    Progress,
    RemotePath,
    Runner,
    differs,
    failed,
    permissions,
    pieces,
    ran,
    run,
    script,
    stream,
)
from ferryman.client.transfer.local_folder import LocalFolder
from ferryman.client.transfer.partial_file import PRIVATE_NAME, PartialFile, earlier_copies, private_name
from ferryman.model.failures import Failure
from ferryman.model.values.copy_reasons import download_reason, upload_reason

if TYPE_CHECKING:
    from hashlib import _Hash

_PRIVATE = """\
umask 077
here() { h=$(pwd -P && echo .) && h=${h%??}; }
enter() {
  here && w=${h%/}/$1 && cd -P -- "./$1" 2> /dev/null && here && [ "$h" = "$w" ] || return 1
  set -- $(ls -ldn .) && [ "$3" = "$(id -u)" ] || return 1
  case $1 in drwx------*) ;; *) return 1;; esac
}
place() { n=${1##*/}; cd -- "${1%"$n"}./"; }
private() { enter "$1" || { echo "$1 beside it was removed or replaced" >&2; exit 1; }; }
"""
"""Functions for the private folder that a file is received in, as in `partial_file`. `enter` goes there unless it is a
link or others can write in it; the working directory then is that folder, whatever happens to its name."""

_LOOK_THERE = """\
d=$1; if [ -d "$d" ]; then d="${d%/}/$2"; fi
if [ -d "$d" ]; then echo "$d is a folder" >&2; exit 1; fi
place "$d" || exit 1
if [ -z "$n" ]; then echo "$d does not exist" >&2; exit 1; fi
for f in .ferryman-part-????????????????; do
  s=$(enter "$f" && [ -f "$n" ] && [ ! -L "$n" ] && wc -c < "./$n" && sha256sum < "./$n") || continue
  set -- $s
  printf '%s %s %s\\n%s' "$f" "$1" "$2" "$d"; exit
done
printf -- '- 0 -\\n%s' "$d"
"""
_WRITE = """\
place "$1" || exit 1
mkdir -m 700 "./$2" 2> /dev/null; private "$2"
if [ "$3" != 0 ]; then exec cat >> "./$n"; fi
rm -f "./$n"; set -C; exec cat > "./$n"
"""
_COMPLETE = """\
place "$1" || exit 1; private "$2"
s=$(sha256sum < "./$n") || exit 1
if [ "${s%% *}" != "$4" ]; then rm -f "./$n"; cd .. && rmdir "./$2"; exit 65; fi
chmod "$3" "./$n" || exit 1
e=$(mv -fT "./$n" "../$n" 2>&1) || { [ ! -d "../$n" ] && mv -f "./$n" "../$n"; } || { echo "$e" >&2; exit 1; }
cd .. && rmdir "./$2"
"""
_DIFFERENT = 65
_LOOK_HERE = """\
if [ ! -e "$1" ]; then echo "$1 does not exist" >&2; exit 1; fi
if [ ! -f "$1" ]; then echo "$1 is not a file" >&2; exit 1; fi
n=$(wc -c < "$1") && n=$((n)) && s=$(head -c "$n" "$1" | sha256sum) || exit 1
o=$2; if [ "$o" -gt "$n" ]; then o=$n; fi
b=-; if [ "$o" != 0 ]; then b=$(head -c "$o" "$1" | sha256sum); fi
printf '%s %s %s %s' "$n" "$(stat -L -c %a "$1" 2> /dev/null || echo 644)" "${s%% *}" "${b%% *}"
"""
_FETCH = 'tail -c "+$2" "$1" | head -c "$3"'

_THERE = re.compile(rf"(-|{PRIVATE_NAME.pattern}) (\d{{1,19}}) (-|[0-9a-f]{{64}})\n(.+)", re.DOTALL)
_SOURCE = re.compile(rb"(\d{1,19}) ([0-7]{1,4}) ([0-9a-f]{64}) (-|[0-9a-f]{64})\s*")


async def upload_file(
    node: Runner, source: Path, destination: RemotePath, progress: Progress, *, keep_setuid: bool = False
) -> None:
    """Copy a local file to the node, into `destination` if that is a folder. Raises `Failure`, OSError."""
    what = str(source)
    with source.open("rb", buffering=0) as file:
        look = os.fstat(file.fileno())
        size = look.st_size
        begun = await ran(node, what, script(_PRIVATE + _LOOK_THERE, destination.argument, source.name))
        match = _THERE.fullmatch(begun.decode("utf-8", "surrogateescape"))
        if match is None:
            raise _unreadable(node, what)
        folder, there, there_digest, place = match.groups()
        if folder == "-":
            folder = private_name()
        digest, offset = await asyncio.to_thread(_begun, file, what, size, int(there), there_digest)
        file.seek(offset)

        async def rest() -> AsyncIterator[bytes]:
            sent = offset
            async for data in pieces(file, size - offset):
                digest.update(data)
                yield data
                sent += len(data)
                progress(sent, size)

        progress(offset, size)
        write = script(_PRIVATE + _WRITE, place, folder, str(offset))
        await ran(node, what, write, rest(), reason=upload_reason(source.name, destination.argument, size))
    mode = f"{permissions(look.st_mode, keep_setuid=keep_setuid):o}"
    complete = script(_PRIVATE + _COMPLETE, place, folder, mode, digest.hexdigest())
    reason = upload_reason(source.name, destination.argument, size, digest.hexdigest())
    answer = await run(node, what, complete, reason=reason)
    if answer.exit_code == _DIFFERENT:
        raise differs(what)
    if answer.exit_code:
        raise failed(node, what, answer)


async def download_file(
    node: Runner, source: RemotePath, destination: Path, progress: Progress, *, keep_setuid: bool = False
) -> None:
    """Copy a file from the node, into `destination` if that is a folder. Raises `Failure`, OSError."""
    parent, name = destination.parent, destination.name
    if destination.is_dir():  # noqa: ASYNC240 - a look at a local file
        parent, name = destination, source.argument.rstrip("/").rpartition("/")[2]
    if name in ("", ".", ".."):
        raise Failure(f"Cannot copy {source.argument}", "it has no file name", "Name the local file as the destination")
    with LocalFolder.open(parent) as folder:
        earlier = (await asyncio.to_thread(earlier_copies, folder)).get(name)
        file = LocalFile(folder, name, earlier)
        await receive(node, source.argument, file, progress, keep_setuid=keep_setuid)


@dataclass(frozen=True, slots=True)
class LocalFile:
    """Where a file goes: a name in an open folder, and the private folder of an interrupted copy."""

    folder: LocalFolder
    name: str
    earlier: str | None


def _admit_any(_: int) -> None:
    """Accept any length that the node announces."""


async def receive(
    node: Runner,
    remote: str,
    place: LocalFile,
    progress: Progress,
    *,
    admit: Callable[[int], None] = _admit_any,
    keep_setuid: bool = False,
) -> None:
    """Copy the node's file `remote` to a local place. Raises `Failure`, OSError.

    The node first announces the file's length and SHA-256; exactly that is copied. `admit` gets the length first, and
    may raise to stop the copy.
    """
    with PartialFile(place.folder, place.name, place.earlier) as part:
        look = script(_LOOK_HERE, remote, str(part.size))
        answer = await ran(node, remote, look, reason=download_reason(remote))
        match = _SOURCE.fullmatch(answer)
        if match is None:
            raise _unreadable(node, remote)
        total = int(match[1])
        admit(total)
        offset = min(part.size, total)
        digest = await asyncio.to_thread(part.digest, offset)
        if digest.hexdigest().encode() != match[4]:
            digest, offset = hashlib.sha256(), 0
        reason = download_reason(remote, total, match[3].decode())
        await _fetch(node, remote, part, (offset, total), digest, progress, reason)
        if digest.hexdigest().encode() != match[3]:
            part.discard()
            raise differs(remote)
        part.complete(permissions(int(match[2], 8), keep_setuid=keep_setuid) & ~_umask())


async def _fetch(
    node: Runner,
    remote: str,
    part: PartialFile,
    span: tuple[int, int],
    digest: "_Hash",
    progress: Progress,
    reason: str,
) -> None:
    """Write the file's bytes from the first offset of `span` to the second to `part`, and nothing beyond."""
    offset, total = span
    progress(offset, total)
    part.begin(offset)
    if offset == total:
        return

    def keep(data: bytes) -> None:
        nonlocal offset
        if offset + len(data) > total:
            part.discard()
            raise Failure(f"Cannot copy {remote}", f"{node.name} sent more than the {total} bytes it announced")
        part.write(data)
        digest.update(data)
        offset += len(data)
        progress(offset, total)

    command = script(_FETCH, remote, str(offset + 1), str(total - offset))
    answer = await stream(node, remote, command, keep, reason=reason)
    if answer.exit_code or (answer.complaint and offset < total):
        raise failed(node, remote, answer)
    if offset < total:
        raise Failure(f"Cannot copy {remote}", "it became shorter in the meantime", "Copy it again")


def _begun(file: FileIO, what: str, size: int, there: int, there_digest: str) -> tuple["_Hash", int]:
    """Return the digest and size of the part that needs no copying: `there` bytes, or none if they differ."""
    digest = hashlib.sha256()
    if not there or there > size:
        return digest, 0
    remaining = there
    while remaining and (data := file.read(min(PIECE_BYTES, remaining))):
        digest.update(data)
        remaining -= len(data)
    if remaining:
        raise Failure(f"Cannot copy {what}", "it became shorter in the meantime", "Copy it again")
    return (digest, there) if digest.hexdigest() == there_digest else (hashlib.sha256(), 0)


def _unreadable(node: Runner, what: str) -> Failure:
    return Failure(f"Cannot copy {what}", f"{node.name} did not answer with sizes and digests")


def _umask() -> int:
    umask = os.umask(0o077)
    os.umask(umask)
    return umask
