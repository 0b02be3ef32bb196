"""PostgreSQL's error codes, as states and advice."""

from collections.abc import Mapping

import psycopg
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from ferryman.store.faults import CORRUPTED, FAILED, FULL, GONE, LOCKED, READ_ONLY, StoreUnusable
from ferryman.store.urls import without_password

_STATES: Mapping[str, str] = {
    "08": GONE,  # connection exception
    "25006": READ_ONLY,
    "3D000": GONE,  # no such database
    "28": FAILED,  # not authorized to log in
    "40": LOCKED,  # transactions that met again and again
    "42501": FAILED,  # not allowed to use a table
    "42P01": FAILED,  # no such table
    "53100": FULL,
    "53": FAILED,  # out of memory, connections or something else
    "55P03": LOCKED,
    "57014": LOCKED,  # took longer than statement_timeout
    "57P": GONE,  # shut down, starting, or the database was dropped
    "58": FAILED,  # its disk
    "XX": CORRUPTED,
}
"""By the beginning of SQLSTATE; the longest that fits counts."""
ADVICE: Mapping[str, str] = {
    FULL: "Make room on PostgreSQL's disk",
    LOCKED: "See pg_stat_activity and pg_locks for what holds it up",
    CORRUPTED: "See PostgreSQL's log, and restore it from a backup",
    READ_ONLY: "Name the primary, not a standby, in server.database",
    GONE: "Start PostgreSQL, or correct server.database",
    FAILED: "See PostgreSQL's log, and check user, password and privileges",
}
_MET_ANOTHER = frozenset({"40001", "40P01"})
"""Serialization failure and deadlock: the transaction was rolled back, and can be run again."""

_UNIQUE_VIOLATION = "23505"


def state_of(error: DBAPIError) -> str | None:
    """Return the state that an error shows; None if the statement is at fault, not the store."""
    code = getattr(error.orig, "sqlstate", None)
    if code is None:
        return GONE if error.connection_invalidated or isinstance(error.orig, psycopg.OperationalError) else None
    fitting = [start for start in _STATES if code.startswith(start)]
    return _STATES[max(fitting, key=len)] if fitting else None


def is_bad_value(error: DBAPIError) -> bool:
    """Return whether a value is at fault: too long for its column, or text with a NUL character."""
    code = getattr(error.orig, "sqlstate", None)
    return isinstance(error.orig, psycopg.DataError) and (code is None or code.startswith("22"))


def met_another(error: DBAPIError) -> bool:
    """Return whether a transaction was rolled back because of another, and may be run again."""
    return getattr(error.orig, "sqlstate", None) in _MET_ANOTHER


def is_taken(error: DBAPIError) -> bool:
    """Return whether a row with the same primary or unique key exists, whether the transaction could see it or not."""
    return getattr(error.orig, "sqlstate", None) == _UNIQUE_VIOLATION


def unusable(error: DBAPIError, url: URL) -> StoreUnusable:
    """Return the error to raise for a failure while opening the store."""
    return StoreUnusable(without_password(url), said_by(error), ADVICE[state_of(error) or FAILED])


def said_by(error: DBAPIError) -> str:
    """Return the driver's message on one line."""
    return " ".join(str(error.orig).split())
