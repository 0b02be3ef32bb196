"""Makes a backup while the server runs: first the database, then the trail, which is then never behind it."""

import io
import os
import tarfile
import tempfile
from collections.abc import Iterator
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import msgspec

from ferryman.bootstrap.backup.contents import (
    DATABASE,
    END,
    KEY,
    MANIFEST,
    Item,
    Manifest,
    Owned,
    items,
    moved_settings,
    owned,
    trail_items,
)
from ferryman.bootstrap.backup.sealed_file import SealingFile
from ferryman.bootstrap.configuration import LoadedConfiguration
from ferryman.bootstrap.keys.server_keys import read_server_keys
from ferryman.model.failures import Failure
from ferryman.system.private_files import create_private


def make_backup(
    loaded: LoadedConfiguration, configuration: Path, target: Path, passphrase: str | None, now: datetime
) -> bool:
    """Write a backup to a new file, mode 0600; return whether it has the server's keys. Raises Failure and OSError.

    `passphrase` None: it is not encrypted.
    """
    from ferryman.store.faults import StoreUnusable
    from ferryman.store.offline.snapshot import copy_store
    from ferryman.store.sqlite.files import sqlite_path
    from ferryman.store.urls import is_postgresql

    if target.exists():
        raise Failure(f"{target} exists", "a backup never replaces another file", "Choose another name")
    if is_postgresql(loaded.database_url):
        raise Failure(
            "The server cannot be backed up in one file",
            "its database is PostgreSQL's",
            "Back up the database with pg_dump, then copy the configuration, the server's keys and the audit trail",
        )
    read_server_keys(loaded)  # a backup whose key does not fit its database is of no use
    partial = target.with_name(f".{target.name}.partial")
    database = sqlite_path(loaded.database_url)
    try:
        with tempfile.TemporaryDirectory(prefix=".backup-", dir=database.parent) as scratch:
            copy = Path(scratch) / DATABASE
            copy_store(loaded.database_url, copy)
            found = list(items(loaded, configuration.resolve()))
            with os.fdopen(create_private(partial), "wb") as file:
                _write(loaded, found, (copy, database), SealingFile(file, passphrase), now)
                file.flush()
                os.fsync(file.fileno())
        partial.rename(target)
    except StoreUnusable as error:
        raise Failure(f"The store {error.place} cannot be copied", error.cause, error.next_step) from error
    finally:
        partial.unlink(missing_ok=True)
    return any(item.name == KEY for item in found)


def _write(
    loaded: LoadedConfiguration, found: list[Item], database: tuple[Path, Path], sealed: SealingFile, now: datetime
) -> None:
    copy, place = database
    trail = loaded.path(loaded.configuration.audit.directory)
    trail_files = list(trail_items(trail))
    files = {item.name: owned(item.path) for item in [*found, *trail_files]} | {DATABASE: owned(place)}
    manifest = Manifest(
        release=version("ferryman"),
        created=now.isoformat(timespec="seconds"),
        configuration=str(found[0].path),
        files=files,
        directories=list(_directories([*(item.path.parent for item in found), place.parent, trail.parent, trail])),
        settings=moved_settings(loaded),
    )
    with sealed, tarfile.open(fileobj=sealed, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        _add(archive, MANIFEST, io.BytesIO(msgspec.json.encode(manifest)))
        with copy.open("rb") as file:
            _add(archive, DATABASE, file)
        for item in found:
            with item.path.open("rb") as file:
                _add(archive, item.name, file)
        for item in trail_files:
            try:
                file = item.path.open("rb")
            except FileNotFoundError:  # its retention has ended meanwhile, which later records say
                continue
            with file:
                _add(archive, item.name, file)
        _add(archive, END, io.BytesIO())


def _directories(paths: list[Path]) -> Iterator[Owned]:
    yield from (owned(path) for path in dict.fromkeys(paths) if path.is_dir())


def _add(archive: tarfile.TarFile, name: str, file: io.BufferedReader | io.BytesIO) -> None:
    """Add a file at its present size: a trail grows meanwhile, and what is written later is left out."""
    member = tarfile.TarInfo(name)
    member.size = file.seek(0, os.SEEK_END)
    member.mode = 0o600
    file.seek(0)
    archive.addfile(member, file)
