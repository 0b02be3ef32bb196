"""Servers of one release on the schema of the next, while one after the other is upgraded."""

import ast
import secrets
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from ferryman.model.identifiers import Millis
from ferryman.model.identity.users import User
from ferryman.store.database import open_store, upgrade_store
from ferryman.store.faults import StoreUnusable
from ferryman.store.schema import declared_oldest_servers, newest_schema, oldest_server
from tests.postgresql import Postgresql

NEXT = f"{int(newest_schema()) + 1:04d}"
VERSIONS = Path(__file__).parents[4] / "src" / "ferryman" / "store" / "migrations" / "versions"
COMMENTS = (
    f"schema {NEXT}, oldest server {NEXT}",
    f"schema {newest_schema()}, oldest server {newest_schema()}",  # of before the last upgrade
    "somebody's own words",
    None,
)
ADDING = frozenset({"create_table", "create_index", "add_column"})
"""What an older server does not notice; a column needs to be nullable, or a default."""


@pytest.fixture
def upgraded(postgresql: Postgresql) -> Iterator[str]:
    """The URL of a database with what the next release may add."""
    name = f"test_{secrets.token_hex(8)}"
    postgresql.execute(f"CREATE DATABASE {name}")
    url = postgresql.url(name)
    upgrade_store(url)
    with psycopg.connect(url) as connection:
        connection.execute("ALTER TABLE users ADD COLUMN badge text")
        connection.execute("ALTER TABLE users ADD COLUMN rank integer NOT NULL DEFAULT 0")
        connection.execute("CREATE INDEX ix_users_badge ON users (badge)")
        connection.execute("CREATE TABLE badges (badge text PRIMARY KEY)")
        connection.execute("UPDATE alembic_version SET version_num = %s", [NEXT])
        connection.execute(
            f"COMMENT ON TABLE alembic_version IS 'schema {NEXT}, oldest server {newest_schema()}'".encode()
        )
    yield url
    postgresql.execute(f"DROP DATABASE {name} WITH (FORCE)")


async def test_this_release_runs_on_the_next_schema_if_that_only_adds(upgraded: str) -> None:
    async with await open_store(upgraded) as store:
        await store.check()
        await store.identities.add_user(User("AIDA1", "alice", Millis(1)))
        assert (await store.identities.user_named("alice")) is not None


@pytest.mark.parametrize("comment", COMMENTS)
async def test_it_refuses_one_that_needs_newer_servers_or_says_nothing(upgraded: str, comment: str | None) -> None:
    text = "NULL" if comment is None else "'" + comment.replace("'", "''") + "'"
    with psycopg.connect(upgraded) as connection:
        connection.execute(f"COMMENT ON TABLE alembic_version IS {text}".encode())
    with pytest.raises(StoreUnusable, match="newer"):
        await open_store(upgraded)


@pytest.mark.parametrize(
    ("declared", "oldest"),
    [
        ({}, "0025"),
        ({"0025": "0024"}, "0024"),
        ({"0025": "0023"}, "0024"),  # 0024 itself does not run on older servers
        ({"0025": "0024", "0024": "0023"}, "0024"),
        ({"0025": "0023", "0024": "0023"}, "0023"),
        ({"0025": "0022", "0024": "0022", "0023": "0022"}, "0022"),
    ],
)
def test_the_oldest_server_is_that_of_all_migrations_together(declared: dict[str, str], oldest: str) -> None:
    assert oldest_server(declared, "0025") == oldest


def additions(source: str) -> set[str]:
    """The operations that apply a migration, and `required column` for a column that older servers cannot leave out."""
    found: set[str] = set()
    module = ast.parse(source)
    module.body = [each for each in module.body if getattr(each, "name", "") != "downgrade"]
    for node in ast.walk(module):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if isinstance(node.func.value, ast.Name) and node.func.value.id in {"op", "batch"}:
            found.add(node.func.attr)
            text = ast.unparse(node)
            if node.func.attr == "add_column" and "nullable=False" in text and "server_default" not in text:
                found.add("required column")
    return found


def test_a_migration_that_declares_older_servers_only_adds() -> None:
    for number in declared_oldest_servers():
        (path,) = VERSIONS.glob(f"{number}_*.py")
        assert additions(path.read_text()) <= ADDING, path.name
    assert additions('op.add_column("users", sa.Column("x", nullable=False))') - ADDING == {"required column"}
    assert additions('op.drop_column("users", "x")') - ADDING == {"drop_column"}
