"""The operations on documents."""

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from ferryman.core.documents import actions as documents
from ferryman.core.documents.listing import list_document_versions, list_documents
from ferryman.core.documents.requests import (
    DocumentDraft,
    DocumentView,
    ListDocumentsRequest,
    ListDocumentVersionsRequest,
)
from ferryman.model.documents import DEFAULT_VERSION, LATEST_VERSION, DocumentFormat, WhichVersion
from ferryman.model.errors import ServiceError
from tests.unit.core.documents.documents import PREFERENCES, text

if TYPE_CHECKING:
    from tests.unit.core.conftest import World
BUILT_IN = [
    "AWS-StartInteractiveCommand",
    "AWS-StartNonInteractiveCommand",
    "AWS-StartPortForwardingSession",
    "AWS-StartPortForwardingSessionToRemoteHost",
    "AWS-StartPortForwardingSessionToSocket",
    "AWS-StartSSHSession",
    PREFERENCES,
]


async def create(world: "World", name: str = "Doc", content: str | None = None, **members: Any) -> DocumentView:
    draft = DocumentDraft(name, text("v1") if content is None else content, **members)
    return await documents.create_document(world.service, world.administrator, draft, {})


async def update(
    world: "World", description: str, which: WhichVersion = LATEST_VERSION, **members: Any
) -> DocumentView:
    draft = DocumentDraft("Doc", text(description), **members)
    return await documents.update_document(world.service, world.administrator, draft, which)


async def described(world: "World", name: str = "Doc", which: WhichVersion = DEFAULT_VERSION) -> DocumentView:
    return await documents.describe_document(world.service, world.alice, name, which)


async def names(world: "World", *filters: tuple[str, tuple[str, ...]]) -> list[str]:
    page = await list_documents(world.service, world.alice, ListDocumentsRequest(filters=filters))
    return [row.stored.name for row in page.items]


def refused(code: str, match: str = "") -> Any:
    class Refused:
        def __enter__(self) -> None:
            pass

        def __exit__(self, kind: Any, error: Any, traceback: Any) -> bool:
            assert isinstance(error, ServiceError), error
            assert error.code == code, error
            assert match in error.message, error
            return True

    return Refused()


async def test_the_life_of_a_document(world: "World") -> None:
    created = await create(world, version_name="first", display_name="A doc", target_type="/x")
    assert (created.owner, created.stored.default_version, created.stored.latest_version) == ("123456789012", 1, 1)
    assert await described(world) == created
    updated = await update(world, "v2")
    assert (updated.stored.version.version, updated.stored.default_version, updated.stored.latest_version) == (2, 1, 2)
    assert (await described(world)).document.description == "v1"
    assert await described(world, which=LATEST_VERSION) == updated
    default = await documents.update_document_default_version(world.service, world.administrator, "Doc", 2)
    assert (default.version, default.version_name) == (2, None)
    assert (await described(world)).document.description == "v2"
    by_name = await described(world, which=WhichVersion(version_name="first"))
    assert (by_name.stored.version.version, by_name.stored.default_version) == (1, 2)
    await documents.delete_document(world.service, world.administrator, "Doc", WhichVersion(number=1))
    with refused("InvalidDocumentVersion"):
        await described(world, which=WhichVersion(number=1))
    await documents.delete_document(world.service, world.administrator, "Doc", None)
    with refused("InvalidDocument", "Doc"):
        await described(world)
    assert (await create(world)).stored.version.version == 1


async def test_a_deleted_version_s_number_is_not_used_again(world: "World") -> None:
    await create(world)
    await update(world, "v2", version_name="second")
    await documents.delete_document(world.service, world.administrator, "Doc", LATEST_VERSION)
    third = await update(world, "v3", version_name="second")
    assert (third.stored.version.version, third.stored.latest_version) == (3, 3)


async def test_the_default_version_cannot_be_deleted(world: "World") -> None:
    await create(world)
    await update(world, "v2")
    with refused("InvalidDocumentOperation", "default"):
        await documents.delete_document(world.service, world.administrator, "Doc", WhichVersion(number=1))
    with refused("InvalidDocumentVersion"):
        await documents.delete_document(world.service, world.administrator, "Doc", WhichVersion(number=9))


async def test_updates_that_are_refused(world: "World") -> None:
    await create(world, version_name="one")
    await update(world, "v2")
    with refused("InvalidDocumentVersion", "2"):
        await update(world, "v3", WhichVersion(number=1))
    with refused("InvalidDocumentVersion"):
        await update(world, "v3", WhichVersion(number=9))
    with refused("InvalidDocumentVersion"):
        await update(world, "v3", DEFAULT_VERSION)
    with refused("DuplicateDocumentContent"):
        await update(world, "v2")
    with refused("DuplicateDocumentVersionName", "one"):
        await update(world, "v3", version_name="one")
    assert (await update(world, "v3", WhichVersion(number=2))).stored.version.version == 3


