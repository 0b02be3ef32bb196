"""Opening the database: migrations, bad files, restarts, many at once."""

import asyncio
import sqlite3
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.exc import DatabaseError, OperationalError

from ferryman.core.builtin_policies import BUILTIN_POLICIES
from ferryman.model.callers import User
from ferryman.model.identifiers import ActivationId, Millis, NodeId, SessionId
from ferryman.model.nodes import Activation
from ferryman.model.sessions import ENDED, AccessType, Session, SessionStatus
from ferryman.store import database
from ferryman.store.database import open_store
from ferryman.store.session_rows import ACCESS_TYPE_CODES, STATUS_CODES
from ferryman.store.tables import FIRST_ENDED_STATUS, metadata

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
    assert database.newest_schema() == scripts.get_current_head()


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


async def test_what_was_written_is_there_after_a_restart(tmp_path: Path) -> None:
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
        "from ferryman.model.callers import User\n"
        "async def main():\n"
        f"    store = await open_store({url!r})\n"
        "    await store.identities.add_user(User('AIDA1', 'alice', 1))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    done = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", program], timeout=60, check=False)
    assert done.returncode == -9
    async with await open_store(url) as store:
        assert await store.identities.users() == [ALICE]


async def test_many_open_a_new_file_at_once(tmp_path: Path) -> None:
    stores = await asyncio.gather(*(open_store(f"sqlite:///{tmp_path}/store.db") for _ in range(6)))
    for number, store in enumerate(stores):
        await store.identities.add_user(User(f"AIDA{number}", f"user{number}", Millis(1)))
    for store in stores:
        assert len(await store.identities.users()) == 6
        await store.close()


async def test_what_is_atomic_is_so_between_processes(tmp_path: Path) -> None:
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
    "url", ["", "store.db", "sqlite://", "sqlite:///:memory:", "postgresql://u:secret@h/db", "mysql://h/db"]
)
async def test_what_is_no_sqlite_file_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ValueError, match="a store is a SQLite file") as refused:
        await open_store(url)
    assert "secret" not in str(refused.value)


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(b"not a database at all, but long enough to be looked at" * 100)
    with pytest.raises(DatabaseError, match="not a database"):
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
        with pytest.raises(OperationalError, match="readonly"):
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
