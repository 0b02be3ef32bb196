"""Documents in SQL. Every change is one statement. The number of a deleted version is kept and never reused."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    case,
    delete,
    exists,
    false,
    func,
    insert,
    literal,
    null,
    select,
    true,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql import Select

from ferryman.model.documents import DocumentFormat, DocumentType, DocumentVersion, StoredDocument, WhichVersion
from ferryman.model.errors import ServiceError
from ferryman.store.connections import Connections, Record
from ferryman.store.tables import document_versions as versions

_VERSION = (
    versions.c.name,
    versions.c.version,
    versions.c.format,
    versions.c.platforms,
    versions.c.created_at,
    versions.c.version_name,
    versions.c.display_name,
    versions.c.target_type,
    versions.c.type,
)
"""In the order of `DocumentVersion`'s fields."""
_OTHER = versions.alias()
_KEPT = versions.c.content.is_not(None)
_INSERTED = (*_VERSION, versions.c.content, versions.c.json, versions.c.is_default)


def _version(row: Record) -> DocumentVersion:
    name, number, written, platforms, *others, document_type = row
    version = DocumentVersion(name, number, DocumentFormat(written), tuple(platforms.split(",")), *others)
    return replace(version, type=DocumentType(document_type))


def _stored(row: Record) -> StoredDocument:
    return StoredDocument(_version(row[: len(_VERSION)]), *row[len(_VERSION) :])


def _with_standing() -> Select[Any]:
    """SELECT versions with their content and their document's default and latest version."""
    return select(*_VERSION, versions.c.content, versions.c.json, _highest(_OTHER.c.is_default == true()), _highest())


def _highest(*conditions: ColumnElement[bool]) -> ScalarSelect[Any]:
    """Return the highest number of the row's document's versions that fulfil the conditions."""
    same = select(func.max(_OTHER.c.version)).where(_OTHER.c.name == versions.c.name, _OTHER.c.content.is_not(None))
    return same.where(*conditions).correlate(versions).scalar_subquery()


def _values(document: StoredDocument) -> dict[str, object]:
    version = document.version
    return {
        "name": version.name,
        "version": version.version,
        "format": version.format.value,
        "platforms": ",".join(version.platforms),
        "created_at": version.created_at,
        "version_name": version.version_name,
        "display_name": version.display_name,
        "target_type": version.target_type,
        "type": version.type.value,
        "content": document.content,
        "json": document.json,
        "is_default": document.default_version == version.version,
    }


class SqlDocuments:
    """`core.ports.documents.DocumentStore`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def add(self, document: StoredDocument) -> bool:
        """Insert a document's first version; False if the name is in use."""
        # The numbers of a deleted document start again: everything that named them was deleted with it.
        try:
            await self._connections.write(insert(versions), _values(document))
        except IntegrityError:
            return False
        return True

    async def append(self, document: StoredDocument) -> int | None:
        """Insert the next version if the latest still is `document.latest_version`; returns its number, or None.

        The number in `document` is not looked at. Raises ServiceError DuplicateDocumentVersionName.
        """
        name = document.name
        values = _values(document) | {"version": func.max(versions.c.version) + 1, "is_default": false()}
        latest = func.max(case((_KEPT, versions.c.version)))
        columns = [
            value if isinstance(value, ColumnElement) else null() if value is None else literal(value)
            for value in (values[column.name] for column in _INSERTED)
        ]
        source = (
            select(*columns)
            .select_from(versions)
            .where(versions.c.name == name)
            .having(latest == document.latest_version)
        )
        statement = (
            insert(versions).from_select([column.name for column in _INSERTED], source).returning(versions.c.version)
        )
        try:
            rows = await self._connections.write_returning(statement)
        except IntegrityError as error:
            raise ServiceError(
                "DuplicateDocumentVersionName",
                f"The document {name} has a version named {document.version.version_name} already.",
            ) from error
        return int(rows[0][0]) if rows else None

    async def count(self) -> int:
        """Return the number of documents."""
        statement = select(func.count(func.distinct(versions.c.name))).where(_KEPT)
        return int((await self._connections.read(statement))[0][0])

    async def get(self, name: str, which: WhichVersion) -> StoredDocument | None:
        """Return that version, None if it or the document does not exist."""
        statement = _with_standing().where(versions.c.name == name, _KEPT)
        if which.number is not None:
            statement = statement.where(versions.c.version == which.number)
        if which.version_name is not None:
            statement = statement.where(versions.c.version_name == which.version_name)
        if which.latest:
            statement = statement.order_by(versions.c.version.desc()).limit(1)
        elif which.number is None and which.version_name is None:
            statement = statement.where(versions.c.is_default == true())
        rows = await self._connections.read(statement)
        return _stored(rows[0]) if rows else None

    async def all(self, kind: DocumentType | None = None) -> Sequence[StoredDocument]:
        """Return the default version of every document, or of every one of a type, by name."""
        statement = _with_standing().where(versions.c.is_default == true()).order_by(versions.c.name)
        if kind is not None:  # asked for an access request, not by a listing
            rows = await self._connections.read(statement.where(versions.c.type == kind.value))
        else:
            rows = await self._connections.list_rows(statement)
        return [_stored(row) for row in rows]

    async def versions(self, name: str, before: int | None, limit: int) -> Sequence[DocumentVersion]:
        """Return up to `limit` versions below the number `before`, newest first."""
        statement = select(*_VERSION).where(versions.c.name == name, _KEPT)
        if before is not None:
            statement = statement.where(versions.c.version < before)
        rows = await self._connections.list_rows(statement.order_by(versions.c.version.desc()).limit(limit))
        return [_version(row) for row in rows]

    async def set_default(self, name: str, version: int) -> bool:
        """Make this the default version; False if the version does not exist."""
        wanted = exists().where(_OTHER.c.name == name, _OTHER.c.version == version, _OTHER.c.content.is_not(None))
        statement = (
            update(versions).where(versions.c.name == name, wanted).values(is_default=versions.c.version == version)
        )
        return await self._connections.write(statement) > 0

    async def remove(self, name: str) -> bool:
        """Delete a document and all its versions; False if there is none."""
        return await self._connections.write(delete(versions).where(versions.c.name == name)) > 0

    async def remove_version(self, name: str, version: int) -> bool:
        """Delete one version; False if it is the default or does not exist."""
        statement = (
            update(versions)
            .where(versions.c.name == name, versions.c.version == version, versions.c.is_default == false(), _KEPT)
            .values(content=None, json=None, version_name=None)
        )
        return await self._connections.write(statement) == 1
