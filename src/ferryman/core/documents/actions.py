"""CreateDocument, UpdateDocument, UpdateDocumentDefaultVersion, DeleteDocument, GetDocument, DescribeDocument.

Built-in documents are read-only, except that an account may create its own `SSM-SessionManagerRunShell`, which takes
precedence until it is deleted.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ferryman.core.authorization.decisions import require
from ferryman.core.authorization.request_context import NO_KEYS, Keys, request_tag_keys, resource_keys
from ferryman.core.document_tasks import Broken, Read, ReadDocument, WriteDocument, Written
from ferryman.core.documents.builtin import BUILTIN_DOCUMENTS
from ferryman.core.documents.content import SessionDocument, WrongSchemaVersion
from ferryman.core.documents.requests import DocumentDraft, DocumentView
from ferryman.core.documents.text import SIZE_LIMIT, RuleBroken
from ferryman.core.documents.types import Content, content_of, read_content, read_values, text_of
from ferryman.core.service import Service
from ferryman.core.tags import check_tags, put_tags
from ferryman.model.documents import (
    DEFAULT_VERSION,
    LATEST_VERSION,
    PREFERENCES_DOCUMENT,
    DocumentFormat,
    DocumentType,
    DocumentVersion,
    StoredDocument,
    WhichVersion,
)
from ferryman.model.errors import ServiceError
from ferryman.model.identity.callers import Caller
from ferryman.model.session_types import SessionType
from ferryman.model.tags import ResourceType

DOCUMENT_LIMIT = 500
MANUAL_POLICY_LIMIT = 50
"""AWS's limit; every access request reads all of these documents."""
VERSION_LIMIT = 1000
PARAMETERS_LIMIT = 50
"""The most parameters of a new document; each may have a pattern that takes 5 ms to compile."""
QUICK_SIZE = 8192
"""Characters of JSON that are read in this process, which takes a millisecond."""
BUILTIN_OWNER = "Amazon"
"""The owner by which AWS's clients tell built-in documents from an account's own."""
_DOCUMENT_TYPE = "ssm:DocumentType"
_RESERVED = ("aws", "amazon", "amzn")


async def create_document(
    service: Service, caller: Caller, draft: DocumentDraft, tags: Mapping[str, str]
) -> DocumentView:
    """CreateDocument: version 1, which is the default.

    Raises AccessDeniedException, ValidationException (a reserved name, tags), DocumentAlreadyExists,
    DocumentLimitExceeded, MaxDocumentSizeExceeded, InvalidDocumentContent, InvalidDocumentSchemaVersion.
    """
    asked = {**request_tag_keys(tags), _DOCUMENT_TYPE: draft.type.value}
    await _require(service, caller, "ssm:CreateDocument", draft.name, asked)
    if draft.name in BUILTIN_DOCUMENTS and draft.name != PREFERENCES_DOCUMENT:
        raise _exists(draft.name)
    if draft.name.lower().startswith(_RESERVED):
        raise ServiceError(
            "ValidationException", f"A document's name must not begin with {', '.join(_RESERVED)}; got {draft.name}."
        )
    check_tags(tags)
    stored, document = await _checked(service, caller, draft, version=1, latest=1)
    if draft.type is DocumentType.MANUAL_APPROVAL:
        policies = await service.store.documents.all(draft.type)
        if len(policies) >= MANUAL_POLICY_LIMIT:
            message = f"The account has {MANUAL_POLICY_LIMIT} manual approval policies; delete some first."
            raise ServiceError("DocumentLimitExceeded", message)
    if await service.store.documents.count() >= DOCUMENT_LIMIT:
        raise ServiceError("DocumentLimitExceeded", f"The account has {DOCUMENT_LIMIT} documents; delete some first.")
    if not await service.store.documents.add(stored):
        raise _exists(draft.name)
    await put_tags(service, ResourceType.DOCUMENT, draft.name, tags)
    return DocumentView(stored, document, service.settings.account_id, tags)


async def update_document(
    service: Service, caller: Caller, draft: DocumentDraft, updated: WhichVersion = LATEST_VERSION
) -> DocumentView:
    """UpdateDocument: a new version, which is not the default yet. `updated` must be the latest version.

    Raises AccessDeniedException, InvalidDocument, InvalidDocumentOperation (a built-in document),
    InvalidDocumentVersion, DocumentVersionLimitExceeded, MaxDocumentSizeExceeded, InvalidDocumentContent,
    InvalidDocumentSchemaVersion, DuplicateDocumentContent, DuplicateDocumentVersionName.
    """
    await _require(service, caller, "ssm:UpdateDocument", draft.name)
    latest = await _own(service, draft.name, LATEST_VERSION)
    draft = replace(draft, type=latest.version.type)
    meant = latest if updated == LATEST_VERSION else await service.store.documents.get(draft.name, updated)
    if meant is None or meant.version.version != latest.latest_version:
        raise _no_version(f"Only the latest version of {draft.name}, {latest.latest_version}, can be updated.")
    if latest.latest_version >= VERSION_LIMIT:
        raise ServiceError("DocumentVersionLimitExceeded", f"{draft.name} has {VERSION_LIMIT} versions already.")
    stored, document = await _checked(service, caller, draft, version=0, latest=latest.latest_version)
    if stored.content == latest.content and stored.version.format is latest.version.format:
        raise ServiceError(
            "DuplicateDocumentContent",
            f"The content of {draft.name} is that of its latest version {latest.latest_version} already.",
        )
    stored = replace(stored, default_version=latest.default_version)
    number = await service.store.documents.append(stored)
    if number is None:
        raise _no_version(f"{draft.name} was changed meanwhile; look at its latest version and try again.")
    stored = replace(stored, version=replace(stored.version, version=number), latest_version=number)
    return DocumentView(stored, document, service.settings.account_id, await _tags(service, draft.name))