async def test_one_of_several_concurrent_updates_gets_each_version_number(world: "World") -> None:
    await create(world)
    tried = await asyncio.gather(*(update(world, f"v{n}") for n in range(2, 12)), return_exceptions=True)
    made = [each.stored.version.version for each in tried if isinstance(each, DocumentView)]
    assert made
    assert sorted(made) == list(range(2, len(made) + 2))
    assert {each.code for each in tried if isinstance(each, ServiceError)} <= {"InvalidDocumentVersion"}


async def test_a_name_can_be_used_once_even_by_concurrent_calls(world: "World") -> None:
    tried = await asyncio.gather(*(create(world) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(each, DocumentView) for each in tried) == 1
    with refused("DocumentAlreadyExists", "Doc"):
        await create(world)


@pytest.mark.parametrize("name", ["aws-mine", "AWSthing", "Amazon-x", "amzn_x"])
async def test_reserved_names(world: "World", name: str) -> None:
    with refused("ValidationException", name):
        await create(world, name)


async def test_built_in_documents_are_read_only(world: "World") -> None:
    ssh = "AWS-StartSSHSession"
    with refused("DocumentAlreadyExists", ssh):
        await create(world, ssh)
    draft = DocumentDraft(ssh, text())
    with refused("InvalidDocumentOperation", "built in"):
        await documents.update_document(world.service, world.administrator, draft)
    with refused("InvalidDocumentOperation", "built in"):
        await documents.update_document_default_version(world.service, world.administrator, ssh, 1)
    with refused("InvalidDocumentOperation", "built in"):
        await documents.delete_document(world.service, world.administrator, ssh, None)
    assert (await described(world, ssh)).owner == "Amazon"
    assert (await described(world, ssh, WhichVersion(number=1))).stored.version.version == 1
    with refused("InvalidDocumentVersion"):
        await described(world, ssh, WhichVersion(number=2))


async def test_the_account_s_own_preferences_stand_before_the_built_in_ones(world: "World") -> None:
    assert (await described(world, PREFERENCES)).owner == "Amazon"
    with refused("InvalidDocumentOperation", "create"):
        await documents.update_document(world.service, world.administrator, DocumentDraft(PREFERENCES, text()))
    own = await create(world, PREFERENCES, text("mine"), version_name="own")
    assert await described(world, PREFERENCES) == own
    assert (await names(world)).count(PREFERENCES) == 1
    assert await names(world, ("Owner", ("Self",))) == [PREFERENCES]
    with refused("InvalidDocumentVersion"):
        await described(world, PREFERENCES, WhichVersion(number=2))
    await documents.delete_document(world.service, world.administrator, PREFERENCES, None)
    assert (await described(world, PREFERENCES)).owner == "Amazon"


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (json.dumps({"schemaVersion": "1.0", "sessionType": "Port", "properties": {"portNumber": "1"}}), "sessionType"),
        (text(parameters={"x": {"type": "String", "default": ""}}), "parameters"),
    ],
)
async def test_preferences_are_a_shell_without_parameters(world: "World", content: str, match: str) -> None:
    with refused("InvalidDocumentContent", match):
        await create(world, PREFERENCES, content)


async def test_bad_content_has_its_own_errors(world: "World") -> None:
    with refused("InvalidDocumentContent", "inputs.kmsKeyId: must be the id, ARN or alias of a KMS key"):
        await create(world, content=text(inputs={"kmsKeyId": "no key"}))
    with refused("InvalidDocumentContent", "JSON"):
        await create(world, content="schemaVersion: '1.0'")
    with refused("InvalidDocumentSchemaVersion", "1.0"):
        await create(world, content=text(schemaVersion="2.2"))
    await create(world, content=text().ljust(64 * 1024))
    with refused("MaxDocumentSizeExceeded"):
        await create(world, "Large", text().ljust(64 * 1024 + 1))


async def test_documents_are_limited(world: "World", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "DOCUMENT_LIMIT", 1)
    monkeypatch.setattr(documents, "VERSION_LIMIT", 2)
    await create(world)
    with refused("DocumentLimitExceeded"):
        await create(world, "Other")
    await update(world, "v2")
    with refused("DocumentVersionLimitExceeded"):
        await update(world, "v3")


