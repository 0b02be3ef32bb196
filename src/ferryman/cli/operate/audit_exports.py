"""`ferryman audit public-key | export`, and verifying a copy: for auditors without the server's key."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ferryman.bootstrap.configuration import load
from ferryman.bootstrap.keys.server_keys import read_server_keys
from ferryman.bootstrap.service import wall_clock
from ferryman.cli.instants import FORMS, parse_instant
from ferryman.cli.options import DEFAULT_CONFIG, ConfigOption
from ferryman.cli.output.printing import print_lines
from ferryman.model.failures import Failure, counted, said_by
from ferryman.model.values.timestamps import iso_millis

if TYPE_CHECKING:
    from ferryman.core.audit.checkpoints import PublicKey

SHOWN_PROBLEMS = 20
LARGEST_KEY_FILE = 1024 * 1024


def print_public_keys(
    *,
    pem: Annotated[bool, typer.Option("--pem", help="Print PEM, as OpenSSL reads it.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Print the keys that verify the trail's checkpoints, the current one first, and when each was in use."""
    keys = read_server_keys(load(config)).public_keys()
    print_lines(*(line for key in keys for line in (key.pem if pem else key.line).splitlines()))


def export_trail(
    destination: Annotated[
        str, typer.Argument(help="A new file, or DIRECTORY/ that gets the file and the public keys.")
    ],
    *,
    since: Annotated[
        str | None, typer.Option("--since", help=f"Only records at or after this time: {FORMS}.", show_default=False)
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", help="Only records before this time.", show_default=False)
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Copy records, with the checkpoints that vouch for them, for somebody without the server's key."""
    from ferryman.audit.export import PUBLIC_KEYS, RECORDS, NothingToExport, write_export
    from ferryman.bootstrap.audit.trail import trail_origin
    from ferryman.core.audit.checkpoints import PURPOSE

    loaded = load(config)
    earliest, latest = parse_instant("--since", since), parse_instant("--until", until)
    keys = read_server_keys(loaded)
    path = Path(destination)
    in_directory = path.is_dir() or destination.endswith(os.sep)
    file = path / RECORDS if in_directory else path
    try:
        if in_directory:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        written = write_export(
            loaded.path(loaded.configuration.audit.directory),
            file,
            keys.vault().derive(PURPOSE),
            trail_origin(loaded, wall_clock()),
            since="" if earliest is None else iso_millis(earliest),
            until="" if latest is None else iso_millis(latest),
        )
        if in_directory:
            (path / PUBLIC_KEYS).write_text("".join(f"{key.line}\n" for key in keys.public_keys()))
    except NothingToExport as error:
        raise Failure("Nothing was exported", "the trail has no records in this time span", "Widen it") from error
    except OSError as error:
        advice = "Name a new file in a directory that you can write to"
        raise Failure(f"{file} was not written", error.strerror or str(error), advice) from error
    print_lines(
        f"{counted(written.records, 'record')}, {written.first} to {written.last}, in {file}. "
        + (
            f"Checkpoints cover them up to {written.covered}."
            if written.covered
            else "No checkpoint covers them yet: one is written every few minutes, and when the server stops."
        )
    )


def verify_copies(copies: Sequence[Path], public_keys: Path, at_least: int) -> None:
    """Verify exported copies and print what they hold; raises Failure if something is wrong with one."""
    keys = _read_keys(public_keys)
    if len(copies) == 1:
        _verify_copy(copies[0], keys, at_least)
        return
    bad = 0
    for copy in copies:
        print_lines(f"{copy}:")
        try:
            _verify_copy(copy, keys, at_least)
        except Failure as failure:
            print_lines(str(failure))
            bad += 1
    if bad:
        raise Failure(
            f"{bad} of {len(copies)} copies are not complete copies of the servers' trails",
            "the problems of each are listed above",
            "Ask for other copies, and keep these as evidence",
        )


def _read_keys(public_keys: Path) -> "list[PublicKey]":
    from ferryman.core.audit.checkpoints import read_public_keys

    try:
        with public_keys.open("rb") as file:
            return read_public_keys(file.read(LARGEST_KEY_FILE).decode("ascii", "replace"))
    except (OSError, ValueError) as error:
        cause = said_by(error) if isinstance(error, OSError) else str(error)
        advice = "Save the output of `ferryman audit public-key` on the server's machine"
        raise Failure(f"{public_keys} cannot be used", cause, advice) from error


def _verify_copy(copy: Path, keys: "Sequence[PublicKey]", at_least: int) -> None:
    from ferryman.audit.exported import verify_export

    try:
        found, problems = verify_export(copy, keys, at_least)
    except OSError as error:
        advice = "Specify the file or directory that `ferryman audit export` wrote"
        raise Failure(f"{copy} cannot be read", said_by(error), advice) from error
    for problem in problems[:SHOWN_PROBLEMS]:
        print_lines((f"{problem.where}, line {problem.line}: " if problem.where else "") + problem.what)
    if problems:
        raise Failure(
            f"{copy} is not a complete copy of the server's trail",
            f"{counted(len(problems), 'problem')} in {counted(found.records, 'record')}",
            "Ask for another copy, and keep this one as evidence",
        )
    print_lines(
        f"Records {found.first} to {found.covered} are as the server wrote them.",
        f"Their checkpoints are from {found.times[0]} to {found.times[1]}, signed with {', '.join(found.key_ids)}.",
    )
    if found.servers:
        print_lines(f"Written by {', '.join(found.servers)}.")
    waiting = found.last.sequence - found.covered
    if waiting:
        vouches = "nothing vouches for" if found.statement is None else "only whoever exported them vouches for"
        what = "1 record after that is" if waiting == 1 else f"{waiting} records after that are"
        print_lines(f"{what} not yet covered by a checkpoint: {vouches} {'it' if waiting == 1 else 'them'}.")
