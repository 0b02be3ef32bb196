"""Searching recordings on a whole server: from a node's output to the lines that a caller may read."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ferryman.bootstrap.recordings.search import open_search
from ferryman.core.iam.operator import create_access_key, create_user
from ferryman.core.ports.recordings.store import RecordingMode
from ferryman.core.recordings import search as search_module
from ferryman.core.service import Service
from ferryman.model.identity.credentials import Credentials
from ferryman.recording.recorder import ServerRecorder
from ferryman.recording.search import indexer as indexer_module
from ferryman.recording.search.index import LineSearch
from ferryman.recording.search.indexer import Indexer
from ferryman.recording.storage.directory import DirectoryStorage
from ferryman.store.line_index import SqliteLineIndex
from tests.server.callers.own_calls import call, finished
from tests.server.peers import output, typed, window_size
from tests.server.recorded_sessions import TICK_SECONDS
from tests.server.running import Recorded, Server, until


@dataclass
class Searching:
    """The recorder and the search of the test's server, once that has started."""

    directory: Path
    index: SqliteLineIndex
    recorder: ServerRecorder = field(init=False)
    search: LineSearch = field(init=False)
    indexer: Indexer = field(init=False)
    running: "list[asyncio.Task[None]]" = field(default_factory=list)

    def record(self, service: Service) -> Service:
        self.search = LineSearch(service, self.index)
        searching = replace(service, recording_search=self.search)
        storage = DirectoryStorage(self.directory / "recordings")
        self.recorder = ServerRecorder(
            searching, storage, RecordingMode.REQUIRED, typed=True, tick_seconds=TICK_SECONDS
        )
        recorded = replace(searching, recorder=self.recorder)
        self.indexer = Indexer(recorded, self.index, self.search)
        self.running = [asyncio.create_task(self.recorder.run()), asyncio.create_task(self._run())]
        return recorded

    async def _run(self) -> None:
        await self.search.open()
        await self.indexer.run()


@pytest.fixture
async def searching(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Searching]:
    monkeypatch.setattr(indexer_module, "PAUSE_SECONDS", 0.1)
    made = Searching(tmp_path, SqliteLineIndex(tmp_path / "search.sqlite"))
    await made.index.open()
    yield made
    for task in made.running:
        task.cancel()
    await asyncio.gather(*made.running, return_exceptions=True)
    await made.recorder.close()
    made.search.close()
    await made.index.close()


@pytest.fixture
def recorded(searching: Searching) -> Recorded:
    return searching.record


async def session(server: Server, *shown: bytes) -> dict[str, Any]:
    """A session on a terminal that showed this, its recording finished."""
    paired = await server.paired()
    await paired.client.send(window_size(0, 80, 24))
    await paired.agent.frame()
    for number, data in enumerate(shown):
        await paired.agent.send(output(number, data))
        await paired.client.frame()
    await paired.client.close()
    await paired.agent.close()
    return await finished(server, paired)


async def lines(server: Server, phrase: str, credentials: Credentials | None = None, **members: Any) -> list[str]:
    """The lines on all pages of a search."""
    found: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = await call(server, "SearchRecordings", credentials, Phrase=phrase, **members, **token)
        found += [match["Line"] for match in page["Matches"]]
        if not page.get("NextToken"):
            return found
        token = {"NextToken": page["NextToken"]}


def looking(server: Server, phrase: str) -> Any:
    async def look() -> list[str]:
        return await lines(server, phrase)

    return look


async def test_line_of_a_finished_session_is_found(server: Server) -> None:
    row = await session(server, b"$ rm -rf /tm\x08mp/x\r\n", b"\x1b[31mremoved\x1b[0m\r\n")
    assert await until(looking(server, "RM -rf"), bool) == ["$ rm -rf /tmp/x"]
    page = await call(server, "SearchRecordings", Phrase="removed", Target=row["Target"], Owner=row["Owner"])
    (match,) = page["Matches"]
    assert match["SessionId"] == row["SessionId"]
    assert match["Target"] == row["Target"]
    assert match["Owner"] == row["Owner"]
    assert match["Line"] == "removed"
    assert match["Date"] == pytest.approx(row["StartDate"] + match["At"] / 1000, abs=0.01)
    assert await lines(server, "removed", Target="mi-other") == []


