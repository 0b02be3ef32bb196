"""`ferryman store upgrade | copy`: the server's database."""

from typing import Annotated

import typer

from ferryman.bootstrap.configuration import load
from ferryman.bootstrap.operator import recorded
from ferryman.cli.options import DEFAULT_CONFIG, ConfigOption
from ferryman.cli.output.printing import print_lines
from ferryman.cli.program.commands import App
from ferryman.model.failures import Failure, counted

app = App(help="Upgrade the server's database, or copy it to another.")


@app.command("upgrade")
def upgrade(*, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Create or upgrade the tables of the server's database, as PostgreSQL needs before a new release is started."""
    from ferryman.store.database import shown, upgrade_store
    from ferryman.store.faults import StoreUnusable
    from ferryman.store.schema import newest_schema

    loaded = load(config)
    url = loaded.database_url
    try:
        with recorded(loaded, "store upgrade", {"schema": newest_schema()}):
            upgrade_store(url)
    except StoreUnusable as error:
        raise _unusable(error.place, error.cause, error.next_step) from error
    except ValueError as error:
        raise _unusable("", str(error), "Correct server.database") from error
    print_lines(f"{shown(url)} has schema {newest_schema()}.")


@app.command("copy")
def copy(
    target: Annotated[
        str,
        typer.Argument(
            metavar="URL",
            help="An empty database: postgresql://USER@HOST/DATABASE or sqlite:///PATH. The password is best in "
            "PGPASSWORD or ~/.pgpass.",
        ),
    ],
    *,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Copy the server's database into an empty one, while the server is stopped."""
    from ferryman.store.database import shown
    from ferryman.store.faults import StoreUnusable
    from ferryman.store.offline.copying import copy_whole_store

    total = 0

    def count(table: str, rows: int) -> None:
        nonlocal total
        total += rows
        if rows:
            print_lines(f"  {table}: {counted(rows, 'row')}")

    loaded = load(config)
    try:
        with recorded(loaded, "store copy", {"target": shown(target)}):
            copy_whole_store(loaded.database_url, target, count)
    except StoreUnusable as error:
        raise _unusable(error.place, error.cause, error.next_step) from error
    except ValueError as error:
        raise _unusable("", str(error), "Name an empty PostgreSQL database or a SQLite file") from error
    print_lines(f"Copied {counted(total, 'row')} to {shown(target)}.", "")
    # The URL as shown lacks parameters, such as the one that makes PostgreSQL verify the database's certificate.
    print_lines(f"To use it, set server.database in {config} to the URL that you gave here, and start the server.")


def _unusable(place: str, cause: str, next_step: str) -> Failure:
    return Failure(f"The store {place} cannot be used" if place else "The store cannot be used", cause, next_step)
