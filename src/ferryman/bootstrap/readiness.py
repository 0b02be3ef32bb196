"""Whether a server would start, found out without starting it or changing anything."""

from ferryman.bootstrap.configuration import LoadedConfiguration
from ferryman.bootstrap.server_keys import read_server_keys
from ferryman.model.failures import Failure, said_by


def check_store(loaded: LoadedConfiguration) -> str:
    """Return what is known of the store; raises Failure if the server could not use it."""
    from ferryman.store.examination import examine_store
    from ferryman.store.faults import StoreUnusable

    try:
        found = examine_store(loaded.database_url)
    except StoreUnusable as error:
        raise Failure(f"The store {error.path} cannot be used", error.cause, error.next_step) from error
    except ValueError as error:
        raise Failure("The store cannot be used", str(error), "Correct server.database") from error
    if found.schema is None:
        return f"{found.path} does not exist yet: the server creates it"
    if not found.is_current:
        return f"{found.path} has schema {found.schema}; the server migrates it to {found.newest} when it starts"
    return f"{found.path} can be read and has the current schema, {found.schema}"


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
        return f"{directory} is empty: the server starts a trail there"
    broken = ""
    for key in (*keys.vault().derive_all(PURPOSE), *keys.audit_only):
        try:
            link, _ = open_line(key, line)
        except BrokenChain as error:
            broken = str(error)
            continue
        return f"{directory} ends with record {link.sequence}, which is authentic"
    advice = "Run `ferryman audit verify`, and move the directory elsewhere as evidence"
    raise Failure(f"The audit trail in {directory} cannot be continued", f"its last record: {broken}", advice)


def check_port(loaded: LoadedConfiguration) -> str:
    """Return whether the listen address is free, or in use by this very server; raises Failure if it is neither."""
    from ferryman.server.listener.listener import listen
    from ferryman.store.examination import is_served

    host, port = loaded.listen_address
    address = loaded.configuration.server.listen
    if is_served(loaded.database_url):
        return f"this server is running, so {address} was not tried"
    try:
        listen(host, port).close()
    except OSError as error:
        advice = "Stop whatever uses the port, or change server.listen"
        raise Failure(f"The server cannot listen on {address}", said_by(error), advice) from error
    return f"{address} is free"
