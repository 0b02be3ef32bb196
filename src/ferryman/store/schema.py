"""The schema's number, and the migrations that lead to it. Migrations are numbered in their order."""

import re
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from sqlalchemy.engine import Connection

from ferryman.store.faults import StoreUnusable

_MIGRATIONS = Path(__file__).parent / "migrations"
_OLDEST = re.compile(r'(?m)^OLDEST_SERVER = "([0-9]{4})"$')
_NUMBERS = "[0-9][0-9][0-9][0-9]_*.py"


def newest_schema() -> str:
    """Return the number of the last migration."""
    return max(path.name for path in (_MIGRATIONS / "versions").glob(_NUMBERS))[:4]


def oldest_server(declared: Mapping[str, str], schema: str) -> str:
    """Return the oldest schema whose servers run on `schema`.

    `declared` is, for each migration that only adds what older servers do not notice, the oldest schema whose servers
    run on its result: `OLDEST_SERVER` in the migration. A migration that declares nothing needs servers of its own.
    """
    oldest = schema
    needed = declared.get(schema, schema)
    while needed < oldest:
        oldest = f"{int(oldest) - 1:04d}"
        needed = max(needed, declared.get(oldest, oldest) if needed < oldest else needed)
    return oldest


def declared_oldest_servers() -> Mapping[str, str]:
    """Return what this release's migrations declare, by their numbers."""
    texts = {path.name[:4]: path.read_text() for path in (_MIGRATIONS / "versions").glob(_NUMBERS)}
    return {number: found[1] for number, text in texts.items() if (found := _OLDEST.search(text))}


def run_migrations(connection: Connection) -> None:
    """Run the migrations that are missing, within the connection's transaction."""
    from alembic import command  # a third of a second, which most starts do without
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def recorded_schema(connection: Connection) -> str | None:
    """Return the number of the last migration of a database that has the table of it; None if there is none."""
    row = connection.exec_driver_sql("SELECT version_num FROM alembic_version").first()
    return None if row is None else str(row[0])


def too_new(place: object, schema: str, release: int, restore: str) -> StoreUnusable:
    """Return the refusal of a newer schema. `release` is the number of the release that last migrated the database,
    0 if unknown."""
    own = version("ferryman")
    needed = f"{release // 1_000_000}.{release // 1000 % 1000}.{release % 1000}"
    if release <= release_number(own):  # a later state of the same release, or one that did not say
        needed = f"a later build of {own}"
    cause = f"its schema, {schema}, is newer than {newest_schema()}, which this release, {own}, knows"
    return StoreUnusable(place, cause, f"Run Ferryman {needed} or newer, or {restore}")


def own_release() -> int:
    """Return the number of this release, as `release_number`."""
    return release_number(version("ferryman"))


def release_number(release: str) -> int:
    """Return 1002003 for 1.2.3, whatever follows: what fits into SQLite's `user_version`."""
    found = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", release)
    if found is None:
        return 0
    major, minor, patch = (int(part or 0) for part in found.groups())
    return (major * 1000 + minor) * 1000 + patch
