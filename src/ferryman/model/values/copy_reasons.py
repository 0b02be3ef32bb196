"""What a copy says about itself: the `Reason` of its sessions, which lists of sessions and the audit trail have.

The copying client says so; whether the node agreed shows in the exit code of the session.
"""

import re
from dataclasses import dataclass

from ferryman.model.values.text import one_line

LONGEST = 256
"""Characters of StartSession's Reason."""
LONGEST_NAME = 60
_REASON = re.compile(
    r"ferryman cp: (?:(?P<upload>upload)|download) of (?P<folder>folder )?(?P<name>.+?)(?(upload) to (?P<to>.+?))"
    r"(?(folder), (?P<files>[0-9]{1,12}) files)(?:, (?P<size>[0-9]{1,19}) bytes)?"
    r"(?:, SHA-256 (?P<digest>[0-9a-f]{64}))?"
)


@dataclass(frozen=True, slots=True)
class FileCopy:
    """What a session copies, as its client says. Long names are cut off at the beginning.

    `direction` is upload or download, `name` that of the file or folder at its source, `destination` where an upload
    goes, `files` how many files of a folder. `size` in bytes and `digest`, SHA-256 in hex, are None until they are
    known; a folder has no digest.
    """

    direction: str
    name: str
    destination: str | None = None
    files: int | None = None
    size: int | None = None
    digest: str | None = None

    @property
    def members(self) -> dict[str, str | int]:
        """What is known, as recordings and the audit trail name it."""
        named = {
            "direction": self.direction,
            "name": self.name,
            "destination": self.destination,
            "files": self.files,
            "bytes": self.size,
            "sha256": self.digest,
        }
        return {key: value for key, value in named.items() if value is not None}


def file_copy(reason: str | None) -> FileCopy | None:
    """Return what the reason of a session says that it copies; None if it is not the reason of a copy.

    A name with ` to ` in it cannot be told from its destination: the first one divides them.
    """
    found = None if reason is None else _REASON.fullmatch(reason)
    if found is None:
        return None
    return FileCopy(
        found["upload"] or "download",
        found["name"],
        found["to"],
        None if found["files"] is None else int(found["files"]),
        None if found["size"] is None else int(found["size"]),
        found["digest"],
    )


def upload_reason(name: str, destination: str, size: int | None = None, digest: str = "") -> str:
    """Return the reason for sending a file. `size` in bytes and `digest`, SHA-256 in hex, once they are known."""
    return f"ferryman cp: upload of {_name(name)} to {_name(destination)}{_content(size, digest)}"


def download_reason(path: str, size: int | None = None, digest: str = "") -> str:
    """Return the reason for fetching a file; otherwise as `upload_reason`."""
    return f"ferryman cp: download of {_name(path)}{_content(size, digest)}"


def folder_reason(name: str, destination: str, files: int, size: int) -> str:
    """Return the reason for sending `files` files of a folder, `size` bytes together."""
    return f"ferryman cp: upload of folder {_name(name)} to {_name(destination)}, {files} files, {size} bytes"


def _name(name: str) -> str:
    """Return a name on one line, its beginning cut off if it is long."""
    shown = one_line(name)
    return shown if len(shown) <= LONGEST_NAME else f"…{shown[1 - LONGEST_NAME :]}"


def _content(size: int | None, digest: str) -> str:
    return ("" if size is None else f", {size} bytes") + (f", SHA-256 {digest}" if digest else "")
