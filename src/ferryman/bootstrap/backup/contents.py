"""The files of a server, with the name and the owner that a backup stores for each."""

import grp
import os
import pwd
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

import msgspec

from ferryman.bootstrap.configuration import LoadedConfiguration
from ferryman.bootstrap.configuration_file import FILE_NAME
from ferryman.bootstrap.keys.server_keys import VARIABLE

MANIFEST, END = "manifest.json", "end"
"""The first and the last member of a backup."""
CONFIGURATION, DATABASE, KEY, TRAIL = FILE_NAME, "ferryman.db", "server.key", "audit"
_NOT_TRAIL = {"lock", "reserve"}


class Owned(msgspec.Struct, frozen=True):
    """Where a file or directory was. Owner and group are names, "" for numbers without one."""

    path: str
    mode: int
    owner: str
    group: str


class Manifest(msgspec.Struct, frozen=True):
    """A backup's first member. `files` are the others by name; `settings` are those that name files elsewhere."""

    release: str
    created: str
    configuration: str
    files: dict[str, Owned]
    directories: list[Owned]
    settings: dict[str, str]


@dataclass(frozen=True, slots=True)
class Item:
    """A file: its name in a backup, where it is, and the setting that names it, if one does."""

    name: str
    path: Path
    setting: str | None = None


def items(loaded: LoadedConfiguration, configuration: Path) -> Iterator[Item]:
    """Yield the files of a server except its database and trail. Keys are left out that are not in a file."""
    yield Item(CONFIGURATION, configuration)
    server = loaded.configuration.server
    if not server.key_command and VARIABLE not in os.environ:
        yield Item(KEY, loaded.path(server.key_file), "server.key_file")
    for setting, value in _named_files(loaded):
        yield Item(_name(setting, value), loaded.path(value), setting)
    profile = configuration.parent / "aws"
    for path in (configuration.parent / "ca.pem", profile / "config", profile / "credentials"):
        if path.is_file():
            yield Item(str(path.relative_to(configuration.parent)), path)


def trail_items(directory: Path) -> Iterator[Item]:
    """Yield the files of an audit trail, the oldest first."""
    for path in sorted(directory.iterdir()) if directory.is_dir() else []:
        if path.is_file() and path.name not in _NOT_TRAIL and path.suffix != ".partial":
            yield Item(f"{TRAIL}/{path.name}", path)


def moved_settings(loaded: LoadedConfiguration) -> dict[str, str]:
    """Return the settings that name something outside the configuration's directory, and their values when everything
    is restored into one."""
    server = loaded.configuration.server
    found = {
        setting: _name(setting, value) for setting, value in _named_files(loaded) if _name(setting, value) != value
    }
    if not _is_inside(server.key_file):
        found["server.key_file"] = KEY
    if not _is_inside(server.database.partition(":///")[2]):
        found["server.database"] = f"sqlite:///{DATABASE}"
    if not _is_inside(loaded.configuration.audit.directory):
        found["audit.directory"] = TRAIL
    if not _is_inside(loaded.configuration.recordings.directory):
        found["recordings.directory"] = "recordings"
    if not _is_inside(loaded.configuration.outputs.directory):
        found["outputs.directory"] = "outputs"
    return found


def owned(path: Path) -> Owned:
    """Return who owns a file or directory, and its mode. Raises OSError."""
    status = path.stat()
    try:
        owner = pwd.getpwuid(status.st_uid).pw_name
    except KeyError:
        owner = ""
    try:
        group = grp.getgrgid(status.st_gid).gr_name
    except KeyError:
        group = ""
    return Owned(str(path), status.st_mode & 0o777, owner, group)


def _named_files(loaded: LoadedConfiguration) -> Iterator[tuple[str, str]]:
    """Yield the settings that name a file, and the value of each that is set."""
    settings = loaded.configuration
    tls, audit, outputs, recordings = settings.server.tls, settings.audit, settings.outputs, settings.recordings
    found = {
        "server.tls.certificate": tls and tls.certificate,
        "server.tls.key": tls and tls.key,
        "server.tls.authority": tls and tls.authority,
        "server.tls.authority_key": tls and tls.authority_key,
        "audit.webhook.secret_file": audit.webhook and audit.webhook.secret_file,
        "audit.webhook.ca_file": audit.webhook and audit.webhook.ca_file,
        "audit.s3.ca_file": audit.s3 and audit.s3.ca_file,
        "recordings.s3.ca_file": recordings.s3 and recordings.s3.ca_file,
        "outputs.s3.ca_file": outputs.s3 and outputs.s3.ca_file,
        "outputs.cloudwatch.ca_file": outputs.cloudwatch and outputs.cloudwatch.ca_file,
        "oidc.ca_file": settings.oidc.ca_file,
        "bus.password_file": settings.bus.password_file,
        "bus.token_file": settings.bus.token_file,
        "bus.credentials_file": settings.bus.credentials_file,
        "bus.ca_file": settings.bus.ca_file,
        "bus.certificate": settings.bus.certificate,
        "bus.key": settings.bus.key,
        "access.webhook.secret_file": settings.access.webhook and settings.access.webhook.secret_file,
        "access.webhook.ca_file": settings.access.webhook and settings.access.webhook.ca_file,
    }
    for name, provider in settings.console.providers.items():
        found[f"console.providers.{name}.client_secret_file"] = provider.client_secret_file
    yield from ((setting, value) for setting, value in found.items() if value)


def _name(setting: str, value: str) -> str:
    """Return a file's name in the backup: as the configuration has it if that is below its directory."""
    return value if _is_inside(value) else f"files/{setting}"


def _is_inside(value: str) -> bool:
    path = PurePath(value)
    return not path.is_absolute() and ".." not in path.parts
