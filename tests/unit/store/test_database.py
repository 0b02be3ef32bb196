"""Opening the database: migrations, bad files, restarts, many at once."""

import asyncio
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Awaitable, Iterable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.exc import OperationalError

from ferryman.core.authorization.builtin_policies import BUILTIN_POLICIES
from ferryman.model.errors import StoreUnavailable
from ferryman.model.identifiers import ActivationId, Millis, NodeId, SessionId
from ferryman.model.identity.users import User
from ferryman.model.nodes import Activation
from ferryman.model.sessions import ENDED, AccessType, Session, SessionStatus
from ferryman.store import database
from ferryman.store.database import open_store, sole_server
from ferryman.store.faults import StoreUnusable
from ferryman.store.schema import newest_schema, release_number
from ferryman.store.sessions.rows import ACCESS_TYPE_CODES, STATUS_CODES
from ferryman.store.tables import FIRST_ENDED_STATUS, metadata
from tests.waiting import PATIENCE

SESSION = Session(
    session_id=SessionId("alice-0"),
    target=NodeId("mi-1"),
    status=SessionStatus.CONNECTING,
    started_at=Millis(1000),
    document_name="d",
    owner="arn",
    owner_id="AIDA1",
    owner_name="alice",
    deadline_at=Millis(61_000),
    idle_timeout=20,
    token_id="t",
)
ALICE = User("AIDA1", "alice", Millis(1))


def test_the_last_number_is_the_newest_schema() -> None:
    scripts = ScriptDirectory(str(Path(database.__file__).parent / "migrations"))
    assert newest_schema() == scripts.get_current_head()


async def test_a_database_that_is_up_to_date_opens_without_alembic(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "alembic", None)
    async with await open_store(database_url) as store:
        await store.check()
    with pytest.raises(ImportError, match="alembic"):
        await open_store(f"sqlite:///{tmp_path}/new.db")


async def test_migrations_lead_to_the_tables(tmp_path: Path) -> None:
    await (await open_store(f"sqlite:///{tmp_path}/a.db")).close()
    migrated = create_engine(f"sqlite:///{tmp_path}/a.db")
    declared = create_engine(f"sqlite:///{tmp_path}/b.db")
    metadata.create_all(declared)
    with migrated.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    definitions = []
    for engine in (migrated, declared):
        with engine.connect() as connection:
            rows = connection.exec_driver_sql(
                "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY name"
            ).all()
        columns = {
            table: [
                (column["name"], str(column["type"]), column["nullable"])
                for column in inspect(engine).get_columns(table)
            ]
            for table in metadata.tables
        }
        definitions.append((rows, columns))
        engine.dispose()
    assert definitions[0] == definitions[1]


