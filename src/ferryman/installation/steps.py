"""The steps of an installation. A step describes itself, says whether it is necessary, and performs it, under any
root."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ferryman.system.private_files import replace_private

_SECONDS = 300.0


class NotInstalled(Exception):
    """A step failed; the text says which and why."""


class Step(Protocol):
    """One change. `root` is the root of the file system that it is made in."""

    def __str__(self) -> str:
        """What the step does, as a line for people."""

    def needed(self, root: Path) -> bool:
        """Whether anything would change."""

    def perform(self, root: Path) -> None:
        """Make the change; raises OSError or `NotInstalled`."""


@dataclass(frozen=True, slots=True)
class CreateAccount:
    """A system account and a group of its name, without a password, a shell or a home of its own."""

    name: str
    description: str
    home: str

    def __str__(self) -> str:
        return f"create the system account {self.name}"

    def needed(self, root: Path) -> bool:
        """See `Step`."""
        return _ids(root, self.name) is None

    def perform(self, root: Path) -> None:
        """See `Step`."""
        line = f'u {self.name} - "{self.description}" {self.home}'
        run_program(["systemd-sysusers", f"--root={root}", "--inline", line])


@dataclass(frozen=True, slots=True)
class RemoveAccount:
    """Removes a system account and its group; its files stay."""

    name: str

    def __str__(self) -> str:
        return f"remove the system account {self.name}"

    def needed(self, root: Path) -> bool:
        """See `Step`."""
        return _ids(root, self.name) is not None

    def perform(self, root: Path) -> None:
        """See `Step`."""
        run_program(["userdel", *([] if root == Path("/") else ["--prefix", str(root)]), self.name])


@dataclass(frozen=True, slots=True)
class MakeDirectory:
    """A directory with an owner, whose group it gets too, and a mode. `contents`: all that is in it is the owner's."""

    path: Path
    owner: str
    mode: int
    contents: bool = False

    def __str__(self) -> str:
        return f"make the directory {self.path}, owner {self.owner}, mode {self.mode:04o}"

    def needed(self, root: Path) -> bool:
        """See `Step`."""
        try:
            found = below(root, self.path).stat()
        except FileNotFoundError:
            return True
        ids = _ids(root, self.owner)
        if (found.st_uid, found.st_gid, found.st_mode & 0o7777) != (*(ids or ()), self.mode):
            return True
        return self.contents and any((each.lstat().st_uid, each.lstat().st_gid) != ids for each in self._files(root))

    def perform(self, root: Path) -> None:
        """See `Step`."""
        ids = _ids(root, self.owner)
        if ids is None:
            raise NotInstalled(f"there is no account {self.owner}")
        path = below(root, self.path)
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.chown(path, *ids)
        path.chmod(self.mode)
        if self.contents:
            for each in self._files(root):
                os.chown(each, *ids, follow_symlinks=False)

    def _files(self, root: Path) -> list[Path]:
        return list(below(root, self.path).rglob("*"))


@dataclass(frozen=True, slots=True)
class WriteFile:
    """A file of root's with this content. With `keep`, one that exists stays, unless it is one of `replaced`."""

    path: Path
    content: str
    mode: int = 0o644
    keep: bool = False
    owner: str = "root"
    replaced: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"write {self.path}"

    def needed(self, root: Path) -> bool:
        """See `Step`."""
        path = below(root, self.path)
        if not path.exists():
            return True
        found = path.read_text(errors="replace")
        return found != self.content and (not self.keep or found in self.replaced)

    def perform(self, root: Path) -> None:
        """See `Step`."""
        path = below(root, self.path)
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        replace_private(path, self.content.encode(), mode=self.mode)
        os.chown(path, *(_ids(root, self.owner) or (0, 0)))


@dataclass(frozen=True, slots=True)
class Remove:
    """Removes a file, or a directory and everything in it."""

    path: Path

    def __str__(self) -> str:
        return f"remove {self.path}"

    def needed(self, root: Path) -> bool:
        """See `Step`."""
        return os.path.lexists(below(root, self.path))

    def perform(self, root: Path) -> None:
        """See `Step`."""
        path = below(root, self.path)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


@dataclass(frozen=True, slots=True)
class Systemctl:
    """A command of systemctl.

    `live`: it needs a running systemd, and is left out below another root. `unit_file`: it is left out unless this
    exists. `after_changes`: it is left out unless an earlier step changed something.
    """

    arguments: tuple[str, ...]
    live: bool = True
    unit_file: Path | None = None
    after_changes: bool = False

    def __str__(self) -> str:
        return f"run systemctl {' '.join(self.arguments)}"

    def needed(self, root: Path) -> bool:
        """See `Step`."""
        there = self.unit_file is None or below(root, self.unit_file).exists()
        return there and (root == Path("/") or not self.live)

    def perform(self, root: Path) -> None:
        """See `Step`."""

        under = [] if root == Path("/") else [f"--root={root}"]
        run_program(["systemctl", *under, *self.arguments])


def below(root: Path, path: Path) -> Path:
    """Return where an absolute path is below a root."""
    return root / path.relative_to("/")


def run_program(command: list[str]) -> None:
    """Run a program to its end; raises `NotInstalled` with what it said if it fails."""
    try:
        done = subprocess.run(  # noqa: S603 our own steps name it
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except FileNotFoundError as error:
        raise NotInstalled(f"{command[0]} is not installed") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalled(f"{command[0]} failed: {error}") from error
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or f"it exited with {done.returncode}").splitlines()[-1]
        raise NotInstalled(f"{' '.join(command)} failed: {said.rstrip('.')}")


def _ids(root: Path, name: str) -> tuple[int, int] | None:
    """Return an account's user id and the group id of its name or its own; None if there is no such account."""
    if name == "root":
        return 0, 0
    if root == Path("/"):
        import grp  # neither is on Windows, where the client imports this module
        import pwd

        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            return None
        try:
            return entry.pw_uid, grp.getgrnam(name).gr_gid
        except KeyError:
            return entry.pw_uid, entry.pw_gid
    try:
        lines = (root / "etc/passwd").read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return None
    found = next((line.split(":") for line in lines if line.startswith(f"{name}:")), None)
    return None if found is None else (int(found[2]), int(found[3]))
