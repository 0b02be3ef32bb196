"""Opening the database: migrations, connections, and the store over them."""

from ferryman.core.ports import ActivationStore, IdentityStore, NodeStore, SessionStore


class SqlStore:
    """`core.ports.Store` over SQL. Close it when done."""

    sessions: SessionStore
    nodes: NodeStore
    activations: ActivationStore
    identities: IdentityStore

    async def check(self) -> None:
        """Raise if the database cannot be read and written."""
        raise NotImplementedError

    async def close(self) -> None:
        """Close every connection; idempotent."""
        raise NotImplementedError


async def open_store(url: str) -> SqlStore:
    """Open `sqlite:///<path>` (four slashes for an absolute path), making and migrating it as needed."""
    raise NotImplementedError