async def test_written_records_are_there_after_a_restart(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    async with await open_store(url) as store:
        await store.identities.add_user(ALICE)
    async with await open_store(url) as store:
        assert await store.identities.users() == [ALICE]


async def test_a_write_is_there_after_a_kill(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    program = (
        "import asyncio, os, signal\n"
        "from ferryman.store.database import open_store\n"
        "from ferryman.model.identity.users import User\n"
        "async def main():\n"
        f"    store = await open_store({url!r})\n"
        "    await store.identities.add_user(User('AIDA1', 'alice', 1))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    done = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", program], timeout=PATIENCE, check=False)
    assert done.returncode == -9
    async with await open_store(url) as store:
        assert await store.identities.users() == [ALICE]


async def test_many_threads_open_a_new_file_concurrently(tmp_path: Path) -> None:
    stores = await asyncio.gather(*(open_store(f"sqlite:///{tmp_path}/store.db") for _ in range(6)))
    for number, store in enumerate(stores):
        await store.identities.add_user(User(f"AIDA{number}", f"user{number}", Millis(1)))
    for store in stores:
        assert len(await store.identities.users()) == 6
        await store.close()


async def test_claims_and_tokens_are_atomic_between_stores_on_one_file(tmp_path: Path) -> None:
    """Each store has connections of its own, as servers on one file have."""
    stores = [await open_store(f"sqlite:///{tmp_path}/store.db") for _ in range(3)]
    activation = Activation(ActivationId("a"), b"hash", "role", None, None, 5, 0, Millis(1), Millis(100))
    await stores[0].activations.add(activation)
    await stores[0].sessions.add(SESSION)
    claims = (store.activations.claim(activation.activation_id, Millis(2)) for store in stores * 10)
    tokens = (store.sessions.consume_token(SESSION.session_id, "t") for store in stores * 10)
    claimed, consumed = await asyncio.gather(asyncio.gather(*claims), asyncio.gather(*tokens))
    assert sum(claimed) == 5
    assert [session for session in consumed if session is not None] == [replace(SESSION, token_id=None)]
    for store in stores:
        await store.close()


async def test_the_file_is_its_owners_only(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    async with await open_store(f"sqlite:///{path}") as store:
        await store.identities.add_user(ALICE)
        for file in tmp_path.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


@pytest.mark.parametrize(
    "url", ["", "store.db", "sqlite://", "sqlite:///:memory:", "postgresql://u:secret@h", "mysql://h/db"]
)
async def test_an_invalid_store_url_is_refused_without_showing_its_password(url: str) -> None:
    with pytest.raises(ValueError, match="a store is sqlite:///") as refused:
        await open_store(url)
    assert "secret" not in str(refused.value)


async def test_a_file_that_is_not_a_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(b"not a database at all, but long enough to be looked at" * 100)
    with pytest.raises(StoreUnusable, match="not a database"):
        await open_store(f"sqlite:///{path}")


async def test_a_missing_directory_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await open_store(f"sqlite:///{tmp_path}/none/store.db")


async def test_check_notices_a_database_that_cannot_be_written(tmp_path: Path) -> None:
    async with await open_store(f"sqlite:///{tmp_path}/store.db") as store:
        await store.check()
        other = sqlite3.connect(tmp_path / "store.db")
        other.execute("DROP TABLE sessions")
        other.close()
        with pytest.raises(OperationalError, match="no such table"):
            await store.check()


async def test_a_cancelled_caller_leaves_the_store_usable(tmp_path: Path) -> None:
    async with await open_store(f"sqlite:///{tmp_path}/store.db") as store:
        for number in range(20):
            task = asyncio.create_task(store.identities.add_user(User(f"AIDA{number}", f"user{number}", Millis(1))))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        await store.check()
        await store.identities.add_user(ALICE)
        assert await store.identities.user_named("alice") == ALICE


async def test_closing_twice_is_closing(tmp_path: Path) -> None:
    store = await open_store(f"sqlite:///{tmp_path}/store.db")
    await store.close()
    await store.close()


async def test_readers_do_not_write(tmp_path: Path) -> None:
    async with await open_store(f"sqlite:///{tmp_path}/store.db") as store:
        with pytest.raises(StoreUnavailable, match="readonly"):
            await store._connections.read(text("DELETE FROM users RETURNING user_id"))


def test_every_status_and_access_type_has_a_code_on_its_side() -> None:
    assert set(STATUS_CODES) == set(SessionStatus)
    assert {status for status, code in STATUS_CODES.items() if code >= FIRST_ENDED_STATUS} == ENDED
    assert len(set(STATUS_CODES.values())) == len(STATUS_CODES)
    assert set(ACCESS_TYPE_CODES) == set(AccessType)


async def test_roles_of_users_become_policies(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    config = Config()
    config.set_main_option("script_location", str(Path(database.__file__).parent / "migrations"))
    engine = create_engine(url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0004")
        for user_id, role in (("AIDA1", "administrator"), ("AIDA2", "operator")):
            row = {"user_id": user_id, "role": role}
            connection.execute(text("INSERT INTO users VALUES (:user_id, :user_id, :role, 1)"), row)
    engine.dispose()
    async with await open_store(url) as store:
        for user_id, policy in (("AIDA1", "FerrymanAdministrator"), ("AIDA2", "FerrymanOperator")):
            (arn,) = await store.policies.attached(user_id)
            assert BUILTIN_POLICIES[arn].name == policy


async def test_an_empty_file_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.touch()
    with pytest.raises(StoreUnusable, match="empty") as refused:
        await open_store(f"sqlite:///{path}")
    assert "backup" in refused.value.next_step
    assert path.stat().st_size == 0


async def test_a_store_of_a_newer_release_is_refused_and_the_release_named(tmp_path: Path, database_url: str) -> None:
    with sqlite3.connect(database_url.removeprefix("sqlite:///"), isolation_level=None) as newer:
        newer.execute("UPDATE alembic_version SET version_num = '9999'")
        newer.execute("PRAGMA user_version = 12003004")
    newer.close()
    with pytest.raises(StoreUnusable, match="9999") as refused:
        await open_store(database_url)
    assert "Ferryman 12.3.4 or newer" in refused.value.next_step


async def test_a_store_records_which_release_migrated_it(database_url: str) -> None:
    with sqlite3.connect(database_url.removeprefix("sqlite:///")) as store:
        assert store.execute("PRAGMA user_version").fetchone() == (release_number(version("ferryman")),)
    store.close()


async def test_a_new_store_leaves_nothing_beside(tmp_path: Path) -> None:
    await (await open_store(f"sqlite:///{tmp_path}/store.db")).close()
    assert [path.name for path in tmp_path.iterdir()] == ["store.db"]


def test_a_store_has_one_server(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    (tmp_path / "link.db").symlink_to("store.db")
    with sole_server(url):
        with pytest.raises(StoreUnusable, match="another server"), sole_server(url):
            pass
        with pytest.raises(StoreUnusable, match="another server"), sole_server(f"sqlite:///{tmp_path}/link.db"):
            pass
    with sole_server(url):
        pass


async def test_a_corrupted_table_is_found_by_check_and_remembered(tmp_path: Path, database_url: str) -> None:
    path = Path(database_url.removeprefix("sqlite:///"))
    with sqlite3.connect(path) as reading:
        (page,) = reading.execute("SELECT rootpage FROM sqlite_master WHERE name = 'users'").fetchone()
    reading.close()
    content = path.read_bytes()
    damaged = content[: 4096 * (page - 1)] + b"\xff" * 4096 + content[4096 * page :]
    path.write_bytes(damaged)
    async with await open_store(database_url) as store:
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match="malformed") as found:
                await store.check()
            assert found.value.state == "corrupted"


async def test_check_notices_that_the_file_is_gone(tmp_path: Path, database_url: str) -> None:
    path = Path(database_url.removeprefix("sqlite:///"))
    async with await open_store(database_url) as store:
        path.rename(tmp_path / "moved")
        with pytest.raises(StoreUnavailable, match="deleted or replaced"):
            await store.check()


async def until_refused(writes: Iterable[Awaitable[object]]) -> StoreUnavailable:
    """Write until the store refuses; what it said."""
    try:
        for write in writes:
            await write
    except StoreUnavailable as refused:
        return refused
    raise AssertionError("everything was written")


async def test_a_full_store_reports_it_and_recovers(tmp_path: Path, database_url: str) -> None:
    async with await open_store(database_url) as store:
        with store._connections._writer.connect() as connection:
            (pages,) = connection.exec_driver_sql("PRAGMA page_count").one()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        adding = (store.identities.add_user(User(f"AIDAX{n}", f"user{n}" * 20, Millis(1))) for n in range(5000))
        assert (await until_refused(adding)).state == "full"
        with store._connections._writer.connect() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 100000")
        await store.identities.add_user(ALICE)
        await store.check()


async def test_a_full_store_within_a_transaction_is_usable_again(database_url: str) -> None:
    async with await open_store(database_url) as store:
        with store._connections._writer.connect() as connection:
            (pages,) = connection.exec_driver_sql("PRAGMA page_count").one()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        insert = text(
            "INSERT INTO users (user_id, name, created_at) SELECT hex(randomblob(2000)), hex(randomblob(8)), 1"
        )
        assert (await until_refused(store._connections.write_all(insert, insert) for _ in range(1000))).state == "full"
        with store._connections._writer.connect() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 100000")
        await store._connections.write_all(text("DELETE FROM users"))
        await store.identities.add_user(ALICE)
