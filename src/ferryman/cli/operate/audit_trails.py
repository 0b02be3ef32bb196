"""Which trails `ferryman audit` reads: the configuration's, and with `--trail` those of other servers."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ferryman.bootstrap.configuration import LoadedConfiguration
from ferryman.model.failures import Failure, said_by

if TYPE_CHECKING:
    from ferryman.audit.several import Trail

TrailsOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--trail",
        help="The directory of another server's trail, in addition to the configuration's; repeatable.",
        show_default=False,
    ),
]


def chosen_trails(
    loaded: LoadedConfiguration, others: Sequence[Path] | None, keys: Sequence[bytes] | None = None
) -> list["Trail"]:
    """Return the configuration's trail and `others`, each once. Raises Failure if one of those is none.

    Whose the others are, their checkpoints say; with `keys`, only checkpoints that these authenticate. A machine that
    only collects others' trails has none of its own.
    """
    from ferryman.audit.files import trail_files
    from ferryman.audit.several import Trail, claimed_server_of, server_of

    own = loaded.path(loaded.configuration.audit.directory)
    found = {own.resolve(): Trail(own, loaded.server_name)} if not others or trail_files(own) else {}
    for directory in others or ():
        advice = "Name the directory that audit.directory names on that server, or a copy of it"
        try:
            files = trail_files(directory)
            server = claimed_server_of(directory) if keys is None else server_of(directory, keys)
        except OSError as error:
            raise Failure(f"The audit trail in {directory} cannot be read", said_by(error), advice) from error
        if not files:
            cause = "the directory has no file audit-….jsonl" if directory.is_dir() else "it is not a directory"
            raise Failure(f"There is no audit trail in {directory}", cause, advice)
        found.setdefault(directory.resolve(), Trail(directory, server))
    return list(found.values())
