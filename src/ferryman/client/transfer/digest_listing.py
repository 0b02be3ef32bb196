"""Parses the output of `sha256sum` for the files in a node's folder; the node may print anything."""

import re
from collections.abc import Container
from itertools import pairwise

from ferryman.client.transfer.partial_file import PREFIX
from ferryman.model.failures import Failure

MOST_FILES = 100_000
"""Downloads fetch each file by itself; this many take hours."""
MOST_BYTES = 32 * 1024 * 1024
MOST_LINE_BYTES = 16 * 1024
"""Longer than any path that can be opened, with every character escaped."""
_LINE = re.compile(r"(\\?)([0-9a-f]{64})  (.+)", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "\\": "\\"}
_TAR = "Copy with `ferryman run NODE -- tar -c FOLDER | tar -x` if you trust the node"


class DigestListing:
    """Collects SHA-256 by path within the folder, `a/b`, from output that arrives in pieces.

    `wanted`: the paths to keep; others are skipped. Without it every file is kept, up to `MOST_FILES` and `MOST_BYTES`
    of listing.
    """

    def __init__(self, wanted: Container[str] | None = None) -> None:
        self.digests: dict[str, str] = {}
        self._wanted = wanted
        self._rest = b""
        self._bytes = 0

    def feed(self, data: bytes) -> None:
        """Parse a piece of output. Raises `Failure` for a line that is not a file in the folder, or too many."""
        self._bytes += len(data)
        if self._wanted is None and self._bytes > MOST_BYTES:
            raise Failure("Cannot copy a folder", f"its listing exceeds {MOST_BYTES >> 20} MiB", _TAR)
        *lines, self._rest = (self._rest + data).split(b"\n")
        if max(map(len, (*lines, self._rest))) > MOST_LINE_BYTES:
            raise Failure("Cannot copy a folder", f"the node lists a name longer than {MOST_LINE_BYTES} bytes")
        for line in lines:
            self._line(line.decode("utf-8", "surrogateescape"))

    def end(self) -> dict[str, str]:
        """Return the digests. Raises `Failure` if the listing is incomplete, or has a file in a folder's place."""
        if self._rest:
            raise Failure("Cannot copy a folder", "the node's listing of files is incomplete", "Copy it again")
        # In this order, what is below a path comes directly after it; no name has a NUL.
        for path, below in pairwise(sorted(self.digests, key=lambda path: path.replace("/", "\0"))):
            if below.startswith(f"{path}/"):
                raise Failure("Cannot copy a folder", f"the node lists a file below another file: {below[:200]!r}")
        return self.digests

    def _line(self, line: str) -> None:
        match = _LINE.fullmatch(line)
        if match is None:
            raise Failure("Cannot copy a folder", f"the node's listing of files has the line {line[:80]!r}")
        escaped, digest, name = match.groups()
        if escaped:
            name = _ESCAPED.sub(lambda match: _ESCAPES.get(match[1], match[1]), name)
        if self._wanted is not None:
            if (path := name.removeprefix("./")) in self._wanted:
                self.digests[path] = digest
            return
        path = path_in_folder(name)
        if any(part.startswith(PREFIX) for part in path.split("/")):
            return  # another copy's unfinished file
        self.digests[path] = digest
        if len(self.digests) > MOST_FILES:
            raise Failure("Cannot copy a folder", f"it has more than {MOST_FILES} files", _TAR)


def path_in_folder(name: str) -> str:
    """Return `a/b` for `./a/b`, a path that stays in its folder whatever it is appended to. Raises `Failure`.

    The result is exactly what was checked: nothing may be stripped from it or replaced in it afterwards.
    """
    path = name.removeprefix("./")
    if path == name or "\0" in path or any(part in ("", ".", "..") for part in path.split("/")):
        raise Failure("Cannot copy a folder", f"the node lists a file outside it: {name[:200]!r}")
    return path
