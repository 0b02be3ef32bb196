"""What a copy says about itself: the `Reason` of its sessions, which lists of sessions and the audit trail have.

The copying client says so; whether the node agreed shows in the exit code of the session.
"""

from ferryman.model.values.text import one_line

LONGEST = 256
"""Characters of StartSession's Reason."""
LONGEST_NAME = 60


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
