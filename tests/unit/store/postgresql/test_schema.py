"""A PostgreSQL database's tables: made and upgraded by a command, checked by servers, copied from SQLite."""

import asyncio
import contextlib
import time
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, make_url

from ferryman.model.identifiers import Millis
from ferryman.model.identity.users import User
from ferryman.store.database import one_of_several, open_store, sole_server, upgrade_store
from ferryman.store.faults import StoreUnusable
from ferryman.store.offline.copying import copy_whole_store
from ferryman.store.offline.examination import examine_store, is_served, read_session_documents, read_trail_heads
from ferryman.store.postgresql import serving_locks
from ferryman.store.postgresql.databases import connected
from ferryman.store.schema import newest_schema
from ferryman.store.tables import metadata
from ferryman.store.urls import store_url
from tests.postgresql import Postgresql
from tests.waiting import wait_until

NAMES = ["Zoe", "adam", "Ädam", "zoe", "_x", "0"]


async def test_a_server_does_not_make_the_tables(new_database: str) -> None:
    assert examine_store(new_database).schema is None
    assert read_trail_heads(new_database) == {}
    assert read_session_documents(new_database) == []
    with pytest.raises(StoreUnusable, match="no tables") as refused:
        await open_store(new_database)
    assert "ferryman store upgrade" in refused.value.next_step
    assert "postgres:" not in refused.value.place, "no password"


async def test_several_upgrades_at_once_make_the_tables_once(new_database: str) -> None:
    await asyncio.gather(*(asyncio.to_thread(upgrade_store, new_database) for _ in range(4)))
    assert examine_store(new_database).is_current
    assert read_session_documents(new_database) == []
    async with await open_store(new_database) as store:
        await store.check()


def test_migrations_lead_to_the_tables(migrated_postgresql: str) -> None:
    engine = create_engine(store_url(migrated_postgresql))
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


async def test_texts_are_in_order_of_code_points_whatever_the_locale(postgresql_url: str) -> None:
    with psycopg.connect(postgresql_url) as connection:
        found = connection.execute(
            "SELECT collation_name, count(*) FROM information_schema.columns WHERE table_schema = 'public' "
            "AND table_name <> 'alembic_version' AND data_type IN ('character varying', 'text') GROUP BY 1"
        ).fetchall()
    assert [name for name, _ in found] == ["C"]
    async with await open_store(postgresql_url) as store:
        for name in NAMES:
            await store.identities.add_user(User(f"AIDA{name}", name, Millis(1)))
        assert [user.name for user in await store.identities.page("/", "", 100)] == sorted(NAMES)


@pytest.mark.parametrize(("number", "said"), [("0001", "older"), ("9999", "newer")])
async def test_another_schema_is_refused(new_database: str, number: str, said: str) -> None:
    upgrade_store(new_database)
    with psycopg.connect(new_database) as connection:
        connection.execute("UPDATE alembic_version SET version_num = %s", [number])
    with pytest.raises(StoreUnusable, match=said):
        await open_store(new_database)


def test_one_server_uses_a_database(migrated_postgresql: str) -> None:
    assert not is_served(migrated_postgresql)
    with sole_server(migrated_postgresql):
        assert is_served(migrated_postgresql)
        with pytest.raises(StoreUnusable, match="another server"), sole_server(migrated_postgresql):
            pass
    assert not is_served(migrated_postgresql)


def test_several_servers_use_a_database(migrated_postgresql: str) -> None:
    """Each by its own name, and none beside one that is alone."""
    with one_of_several(migrated_postgresql, "one"), one_of_several(migrated_postgresql, "two"):
        assert [is_served(migrated_postgresql, name) for name in ("one", "two", "three")] == [True, True, False]
        with pytest.raises(StoreUnusable, match="another server named one"), one_of_several(migrated_postgresql, "one"):
            pass
        with pytest.raises(StoreUnusable, match="another server"), sole_server(migrated_postgresql):
            pass
    with (
        sole_server(migrated_postgresql),
        pytest.raises(StoreUnusable, match="without a bus"),
        one_of_several(migrated_postgresql, "one"),
    ):
        pass