async def test_text_comes_in_the_format_asked_for(world: "World") -> None:
    yaml = "# mine\nschemaVersion: '1.0'\nsessionType: Standard_Stream\n"
    await create(world, content=yaml, format=DocumentFormat.YAML)

    async def got(wanted: DocumentFormat) -> str:
        return (await documents.get_document(world.service, world.alice, "Doc", DEFAULT_VERSION, wanted))[1]

    assert await got(DocumentFormat.YAML) == yaml
    assert json.loads(await got(DocumentFormat.JSON)) == {"schemaVersion": "1.0", "sessionType": "Standard_Stream"}
    _, ssh = await documents.get_document(
        world.service, world.alice, "AWS-StartSSHSession", DEFAULT_VERSION, DocumentFormat.YAML
    )
    again = await create(world, "Copy", ssh, format=DocumentFormat.YAML)
    assert again.document == (await described(world, "AWS-StartSSHSession")).document


async def test_an_arn_is_a_name(world: "World") -> None:
    await create(world)
    assert (await described(world, "arn:aws:ssm:test-1:123456789012:document/Doc")).stored.name == "Doc"
    assert (await described(world, "arn:aws:ssm:test-1::document/AWS-StartSSHSession")).owner == "Amazon"
    with refused("InvalidDocument"):
        await described(world, "arn:aws:ssm:test-1:999999999999:document/Doc")


async def test_lists_filter_and_page(world: "World") -> None:
    assert await names(world) == BUILT_IN
    port = {"schemaVersion": "1.0", "sessionType": "InteractiveCommands", "properties": {"linux": {"commands": "ls"}}}
    await create(world, "Zeta", json.dumps(port), target_type="/x")
    await create(world, "Beta")
    assert await names(world, ("Owner", ("Self",))) == ["Beta", "Zeta"]
    assert await names(world, ("Owner", ("Amazon",))) == BUILT_IN
    assert await names(world, ("Name", ("AWS-StartP", "Z"))) == [*BUILT_IN[2:5], "Zeta"]
    assert await names(world, ("PlatformTypes", ("Windows",)), ("Owner", ("Private",))) == ["Beta"]
    assert await names(world, ("DocumentType", ("Command",))) == []
    assert await names(world, ("TargetType", ("/x",))) == ["Zeta"]
    assert await names(world, ("SearchKeyword", ("ssh",))) == ["AWS-StartSSHSession"]
    with refused("InvalidFilterKey", "Nope"):
        await names(world, ("Nope", ("x",)))
    seen: list[str] = []
    token = None
    while True:
        request = ListDocumentsRequest(4, token)
        page = await list_documents(world.service, world.alice, request)
        seen += [row.stored.name for row in page.items]
        if (token := page.next_token) is None:
            break
        assert len(page.items) == 4
    assert seen == sorted([*BUILT_IN, "Beta", "Zeta"])
    with refused("InvalidNextToken"):
        await list_documents(world.service, world.alice, ListDocumentsRequest(4, "x"))


async def test_versions_are_listed_newest_first_in_pages(world: "World") -> None:
    await create(world)
    for number in range(2, 6):
        await update(world, f"v{number}")
    await documents.update_document_default_version(world.service, world.administrator, "Doc", 3)
    await documents.delete_document(world.service, world.administrator, "Doc", WhichVersion(number=4))
    seen: list[int] = []
    token = None
    while True:
        request = ListDocumentVersionsRequest("Doc", 2, token)
        page, default = await list_document_versions(world.service, world.alice, request)
        assert default == 3
        seen += [each.version for each in page.items]
        if (token := page.next_token) is None:
            break
    assert seen == [5, 3, 2, 1]
    built_in, default = await list_document_versions(
        world.service, world.alice, ListDocumentVersionsRequest("AWS-StartSSHSession")
    )
    assert ([each.version for each in built_in.items], default) == ([1], 1)
    with refused("InvalidDocument"):
        await list_document_versions(world.service, world.alice, ListDocumentVersionsRequest("Nope"))


async def test_operators_read_and_only_administrators_write(world: "World") -> None:
    await create(world)
    world.administrator = world.alice
    for attempt in (
        create(world, "Other"),
        update(world, "v2"),
        documents.update_document_default_version(world.service, world.alice, "Doc", 1),
        documents.delete_document(world.service, world.alice, "Doc", None),
    ):
        with refused("AccessDeniedException", "ssm:"):
            await attempt
    nobody = replace(world.alice, policies=())
    world.alice = nobody
    for reading in (
        described(world),
        names(world),
        documents.get_document(world.service, nobody, "Doc", DEFAULT_VERSION, DocumentFormat.JSON),
        list_document_versions(world.service, nobody, ListDocumentVersionsRequest("Doc")),
    ):
        with refused("AccessDeniedException", "ssm:"):
            await reading
