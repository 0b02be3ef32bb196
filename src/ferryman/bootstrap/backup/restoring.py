"""Restores a backup to where it was made, or into one directory, if nothing is there yet."""

import contextlib
import grp
import os
import pwd
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

import msgspec

from ferryman.bootstrap.backup.contents import CONFIGURATION, DATABASE, END, KEY, MANIFEST, TRAIL, Manifest, Owned
from ferryman.bootstrap.backup.moved_paths import with_settings
from ferryman.bootstrap.backup.sealed_file import NotABackup, OpenedFile
from ferryman.model.failures import Failure
from ferryman.system.private_files import create_private

_LARGEST_MANIFEST = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored. `kept` are files outside the server's directories that existed and were left as they are."""

    configuration: Path
    release: str
    created: str
    has_keys: bool
    kept: tuple[Path, ...]


def restore_backup(opened: OpenedFile, directory: Path | None) -> Restored:
    """Restore into `directory`, or to the original places if it is None. Raises Failure, OSError and `NotABackup`.

    Nothing is left behind if that fails.
    """
    created: list[Path] = []
    try:
        with tarfile.open(fileobj=opened, mode="r|") as archive:
            manifest = _manifest(archive)
            places = _places(manifest, directory)
            _require_empty(places, directory)
            if directory is None:
                _require_accounts(manifest)
            with _removed_if_failed(created):
                _make_directories(manifest, directory, created)
                kept = tuple(_extract(archive, manifest, places, directory, created))
                opened.read()  # the end of the file shows whether it is complete
    except tarfile.TarError as error:
        raise NotABackup(str(error)) from error
    return Restored(places[CONFIGURATION], manifest.release, manifest.created, KEY in places, kept)


def _manifest(archive: tarfile.TarFile) -> Manifest:
    member = archive.next()
    file = None if member is None or member.name != MANIFEST else archive.extractfile(member)
    if member is None or file is None or member.size > _LARGEST_MANIFEST:
        raise NotABackup("it has no list of its files")
    try:
        return msgspec.json.decode(file.read(), type=Manifest)
    except msgspec.DecodeError as error:
        raise NotABackup(str(error)) from error


def _places(manifest: Manifest, directory: Path | None) -> dict[str, Path]:
    """Return where each file goes."""
    for name in manifest.files:
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise NotABackup(f"it has a file named {name!r}")
    if directory is not None:
        return {name: directory.resolve() / name for name in manifest.files}
    return {name: Path(each.path) for name, each in manifest.files.items()}


def _require_empty(places: Mapping[str, Path], directory: Path | None) -> None:
    if directory is not None:
        found = next(iter(directory.iterdir()), None) if directory.is_dir() else None
    else:
        own = (name for name in places if name in (CONFIGURATION, DATABASE, KEY) or name.startswith(f"{TRAIL}/"))
        found = next((places[name] for name in own if places[name].exists()), None)
    if found is not None:
        advice = "Move it away, or restore with --directory into an empty one"
        raise Failure(f"{found} exists", "a backup is only restored where no server is", advice)


def _require_accounts(manifest: Manifest) -> None:
    """Raise Failure if a file belongs to an account or group that this machine does not have."""
    if os.geteuid() != 0:
        return
    everything = [*manifest.directories, *manifest.files.values()]
    for kind, look_up, names in (
        ("account", pwd.getpwnam, {each.owner for each in everything if each.owner}),
        ("group", grp.getgrnam, {each.group for each in everything if each.group}),
    ):
        for name in sorted(names):
            try:
                look_up(name)
            except KeyError as error:
                advice = "Run `ferryman server install` first, or restore with --directory"
                raise Failure("The backup cannot be restored", f"there is no {kind} {name}", advice) from error


def _make_directories(manifest: Manifest, directory: Path | None, created: list[Path]) -> None:
    if directory is not None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return
    for each in sorted(manifest.directories, key=lambda each: len(each.path)):  # parents first
        path = Path(each.path)
        if not path.exists():
            path.mkdir(mode=0o700, parents=True)
            created.append(path)
            _give(path, each)


def _extract(
    archive: tarfile.TarFile,
    manifest: Manifest,
    places: Mapping[str, Path],
    directory: Path | None,
    created: list[Path],
) -> Iterator[Path]:
    """Write the files, the configuration last, so that nothing starts from half a backup; yield those left alone."""
    configuration = b""
    while (member := archive.next()) is None or member.name != END:
        if member is None:
            raise NotABackup("it is incomplete")
        file = archive.extractfile(member) if member.isreg() else None
        if file is None or member.name not in places:
            raise NotABackup(f"it has an unexpected member {member.name!r}")
        if member.name == CONFIGURATION:
            configuration = file.read()
            continue
        place = places[member.name]
        if place.exists():  # a certificate or a CA that others use as well
            yield place
            continue
        _write(place, file, None if directory is not None else manifest.files[member.name], created)
    if directory is not None:
        configuration = with_settings(configuration, manifest.settings)
    place = places[CONFIGURATION]
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    created.append(place)
    with os.fdopen(create_private(place), "wb") as target:
        target.write(configuration)
    if directory is None:
        _give(place, manifest.files[CONFIGURATION])


def _write(place: Path, file: IO[bytes], owner: Owned | None, created: list[Path]) -> None:
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    created.append(place)
    with os.fdopen(create_private(place), "wb") as target:
        shutil.copyfileobj(file, target)
        target.flush()
        os.fsync(target.fileno())
    if owner is not None:
        _give(place, owner)


def _give(path: Path, owner: Owned) -> None:
    """Set mode, and as root owner and group, which must exist here."""
    if os.geteuid() == 0 and owner.owner and owner.group:
        shutil.chown(path, owner.owner, owner.group)
    path.chmod(owner.mode)


@contextlib.contextmanager
def _removed_if_failed(created: list[Path]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        for path in reversed(created):
            with contextlib.suppress(OSError):
                path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
        raise
