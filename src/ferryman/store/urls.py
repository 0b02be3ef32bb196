"""The URLs that name a store: `sqlite:///<path>`, `postgresql://<user>@<host>/<database>`."""

from sqlalchemy import make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError

SQLITE, POSTGRESQL = "sqlite", "postgresql"


def store_url(url: str) -> URL:
    """Return a store's URL, with the driver that is used; raises ValueError if it names no store."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None
    if parsed is not None and parsed.drivername == SQLITE and parsed.database not in (None, "", ":memory:"):
        return parsed
    if parsed is not None and parsed.drivername in (POSTGRESQL, "postgres") and parsed.database:
        return parsed.set(drivername="postgresql+psycopg")
    given = url if parsed is None else without_password(parsed)
    raise ValueError(f"a store is sqlite:///<path> or postgresql://<user>@<host>/<database>; got {given}")


def is_postgresql(url: str) -> bool:
    """Return whether a URL names a PostgreSQL database; raises ValueError if it names no store."""
    return store_url(url).get_backend_name() == POSTGRESQL


def sqlite_url(url: str) -> URL:
    """Return the URL of a SQLite file; raises ValueError if it names something else."""
    parsed = store_url(url)
    if parsed.get_backend_name() != SQLITE:
        raise ValueError(f"this needs a SQLite file, sqlite:///<path>; the store is {without_password(parsed)}")
    return parsed


def without_password(url: URL) -> str:
    """Return a URL as it may be shown."""
    shown = url.set(drivername=url.get_backend_name(), query={})
    return shown._replace(password=None).render_as_string()  # `set` takes None for "as it is"
