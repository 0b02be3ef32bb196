"""Files that are written together: all of them, or none if anything fails before the end."""

import contextlib
from pathlib import Path
from types import TracebackType
from typing import Self

from ferryman.system.private_files import make_private_directory, replace_private, write_beside


class StagedFiles:
    """Temporary files beside their places, renamed by `commit` and deleted otherwise. A context manager.

    Every file is readable by its owner only. A place that is a link stays one; the file that it leads to is replaced.
    """

    def __init__(self) -> None:
        self._staged: dict[Path, Path] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for temporary in self._staged.values():
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
        self._staged.clear()

    def stage(self, path: Path, content: bytes) -> Path:
        """Write the new content of `path` to a temporary file, replacing an earlier one; return it. Raises OSError."""
        target = path.resolve()
        make_private_directory(target.parent)
        self._staged[target] = write_beside(target, content, durable=False)
        return self._staged[target]

    def commit(self) -> None:
        """Rename the files in the order in which they were first staged; if one fails, undo those before it.

        Raises OSError.
        """
        before: dict[Path, bytes | None] = {}
        try:
            for target, temporary in self._staged.items():
                earlier = target.read_bytes() if target.exists() else None
                temporary.replace(target)
                before[target] = earlier
        except OSError:
            for target, earlier in reversed(before.items()):
                with contextlib.suppress(OSError):
                    if earlier is None:
                        target.unlink()
                    else:
                        replace_private(target, earlier, durable=False)
            raise
