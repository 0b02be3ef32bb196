"""The locks of running servers on a PostgreSQL database: a server that is alone, or several of different names.

PostgreSQL forgets a lock with its connection: when it restarts, or when connections are cut. So the locks are taken
again, in a thread of their own, for as long as the server runs.
"""

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

import structlog
from sqlalchemy import text
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ferryman.store.faults import StoreUnusable
from ferryman.store.postgresql.databases import SERVING, connected
from ferryman.store.urls import without_password

CLOCK_SECONDS = 5
"""How much the clocks of several servers may differ from the database's."""
CHECK_SECONDS = 2.0
"""How often the connection that holds the locks is checked."""
PATIENCE_SECONDS = 60.0
"""How long to wait for another holder: it may be our own lost connection, which PostgreSQL has not noticed yet."""
_END_SECONDS = 2.0
_NOTICED = "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3"
"""PostgreSQL then notices within half a minute that this machine has vanished. By default it takes two hours."""
_log = structlog.get_logger("ferryman.store")

OnLost = Callable[[StoreUnusable], None]
"""Told, in another thread, that another server has the locks now."""


class _Refused(StoreUnusable):
    """Another server holds a lock."""


@contextmanager
def sole_user(url: URL, on_lost: OnLost = lambda _: None) -> Iterator[None]:
    """Hold the lock that allows one server. Raises `StoreUnusable`."""

    def acquire(connection: Connection) -> None:
        if not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": SERVING}).scalar_one():
            advice = "Stop that server, or give this one a database of its own"
            raise _Refused(without_password(url), "another server uses it", advice)

    with _held(url, acquire, on_lost):
        yield


@contextmanager
def one_of_several(url: URL, name: str, on_lost: OnLost = lambda _: None) -> Iterator[None]:
    """Hold the locks of one of several servers.

    Raises `StoreUnusable` if a server of the same name, or one that wants to be alone, uses the database, or if this
    machine's clock is not the database's.
    """

    def acquire(connection: Connection) -> None:
        if not connection.execute(text("SELECT pg_try_advisory_lock_shared(:key)"), {"key": SERVING}).scalar_one():
            advice = "Stop that server, or set bus.url for it, too"
            raise _Refused(without_password(url), "a server without a bus uses it", advice)
        if not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": name_key(name)}).scalar_one():
            advice = "Give every server a server.name of its own"
            raise _Refused(without_password(url), f"another server named {name} uses it", advice)

    with connected(url) as connection:
        _check_clock(url, connection)
    with _held(url, acquire, on_lost):
        yield


def name_key(name: str) -> int:
    """Return the advisory lock of a server's name."""
    digest = hashlib.sha256(b"ferryman server " + name.encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _check_clock(url: URL, connection: Connection) -> None:
    began = time.time()
    theirs = float(connection.exec_driver_sql("SELECT extract(epoch FROM clock_timestamp())").scalar_one())
    ended = time.time()
    difference = max(began - theirs, theirs - ended)
    if difference > CLOCK_SECONDS:
        cause = f"its clock and this machine's differ by {difference:.0f} s; the limit is {CLOCK_SECONDS} s"
        raise StoreUnusable(without_password(url), cause, "Have both set by NTP")


@contextmanager
def _held(url: URL, acquire: Callable[[Connection], None], on_lost: OnLost) -> Iterator[None]:
    locks = _Locks(url, acquire)
    locks.acquire()
    ended = threading.Event()
    thread = threading.Thread(target=locks.keep, args=(ended, on_lost), name="serving-locks", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(_END_SECONDS)  # it may be waiting for a database that does not answer


class _Locks:
    """The locks, and the connection that holds them. Used by one thread at a time."""

    def __init__(self, url: URL, acquire: Callable[[Connection], None]) -> None:
        self._url = url
        self._acquire = acquire
        self._opened = ExitStack()
        self._connection: Connection | None = None

    def acquire(self) -> None:
        """Connect and acquire the locks. Raises `StoreUnusable`."""
        with ExitStack() as opened:
            connection = opened.enter_context(connected(self._url))
            opened.callback(_release, connection)
            connection.exec_driver_sql(_NOTICED)
            self._acquire(connection)
            self._connection, self._opened = connection, opened.pop_all()

    def keep(self, ended: threading.Event, on_lost: OnLost) -> None:
        """Take the locks again whenever they are lost, until `ended`; then let go of them."""
        refused_since: float | None = None
        while not ended.wait(CHECK_SECONDS):
            if self._is_held():
                continue
            try:
                self.acquire()
            except _Refused as refused:
                refused_since = refused_since or time.monotonic()
                if time.monotonic() - refused_since > PATIENCE_SECONDS:
                    on_lost(refused)
                    return
            except StoreUnusable:
                refused_since = None  # the database is away: nobody else has it either
            else:
                refused_since = None
                _log.info("serving locks taken again")
        self._let_go()

    def _is_held(self) -> bool:
        if self._connection is None:
            return False
        try:
            self._connection.exec_driver_sql("SELECT 1")
        except DBAPIError as error:
            _log.warning("serving locks lost", reason=str(error.orig).strip())
            self._let_go()
            return False
        return True

    def _let_go(self) -> None:
        self._connection = None
        opened, self._opened = self._opened, ExitStack()
        with suppress(StoreUnusable):  # a lost connection cannot be closed in order
            opened.close()


def _release(connection: Connection) -> None:
    """Release the locks now: PostgreSQL would keep them until it notices, later, that the connection is closed."""
    with suppress(SQLAlchemyError):  # a lost connection holds none
        connection.exec_driver_sql("SELECT pg_advisory_unlock_all()")
