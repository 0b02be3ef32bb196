"""Whether a server would start, found out without changing anything, and whether one that runs is healthy."""

import os
import pwd
import ssl
import stat
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import TYPE_CHECKING

from ferryman.bootstrap.configuration import LoadedConfiguration
from ferryman.bootstrap.keys.server_keys import read_server_keys
from ferryman.model.failures import Failure, said_by

if TYPE_CHECKING:
    from ferryman.core.ports.audit import TrailHead

TIMEOUT_SECONDS = 5.0
_MOST_BYTES = 64 * 1024
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 compared, not bound


def check_store(loaded: LoadedConfiguration) -> str:
    """Return a description of the store; raises Failure if the server could not use it."""
    from ferryman.store.faults import StoreUnusable
    from ferryman.store.offline.examination import examine_store

    try:
        found = examine_store(loaded.database_url)
    except StoreUnusable as error:
        raise Failure(f"The store {error.place} cannot be used", error.cause, error.next_step) from error
    except ValueError as error:
        raise Failure("The store cannot be used", str(error), "Correct server.database") from error
    if found.is_current:
        return f"{found.place} can be read and has the current schema, {found.schema}"
    if not found.migrates:
        cause = f"has schema {found.schema}, not {found.newest}" if found.schema else "has no tables of Ferryman's"
        raise Failure(f"The store {found.place} cannot be used", f"it {cause}", "Run `ferryman store upgrade`")
    if found.schema is None:
        return f"{found.place} does not exist yet: the server creates it"
    return f"{found.place} has schema {found.schema}; the server migrates it to {found.newest} when it starts"


def check_trail(loaded: LoadedConfiguration) -> str:
    """Return where the audit trail ends; raises Failure if the server could not continue it."""
    from ferryman.audit.reader import last_line
    from ferryman.core.audit.chain import PURPOSE, BrokenChain, open_line

    directory = loaded.path(loaded.configuration.audit.directory)
    keys = read_server_keys(loaded)
    try:
        line = last_line(directory)
    except OSError as error:
        said = error.strerror or str(error)
        raise Failure(
            f"The audit trail in {directory} cannot be read", said, "Run this as the server's user"
        ) from error
    if not line:
        return _reached(loaded, 0) or f"{directory} is empty: the server starts a trail there"
    broken = ""
    for key in (*keys.vault().derive_all(PURPOSE), *keys.audit_only):
        try:
            link, _ = open_line(key, line)
        except BrokenChain as error:
            broken = str(error)
            continue
        return _reached(loaded, link.sequence) or f"{directory} ends with record {link.sequence}, which is authentic"
    advice = "Run `ferryman audit verify`, and move the directory elsewhere as evidence"
    raise Failure(f"The audit trail in {directory} cannot be continued", f"its last record: {broken}", advice)


def trail_heads(loaded: LoadedConfiguration) -> "Mapping[str, TrailHead] | None":
    """Return how far the store knows the trail of each server to have got; None if it cannot be read."""
    from ferryman.store.faults import StoreUnusable
    from ferryman.store.offline.examination import read_trail_heads

    try:
        return read_trail_heads(loaded.database_url)
    except (StoreUnusable, ValueError):
        return None


def _reached(loaded: LoadedConfiguration, last: int) -> str:
    """Return ""; raises Failure if the trail once got further than its last record."""
    known = (trail_heads(loaded) or {}).get(loaded.server_name)
    if known is not None and known.sequence > last:
        raise Failure(
            f"The audit trail in {loaded.path(loaded.configuration.audit.directory)} was lost or shortened",
            f"it ends with record {last}, and the database knows of {known.sequence}",
            "Find out who did that; the server continues with the next number and records which are missing",
        )
    return ""


def check_directory(loaded: LoadedConfiguration, setting: str, directory: Path) -> str:
    """Return that the server can write to a directory that it may still have to create; raises Failure if it cannot.

    Root can write everywhere, so for root this asks whether the owner of the audit trail, as whom the server runs, can.
    """
    place = next(each for each in (directory, *directory.parents) if each.exists())
    owner = _server_owner(loaded) if os.geteuid() == 0 else None
    if not place.is_dir():
        cause = f"{place} is not a directory"
    elif not os.access(place, os.W_OK | os.X_OK) or (owner is not None and not _may_write(owner, place.stat())):
        cause = f"{'you' if owner is None else owner.pw_name} cannot write to {place}"
    else:
        return f"{directory} {'can be written' if place == directory else 'does not exist yet: the server creates it'}"
    advice = f"Make the directory writable for the server, or set a different {setting}"
    raise Failure(f"{directory} cannot be used", cause, advice)


def _server_owner(loaded: LoadedConfiguration) -> pwd.struct_passwd | None:
    try:
        status = loaded.path(loaded.configuration.audit.directory).stat()
        return pwd.getpwuid(status.st_uid) if status.st_uid != 0 else None
    except (OSError, KeyError):
        return None


def _may_write(user: pwd.struct_passwd, status: os.stat_result) -> bool:
    """Return whether a user may create files in a directory, by its mode."""
    if status.st_uid == user.pw_uid:
        needed = stat.S_IWUSR | stat.S_IXUSR
    elif status.st_gid in os.getgrouplist(user.pw_name, user.pw_gid):
        needed = stat.S_IWGRP | stat.S_IXGRP
    else:
        needed = stat.S_IWOTH | stat.S_IXOTH
    return status.st_mode & needed == needed


def check_port(loaded: LoadedConfiguration) -> str:
    """Return whether the listen address is free, or in use by this very server; raises Failure if it is neither."""
    from ferryman.server.listener.listener import listen
    from ferryman.store.offline.examination import is_served

    host, port = loaded.listen_address
    address = loaded.configuration.server.listen
    if is_served(loaded.database_url, loaded.server_name):
        return f"this server is running, so {address} was not tried"
    try:
        listen(host, port).close()
    except OSError as error:
        advice = "Stop whatever uses the port, or change server.listen"
        raise Failure(f"The server cannot listen on {address}", said_by(error), advice) from error
    return f"{address} is free"


def ask_health(loaded: LoadedConfiguration) -> tuple[int, str]:
    """Return the status and the JSON of `/healthz`. Raises Failure if the server does not answer.

    Over TLS it accepts the certificate in the configuration and no other.
    """
    host, port = loaded.listen_address
    host = _ANY.get(host, host)
    tls = loaded.configuration.server.tls
    try:
        if tls is None:
            connection = HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
        else:
            context = ssl.create_default_context(cafile=str(loaded.path(tls.certificate)))
            context.check_hostname = False  # the certificate itself is trusted, whatever it names
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
            connection = HTTPSConnection(host, port, timeout=TIMEOUT_SECONDS, context=context)
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        text = answer.read(_MOST_BYTES).decode(errors="replace").strip()
    except (OSError, HTTPException) as error:
        advice = "Start it, or look for the cause in its log"
        raise Failure(f"The server does not answer at {host}:{port}", said_by(error), advice) from error
    connection.close()
    return answer.status, text
