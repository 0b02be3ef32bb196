"""Which trails `ferryman audit` reads: the configuration's, and with `--trail` those of other servers.

`ferryman audit retire` has the store forget the trail of a server that is gone for good.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ferryman.bootstrap.configuration import LoadedConfiguration, load
from ferryman.bootstrap.operator import run_recorded
from ferryman.cli.options import DEFAULT_CONFIG, ConfigOption
from ferryman.cli.output.printing import print_lines
from ferryman.model.failures import Failure, said_by

if TYPE_CHECKING:
    from ferryman.audit.several import Trail
    from ferryman.core.service import Service

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

    Checkpoints in the other trails say whose they are; with `keys`, only checkpoints that these authenticate count. A
    machine that only collects others' trails has none of its own.
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


def retire_trail(
    server: Annotated[str, typer.Argument(metavar="SERVER", help="The server.name of a server that is gone for good.")],
    *,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Have the store forget the trail of a server that is gone, so that `audit verify` no longer asks for it."""
    loaded = load(config)
    if server == loaded.server_name:
        raise Failure(f"{server} cannot be retired by itself", "this is its configuration", "Run it on another server")

    async def work(service: "Service") -> bool:
        return await service.store.trail_heads.retire(server)

    with _not_running(loaded, server):
        known = run_recorded(loaded, "audit retire", {"serverName": server}, work)
    if not known:
        raise Failure(
            f"There is no trail of {server}", "no server of this name wrote one", "Look for its server.name in its log"
        )
    print_lines(f"The trail of {server} is no longer expected. Keep its files for as long as you keep trails.")


@contextmanager
def _not_running(loaded: LoadedConfiguration, server: str) -> Iterator[None]:
    """Hold the lock of a server of this name; raises Failure if it runs."""
    from ferryman.store.database import one_of_several
    from ferryman.store.faults import StoreUnusable

    if not loaded.is_one_of_several:
        yield
        return
    try:
        with one_of_several(loaded.database_url, server):
            yield
    except StoreUnusable as error:
        raise Failure(f"{server} cannot be retired", error.cause, "Stop that server first") from error