async def test_pages_join_without_gap_or_repeat(server: Server) -> None:
    await session(server, b"".join(b"needle %d\r\n" % number for number in range(25)))
    await session(server, b"".join(b"needle %d\r\n" % number for number in range(25, 50)))
    await until(looking(server, "needle 30"), bool)
    await until(looking(server, "needle 3"), bool)
    everything = await lines(server, "needle", MaxResults=7)
    assert sorted(everything, key=lambda line: int(line.split()[1])) == [f"needle {number}" for number in range(50)]
    assert everything == await lines(server, "needle", MaxResults=200)


async def test_caller_finds_lines_only_of_recordings_that_they_may_read(server: Server) -> None:
    row = await session(server, b"$ secret word\r\n")
    other = await session(server, b"$ secret too\r\n")
    await until(looking(server, "secret"), lambda found: len(found) == 2)
    await create_user(server.service, "eve", None)
    eve = await create_access_key(server.service, "eve")
    with pytest.raises(ClientError, match="AccessDeniedException"):
        await lines(server, "secret", eve)
    statements: list[dict[str, Any]] = [{"Effect": "Allow", "Action": "ferryman:SearchRecordings", "Resource": "*"}]
    await allow(server, "eve", statements)
    page = await call(server, "SearchRecordings", eve, Phrase="secret")
    assert page["Matches"] == []
    assert "NextToken" not in page
    node = {"StringEquals": {"ferryman:Target": row["Target"]}}
    statements.append({"Effect": "Allow", "Action": "ferryman:GetRecordingEvents", "Resource": "*", "Condition": node})
    await allow(server, "eve", statements)
    assert row["Target"] != other["Target"]
    assert await lines(server, "secret", eve) == ["$ secret word"]


async def allow(server: Server, user: str, statements: list[dict[str, Any]]) -> None:
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    put = server.client("iam").put_user_policy
    await asyncio.to_thread(put, UserName=user, PolicyName="p", PolicyDocument=document)


