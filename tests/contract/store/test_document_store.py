"""What every adapter of the document and tag stores must do."""

import asyncio
from dataclasses import replace

import pytest

from ferryman.core.ports.store import Store
from ferryman.model.documents import (
    DEFAULT_VERSION,
    LATEST_VERSION,
    DocumentFormat,
    DocumentVersion,
    StoredDocument,
    WhichVersion,
)
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis, NodeId, SessionId
from ferryman.model.sessions import Session, SessionStatus
from ferryman.model.tags import ResourceType

FIRST = StoredDocument(
    DocumentVersion("Doc", 1, DocumentFormat.YAML, ("Linux", "MacOS"), Millis(5), "one", "A doc é", "/x"),
    content="a: é\n",
    json='{"a": "é"}',
    default_version=1,
    latest_version=1,
)


def next_of(document: StoredDocument, content: str, version_name: str | None = None) -> StoredDocument:
    """What is to be appended behind `document`."""
    version = replace(document.version, version=0, version_name=version_name)
    return replace(document, version=version, content=content)


async def test_a_document_comes_back_as_it_was(store: Store) -> None:
    assert await store.documents.add(FIRST)
    for which in (DEFAULT_VERSION, LATEST_VERSION, WhichVersion(number=1), WhichVersion(version_name="one")):
        assert await store.documents.get("Doc", which) == FIRST
    for which in (WhichVersion(number=2), WhichVersion(version_name="two"), WhichVersion(1, "two")):
        assert await store.documents.get("Doc", which) is None
    assert await store.documents.get("doc", DEFAULT_VERSION) is None
    assert await store.documents.all() == [FIRST]
    assert not await store.documents.add(replace(FIRST, content="other"))
    assert await store.documents.get("Doc", DEFAULT_VERSION) == FIRST


async def test_versions_are_appended_behind_the_latest_only(store: Store) -> None:
    await store.documents.add(FIRST)
    assert await store.documents.append(next_of(FIRST, "2")) == 2
    assert await store.documents.append(next_of(FIRST, "2")) is None
    assert await store.documents.append(next_of(replace(FIRST, latest_version=2), "3", "three")) == 3
    latest = await store.documents.get("Doc", LATEST_VERSION)
    assert latest is not None
    assert (latest.version.version, latest.content, latest.default_version, latest.latest_version) == (3, "3", 1, 3)
    with pytest.raises(ServiceError) as refused:
        await store.documents.append(next_of(replace(FIRST, latest_version=3), "4", "one"))
    assert refused.value.code == "DuplicateDocumentVersionName"
    unknown = replace(FIRST, version=replace(FIRST.version, name="Nope"))
    assert await store.documents.append(unknown) is None
    assert await store.documents.count() == 1


async def test_one_of_many_concurrent_appends_succeeds(store: Store) -> None:
    await store.documents.add(FIRST)
    numbers = await asyncio.gather(*(store.documents.append(next_of(FIRST, str(n))) for n in range(10)))
    assert sorted(number for number in numbers if number is not None) == [2]


async def test_one_version_is_the_default(store: Store) -> None:
    await store.documents.add(FIRST)
    await store.documents.append(next_of(FIRST, "2"))
    assert not await store.documents.set_default("Doc", 3)
    assert not await store.documents.set_default("Nope", 1)
    assert (await store.documents.all())[0].content == FIRST.content
    assert await store.documents.set_default("Doc", 2)
    (default,) = await store.documents.all()
    assert (default.content, default.default_version, default.latest_version) == ("2", 2, 2)


async def test_removed_versions_leave_their_numbers(store: Store) -> None:
    await store.documents.add(FIRST)
    await store.documents.append(next_of(FIRST, "2", "two"))
    assert not await store.documents.remove_version("Doc", 1)
    assert await store.documents.remove_version("Doc", 2)
    assert not await store.documents.remove_version("Doc", 2)
    assert not await store.documents.set_default("Doc", 2)
    assert await store.documents.get("Doc", LATEST_VERSION) == FIRST
    assert await store.documents.append(next_of(FIRST, "3", "two")) == 3
    assert [each.version for each in await store.documents.versions("Doc", None, 10)] == [3, 1]
    assert await store.documents.remove("Doc")
    assert not await store.documents.remove("Doc")
    assert await store.documents.count() == 0
    assert await store.documents.add(FIRST)


async def test_versions_in_pages(store: Store) -> None:
    await store.documents.add(FIRST)
    for latest in range(1, 5):
        await store.documents.append(next_of(replace(FIRST, latest_version=latest), str(latest)))
    assert [each.version for each in await store.documents.versions("Doc", None, 2)] == [5, 4]
    assert [each.version for each in await store.documents.versions("Doc", 4, 2)] == [3, 2]
    last = await store.documents.versions("Doc", 2, 2)
    assert last == [FIRST.version]
    assert await store.documents.versions("Nope", None, 2) == []


async def test_documents_are_listed_by_name(store: Store) -> None:
    for name in ("b", "C", "a"):
        await store.documents.add(replace(FIRST, version=replace(FIRST.version, name=name)))
    assert [each.name for each in await store.documents.all()] == ["C", "a", "b"]
    assert await store.documents.count() == 3


async def test_tags(store: Store) -> None:
    node, document = ResourceType.NODE, ResourceType.DOCUMENT
    await store.tags.put(node, "x", {"b": "1", "a": "é"})
    await store.tags.put(node, "y", {"b": "3"})
    await store.tags.put(document, "x", {"b": "4"})
    await store.tags.put(node, "x", {"b": "2", "c": ""})
    found = await store.tags.of(node, ["x", "y", "z"])
    assert found == {"x": {"a": "é", "b": "2", "c": ""}, "y": {"b": "3"}}
    assert list(found["x"]) == ["a", "b", "c"]
    assert await store.tags.of(node, []) == {}
    await store.tags.remove(node, "x", ["a", "nope"])
    assert await store.tags.of(node, ["x"]) == {"x": {"b": "2", "c": ""}}
    await store.tags.remove(node, "x")
    assert await store.tags.of(node, ["x", "y"]) == {"y": {"b": "3"}}
    assert await store.tags.of(document, ["x"]) == {"x": {"b": "4"}}


@pytest.mark.parametrize("end", [SessionStatus.TERMINATED, SessionStatus.FAILED])
async def test_a_session_s_document_goes_when_it_ends(store: Store, end: SessionStatus) -> None:
    session = Session(
        session_id=SessionId("alice-0"),
        target=NodeId("mi-1"),
        status=SessionStatus.CONNECTING,
        started_at=Millis(1),
        document_name="Doc",
        owner="arn",
        owner_id="AIDA1",
        owner_name="alice",
        deadline_at=Millis(2),
        idle_timeout=20,
        document_version=7,
        idles=False,
    )
    await store.sessions.add(session, '{"a": "é"}')
    assert await store.sessions.get(session.session_id) == session
    assert await store.sessions.document_content(session.session_id) == '{"a": "é"}'
    await store.sessions.transition(session.session_id, end)
    assert await store.sessions.document_content(session.session_id) is None
    assert await store.sessions.document_content(SessionId("nobody")) is None