async def update_document_default_version(service: Service, caller: Caller, name: str, version: int) -> DocumentVersion:
    """UpdateDocumentDefaultVersion: sessions that start from now on use this version; returns it.

    Raises AccessDeniedException, InvalidDocument, InvalidDocumentOperation, InvalidDocumentVersion.
    """
    await _require(service, caller, "ssm:UpdateDocumentDefaultVersion", name)
    await _own(service, name, DEFAULT_VERSION)
    stored = await service.store.documents.get(name, WhichVersion(number=version))
    if stored is None or not await service.store.documents.set_default(name, version):
        raise _no_version(f"Document {name} has no version {version}.")
    return stored.version


async def delete_document(service: Service, caller: Caller, name: str, which: WhichVersion | None) -> None:
    """DeleteDocument: one version, which must not be the default, or (None) the document. Sessions are not affected.

    Raises AccessDeniedException, InvalidDocument, InvalidDocumentVersion, InvalidDocumentOperation.
    """
    await _require(service, caller, "ssm:DeleteDocument", name)
    await _own(service, name, DEFAULT_VERSION)
    if which is None:
        await service.store.tags.remove(ResourceType.DOCUMENT, name)
        if not await service.store.documents.remove(name):
            raise no_document(name)
        return
    stored = await service.store.documents.get(name, which)
    if stored is None:
        raise _no_version(f"Document {name} has no such version.")
    if not await service.store.documents.remove_version(name, stored.version.version):
        raise ServiceError(
            "InvalidDocumentOperation",
            f"Version {stored.version.version} is the default version of {name}; make another the default first.",
        )


async def get_document(
    service: Service, caller: Caller, given_name: str, which: WhichVersion, wanted: DocumentFormat
) -> tuple[StoredDocument, str]:
    """GetDocument: a version and its text in the requested format, unchanged if its author used that format.

    Raises AccessDeniedException, InvalidDocument, InvalidDocumentVersion, ValidationException (no such format).
    """
    stored = await _readable(service, caller, "ssm:GetDocument", given_name, which)
    try:
        if wanted is not DocumentFormat.YAML or stored.version.format is wanted:
            return stored, text_of(stored, wanted)
        result = await service.document_worker.perform(WriteDocument(stored.json, wanted.value), caller.person_id)
        if isinstance(result, Broken):
            raise _broken(result)
        assert isinstance(result, Written)  # noqa: S101 it is what the task results in
        return stored, result.text
    except RuleBroken as error:
        raise ServiceError("ValidationException", str(error)) from error


async def describe_document(service: Service, caller: Caller, given_name: str, which: WhichVersion) -> DocumentView:
    """DescribeDocument.

    Raises AccessDeniedException, InvalidDocument, InvalidDocumentVersion.
    """
    stored = await _readable(service, caller, "ssm:DescribeDocument", given_name, which)
    return DocumentView(stored, content_of(stored), owner_of(service, stored), await _tags(service, stored.name))


async def describe_document_permission(service: Service, caller: Caller, given_name: str) -> tuple[str, ...]:
    """DescribeDocumentPermission: the accounts that share the document: none, as there is only one account.

    Raises AccessDeniedException, InvalidDocument.
    """
    await _readable(service, caller, "ssm:DescribeDocumentPermission", given_name, DEFAULT_VERSION)
    return ()


async def find_document(service: Service, name: str, which: WhichVersion = DEFAULT_VERSION) -> StoredDocument | None:
    """Return a version of the account's document of that name, or of the built-in one; None if there is neither."""
    built_in = BUILTIN_DOCUMENTS.get(name)
    if built_in is not None and name != PREFERENCES_DOCUMENT:
        return built_in if _is_meant(built_in, which) else None
    stored = await service.store.documents.get(name, which)
    if stored is not None or built_in is None or not _is_meant(built_in, which):
        return stored
    replaced = which != DEFAULT_VERSION and await service.store.documents.get(name, DEFAULT_VERSION) is not None
    return None if replaced else built_in


def document_name(service: Service, given: str) -> str:
    """Return the name in a document's name or ARN; an ARN of another account is returned as is, and matches nothing."""
    name = given.rpartition("/")[2]
    return name if given == service.arns.document(name) else given