async def test_pages_do_not_say_whether_an_unreadable_recording_matches(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        await session(server, b"common word %d\r\n" % number * 1001)
    await until(looking(server, "common"), lambda found: len(found) == 3003)
    monkeypatch.setattr(search_module, "WINDOW", 2)
    monkeypatch.setattr(search_module, "FIRST_BATCH", 1)
    await create_user(server.service, "eve", None)
    eve = await create_access_key(server.service, "eve")
    await allow(server, "eve", [{"Effect": "Allow", "Action": "ferryman:SearchRecordings", "Resource": "*"}])
    pages = {"common": 0, "nowhere": 0}
    for phrase in pages:
        token: dict[str, str] = {}
        while True:
            page = await call(server, "SearchRecordings", eve, Phrase=phrase, **token)
            assert page["Matches"] == []
            pages[phrase] += 1
            if not page.get("NextToken"):
                break
            token = {"NextToken": page["NextToken"]}
    assert pages["common"] == pages["nowhere"] > 1


async def test_deleted_recording_is_not_found_and_leaves_the_index(server: Server, searching: Searching) -> None:
    row = await session(server, b"$ forget me\r\n")
    await until(looking(server, "forget me"), bool)
    await call(server, "DeleteRecording", SessionId=row["SessionId"])
    assert await lines(server, "forget me") == []
    assert await searching.index.after("", 10) == []


async def test_recording_that_is_being_deleted_is_not_indexed_again(
    server: Server, searching: Searching, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = await session(server, b"$ forget me\r\n")
    await until(looking(server, "forget me"), bool)
    remove = searching.search.remove

    async def remove_and_look(session_id: str) -> None:
        await remove(session_id)
        await searching.indexer.sweep()

    monkeypatch.setattr(searching.search, "remove", remove_and_look)
    await call(server, "DeleteRecording", SessionId=row["SessionId"])
    assert await searching.index.after("", 10) == []


async def test_recording_deleted_behind_the_servers_back_leaves_the_index(server: Server, searching: Searching) -> None:
    row = await session(server, b"$ forget me\r\n")
    await until(looking(server, "forget me"), bool)
    await server.store.recordings.delete(row["SessionId"])
    assert await lines(server, "forget me") == []
    await searching.indexer.sweep()
    assert await searching.index.after("", 10) == []


async def test_what_was_typed_is_not_found(server: Server, searching: Searching) -> None:
    paired = await server.paired()
    await paired.agent.send(output(0, b"Password: "))
    await paired.client.frame()
    await paired.client.send(typed(0, b"hunter2\r"))
    await paired.agent.frame()
    await paired.agent.send(output(1, b"\r\nwelcome\r\n"))
    await paired.client.frame()
    row = await finished(server, paired)
    page = await call(server, "GetRecordingEvents", SessionId=row["SessionId"], IncludeInput=True)
    assert "i" in {event["Kind"] for event in page["Events"]}
    await until(looking(server, "welcome"), bool)
    assert await lines(server, "hunter2") == []


async def test_index_without_its_key_is_built_again(server: Server, searching: Searching) -> None:
    await session(server, b"$ keep me\r\n")
    await until(looking(server, "keep me"), bool)
    await searching.index.replace_key(b"sealed by a key that is gone" * 3)
    await searching.search.open()
    await searching.indexer.sweep()
    assert await until(looking(server, "keep me"), bool) == ["$ keep me"]


async def test_recordings_are_read_one_at_a_time(server: Server, searching: Searching) -> None:
    rows = [await session(server, f"$ number {number}\r\n".encode()) for number in range(3)]
    found = [await server.service.store.recordings.get(row["SessionId"]) for row in rows]
    await asyncio.gather(*(searching.indexer.add(each) for each in found * 3 if each is not None))
    assert await lines(server, "number") == [f"$ number {number}" for number in reversed(range(3))]


async def test_damaged_recording_keeps_no_other_from_being_found(server: Server, searching: Searching) -> None:
    damaged = await session(server, b"$ damaged\r\n")
    await until(looking(server, "damaged"), bool)
    (path,) = (searching.directory / "recordings").glob(f"*/{damaged['SessionId']}*")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    await searching.index.remove(damaged["SessionId"])
    await session(server, b"$ intact\r\n")
    await until(looking(server, "intact"), bool)
    await searching.indexer.sweep()
    assert await lines(server, "damaged") == []
    assert await searching.index.known([damaged["SessionId"]])


async def test_recording_that_is_too_much_for_the_emulator_is_read_without_it(
    server: Server, searching: Searching, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = searching.indexer._emulated._started

    async def killed() -> Any:
        process = await started()
        process.kill()
        return process

    monkeypatch.setattr(searching.indexer._emulated, "_started", killed)
    await session(server, b"$ still found\r\n")
    assert await until(looking(server, "still found"), bool) == ["$ still found"]


@pytest.mark.parametrize("phrase", ["&&", " ".join(f"x{number}" for number in range(17))])
async def test_phrase_without_a_word_or_with_too_many_is_refused(server: Server, phrase: str) -> None:
    with pytest.raises(ClientError, match="1 to 16 words"):
        await lines(server, phrase)


class TestWithoutSearch:
    @pytest.fixture
    def recorded(self) -> Recorded:
        return lambda service: service

    async def test_search_says_how_to_switch_it_on(self, server: Server) -> None:
        with pytest.raises(ClientError, match=r"recordings\.search = true"):
            await lines(server, "x")


async def test_servers_that_start_together_share_one_index(server: Server, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        opening = (open_search(tmp_path / "shared", server.service, on=True) for _ in range(8))
        opened = await asyncio.gather(*map(stack.enter_async_context, opening))
        keys = {await index.key() for _, index in opened if index is not None}
        assert len(opened) == 8
        assert len(keys) == 1
        assert None not in keys
        vault, (sealed,) = server.service.vault, keys
        searches = [service.recording_search for service, _ in opened]
        assert {each._key for each in searches if isinstance(each, LineSearch)} == {
            vault.open("recording-words", sealed or b"")
        }