def test_locks_are_free_at_once(migrated_postgresql: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL may notice late that a connection is closed, as on a busy machine. Here it is never closed."""
    with connected(store_url(migrated_postgresql)) as connection:
        monkeypatch.setattr(serving_locks, "connected", lambda _: contextlib.nullcontext(connection))
        with one_of_several(migrated_postgresql, "one"):
            assert is_served(migrated_postgresql, "one")
        assert not is_served(migrated_postgresql, "one")
        assert not is_served(migrated_postgresql)


def taken_by(url: str) -> set[int]:
    """The processes of PostgreSQL that hold advisory locks."""
    with psycopg.connect(url) as connection:
        return {row[0] for row in connection.execute("SELECT pid FROM pg_locks WHERE locktype = 'advisory'")}


def cut_everybody_off(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_locks_that_postgresql_forgot_are_taken_again(
    migrated_postgresql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving_locks, "CHECK_SECONDS", 0.05)
    lost: list[StoreUnusable] = []
    with one_of_several(migrated_postgresql, "one", lost.append):
        taken = taken_by(migrated_postgresql)
        cut_everybody_off(migrated_postgresql)
        wait_until(lambda: is_served(migrated_postgresql, "one") and taken_by(migrated_postgresql) != taken)
        with pytest.raises(StoreUnusable, match="another server named one"), one_of_several(migrated_postgresql, "one"):
            pass
    assert not is_served(migrated_postgresql, "one")
    assert not lost


def test_a_server_is_told_when_another_one_took_its_place(
    migrated_postgresql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost: list[StoreUnusable] = []
    monkeypatch.setattr(serving_locks, "CHECK_SECONDS", 0.5)
    monkeypatch.setattr(serving_locks, "PATIENCE_SECONDS", 0.1)
    with sole_server(migrated_postgresql, lost.append), contextlib.ExitStack() as other:

        def took_it() -> bool:
            """The first may be faster, and have its lock again."""
            cut_everybody_off(migrated_postgresql)
            with contextlib.suppress(StoreUnusable):
                other.enter_context(sole_server(migrated_postgresql))
                return True
            return False

        wait_until(took_it)
        wait_until(lambda: lost)
    assert "another server uses it" in str(lost[0])


@pytest.mark.parametrize("ahead", [-60, 60])
def test_a_server_with_another_time_does_not_join(
    migrated_postgresql: str, monkeypatch: pytest.MonkeyPatch, ahead: int
) -> None:
    monkeypatch.setattr(time, "time", lambda now=time.time: now() + ahead)
    with pytest.raises(StoreUnusable, match=r"differ by (5|6)\d s"), one_of_several(migrated_postgresql, "one"):
        pass


def test_a_file_is_for_one_server(tmp_path: Path) -> None:
    with pytest.raises(StoreUnusable, match="for one server"):
        one_of_several(f"sqlite:///{tmp_path}/ferryman.db", "one")


@pytest.mark.parametrize(
    "url", ["postgresql://u:secret@127.0.0.1:1/none", "postgresql://postgres:secret@127.0.0.1:{port}/postgres"]
)
async def test_what_cannot_be_reached_is_named_without_its_password(postgresql: Postgresql, url: str) -> None:
    with pytest.raises(StoreUnusable) as refused:
        await open_store(url.format(port=postgresql.port))
    assert "secret" not in str(refused.value)
    assert refused.value.next_step


async def test_a_sqlite_store_is_copied_whole(new_database: str, tmp_path: Path) -> None:
    source = f"sqlite:///{tmp_path}/ferryman.db"
    async with await open_store(source) as store:
        for number in range(2500):
            await store.identities.add_user(User(f"AIDA{number:04}", f"user{number:04}", Millis(number)))
    counts: dict[str, int] = {}
    copy_whole_store(source, new_database, counts.__setitem__)
    assert counts["users"] == 2500
    async with await open_store(source) as old, await open_store(new_database) as new:
        assert await new.identities.users() == await old.identities.users()
    with pytest.raises(StoreUnusable, match="users has rows"):
        copy_whole_store(source, new_database, counts.__setitem__)
    with sole_server(source), pytest.raises(StoreUnusable, match="another server"):
        copy_whole_store(source, new_database, counts.__setitem__)


async def test_a_copy_that_fails_leaves_nothing(new_database: str, tmp_path: Path) -> None:
    source = f"sqlite:///{tmp_path}/ferryman.db"
    async with await open_store(source) as store:
        await store.identities.add_user(User("AIDA1", "alice", Millis(1)))
        await store.identities.add_user(User("AIDA2", "b" * 65, Millis(1)))  # SQLite does not mind
    with pytest.raises(StoreUnusable, match="too long"):
        copy_whole_store(source, new_database, lambda _table, _rows: None)
    async with await open_store(new_database) as new:
        assert await new.identities.users() == []
    assert examine_store(new_database).schema == newest_schema()
    assert make_url(new_database).database is not None