def owner_of(service: Service, stored: StoredDocument) -> str:
    """Return the account's id, or `BUILTIN_OWNER`."""
    return BUILTIN_OWNER if BUILTIN_DOCUMENTS.get(stored.name) is stored else service.settings.account_id


def no_document(name: str) -> ServiceError:
    """Return InvalidDocument for a document that does not exist."""
    return ServiceError("InvalidDocument", f"Document with name {name} does not exist.")


def _is_meant(built_in: StoredDocument, which: WhichVersion) -> bool:
    return which.version_name is None and which.number in (None, built_in.version.version)


async def _require(service: Service, caller: Caller, action: str, name: str, asked: Keys | None = None) -> None:
    """`asked` are the condition keys of a document to be created; an existing one has its own type."""
    if asked is None:
        stored = await find_document(service, name)
        asked = NO_KEYS if stored is None else {_DOCUMENT_TYPE: stored.version.type.value}
    keys = {**asked, **await resource_keys(service, ResourceType.DOCUMENT, name)}
    require(service, caller, action, service.arns.document(name), keys)


async def _readable(
    service: Service, caller: Caller, action: str, given_name: str, which: WhichVersion
) -> StoredDocument:
    name = document_name(service, given_name)
    await _require(service, caller, action, name)
    stored = await find_document(service, name, which)
    if stored is not None:
        return stored
    if which != DEFAULT_VERSION and await find_document(service, name) is not None:
        raise _no_version(f"Document {name} has no such version.")
    raise no_document(name)


async def _own(service: Service, name: str, which: WhichVersion) -> StoredDocument:
    """Return a version of a document that the account owns, in order to change it."""
    stored = await service.store.documents.get(name, which)
    if stored is not None:
        return stored
    if name in BUILTIN_DOCUMENTS:
        hint = "create the account's own first" if name == PREFERENCES_DOCUMENT else "create one of another name"
        raise ServiceError("InvalidDocumentOperation", f"{name} is built in and cannot be changed; {hint}.")
    raise no_document(name)


async def _tags(service: Service, name: str) -> Mapping[str, str]:
    return (await service.store.tags.of(ResourceType.DOCUMENT, [name])).get(name, {})


async def _checked(
    service: Service, caller: Caller, draft: DocumentDraft, *, version: int, latest: int
) -> tuple[StoredDocument, Content]:
    if len(draft.content.encode()) > SIZE_LIMIT:
        raise ServiceError("MaxDocumentSizeExceeded", f"A document must have at most {SIZE_LIMIT} bytes.")
    try:
        value, written = await _read(service, caller, draft)
        if isinstance(parameters := value.get("parameters"), dict) and len(parameters) > PARAMETERS_LIMIT:
            raise RuleBroken("parameters", f"are {len(parameters)}; a document may have {PARAMETERS_LIMIT}.")
        document = read_content(value, draft.name, draft.type)
        if draft.name == PREFERENCES_DOCUMENT:
            _check_preferences(document)
    except WrongSchemaVersion as error:
        raise ServiceError("InvalidDocumentSchemaVersion", str(error)) from error
    except RuleBroken as error:
        raise ServiceError("InvalidDocumentContent", str(error)) from error
    described = DocumentVersion(
        name=draft.name,
        version=version,
        format=written,
        platforms=document.platforms,
        created_at=service.clock(),
        version_name=draft.version_name,
        display_name=draft.display_name,
        target_type=draft.target_type,
        type=draft.type,
    )
    return StoredDocument(described, draft.content, json.dumps(value), version, latest), document


async def _read(service: Service, caller: Caller, draft: DocumentDraft) -> tuple[dict[str, Any], DocumentFormat]:
    """Return a draft's plain values and format, checked; raises `RuleBroken`."""
    is_json = draft.format is DocumentFormat.JSON and draft.type is not DocumentType.AUTO_APPROVAL
    if is_json and len(draft.content) <= QUICK_SIZE:
        return read_values(draft.content, draft.format, draft.type)
    task = ReadDocument(draft.content, draft.format.value, draft.type.value, draft.name)
    result = await service.document_worker.perform(task, caller.person_id)
    if isinstance(result, Broken):
        raise _broken(result)
    assert isinstance(result, Read)  # noqa: S101 it is what the task results in
    return json.loads(result.json), DocumentFormat(result.written)


def _broken(result: Broken) -> RuleBroken:
    return (WrongSchemaVersion if result.is_of_schema else RuleBroken)(result.path, result.rule)


def _check_preferences(document: Content) -> None:
    if not isinstance(document, SessionDocument) or document.session_type is not SessionType.STANDARD_STREAM:
        raise RuleBroken("sessionType", f"must be {SessionType.STANDARD_STREAM} in {PREFERENCES_DOCUMENT}.")
    if document.parameters:
        raise RuleBroken("parameters", f"are not supported in {PREFERENCES_DOCUMENT}, which other documents rely on.")


def _exists(name: str) -> ServiceError:
    return ServiceError("DocumentAlreadyExists", f"Document with name {name} already exists.")


def _no_version(message: str) -> ServiceError:
    return ServiceError("InvalidDocumentVersion", message)
