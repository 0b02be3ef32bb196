"""`ferryman backup` and `ferryman restore`."""

import os
import sys
from datetime import UTC, datetime
from getpass import getpass
from pathlib import Path
from typing import Annotated

import typer

from ferryman.bootstrap.configuration import load
from ferryman.bootstrap.keys.secret_files import read_secret
from ferryman.cli.options import DEFAULT_CONFIG, ConfigOption
from ferryman.cli.output.printing import print_error, print_lines
from ferryman.installation.services import CONFIGURATION
from ferryman.model.failures import Failure, said_by

VARIABLE = "FERRYMAN_BACKUP_PASSPHRASE"
SHORTEST = 12

PassphraseOption = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        help="File with the passphrase, mode 0600; by default it is read from FERRYMAN_BACKUP_PASSPHRASE or asked for.",
        show_default=False,
    ),
]


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The backup to write; it must not exist.")],
    *,
    passphrase_file: PassphraseOption = None,
    plain: Annotated[bool, typer.Option("--plain", help="Do not encrypt it.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Back up the server in one encrypted file: configuration, keys, database and audit trail. It may be running."""
    from ferryman.bootstrap.backup.making import make_backup
    from ferryman.bootstrap.operator import recorded

    if not file.absolute().parent.is_dir():
        raise Failure("The backup was not made", f"there is no directory {file.absolute().parent}", "Create it first")
    loaded = load(config)
    passphrase = None if plain else _passphrase(passphrase_file, new=True)
    if plain:
        print_error(
            f"Warning: whoever reads {file} can act as any user and open every secret. Keep it as safe as the server."
        )
    with recorded(loaded, "backup", {"file": str(file.absolute()), "encrypted": not plain}):
        try:
            has_keys = make_backup(loaded, config, file, passphrase, datetime.now(UTC))
        except OSError as error:
            raise Failure("The backup was not made", said_by(error), "Run this as root or the server's user") from error
    print_lines(f"Wrote {file}, {file.stat().st_size / 1e6:.1f} MB.")
    if not has_keys:
        print_lines("The server's keys are not in it: they are not in a file. Back them up where they are kept.")
    if not plain:
        print_lines("Without its passphrase it cannot be restored. Keep the passphrase somewhere else.")


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A backup.", exists=True, dir_okay=False)],
    *,
    directory: Annotated[
        Path | None,
        typer.Option(
            "--directory",
            help="Restore everything into this empty directory instead of where it was.",
            show_default=False,
            file_okay=False,
        ),
    ] = None,
    passphrase_file: PassphraseOption = None,
) -> None:
    """Restore a backup, where no server is yet. Do not run the restored server beside the one that was backed up."""
    from ferryman.bootstrap.backup.restoring import restore_backup
    from ferryman.bootstrap.backup.sealed_file import NotABackup, OpenedFile

    try:
        with file.open("rb") as source:
            opened = OpenedFile(source)
            if opened.is_sealed:
                opened.unlock(_passphrase(passphrase_file, new=False))
            found = restore_backup(opened, directory)
    except NotABackup as error:
        raise Failure(f"{file} cannot be restored", str(error), "Use another copy of the backup") from error
    except OSError as error:
        raise Failure(f"{file} cannot be restored", said_by(error), "Run this as root") from error
    print_lines(f"Restored the server as of {found.created}, of release {found.release}, to {found.configuration}.")
    for path in found.kept:
        print_lines(f"Left {path} as it is.")
    if not found.has_keys:
        print_lines("The server's keys were not in the backup: put them where the configuration says.")
    print_lines("", "Check it, then start it:", "")
    print_lines(f"  ferryman server --config {found.configuration} --check")
    if found.configuration.parent == CONFIGURATION:
        print_lines("  ferryman server install --start")
    else:
        print_lines(f"  ferryman server --config {found.configuration}")


def _passphrase(path: Path | None, *, new: bool) -> str:
    """Return the passphrase from the file, the variable or the terminal; raises Failure if it is missing or short."""
    if path is not None:
        text = read_secret(path, "The passphrase", "Correct --passphrase-file").decode(errors="replace").strip("\r\n")
    elif os.environ.get(VARIABLE):
        text = os.environ[VARIABLE]
    elif sys.stdin.isatty():
        text = getpass("Passphrase: ")
        if new and getpass("Repeat it: ") != text:
            raise Failure("The passphrases differ", "", "Run this again")
    else:
        raise Failure(
            "There is no passphrase", "there is no terminal to ask for it", f"Use --passphrase-file, or set {VARIABLE}"
        )
    if new and len(text) < SHORTEST:
        raise Failure("The passphrase is too short", f"it has {len(text)} characters", f"Use {SHORTEST} or more")
    return text
