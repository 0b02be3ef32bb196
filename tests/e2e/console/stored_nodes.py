"""Nodes that are only rows of the demo's database: many, or with names that no honest agent reports."""

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from tests.e2e.demo import Ferryman
from tests.waiting import PATIENCE

COLUMNS = ("computer_name", "agent_name", "agent_version", "platform_type", "platform_name", "platform_version")
_KEY = "tests-of-the-console"


@contextlib.contextmanager
def stored_nodes(ferryman: Ferryman, nodes: Sequence[tuple[str, ...]]) -> Iterator[list[str]]:
    """Store nodes, each with the values of COLUMNS, until the end of the context: their ids."""
    (database,) = Path(ferryman.facts["profile_dir"]).parent.rglob("ferryman.db")
    ids = [f"mi-{number:017x}" for number in range(1, len(nodes) + 1)]
    columns = ("node_id", "public_key", "fingerprint", "activation_id", "iam_role", "registered_at", "key_since")
    rows = [(each, _KEY, "", "", "role", 1, 1, "192.0.2.1", *node) for each, node in zip(ids, nodes, strict=True)]
    names = ", ".join((*columns, "ip_address", *COLUMNS))
    with closing(sqlite3.connect(database, timeout=PATIENCE)) as connection:
        with connection:
            connection.executemany(f"INSERT INTO nodes ({names}) VALUES ({', '.join('?' * len(rows[0]))})", rows)  # noqa: S608
        try:
            yield ids
        finally:
            with connection:
                connection.execute("DELETE FROM nodes WHERE public_key = ?", (_KEY,))
