"""Requests and results of the actions on documents."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ferryman.core.documents.types import Content
from ferryman.model.documents import DocumentFormat, DocumentType, StoredDocument


@dataclass(frozen=True, slots=True)
class DocumentDraft:
    """The document in CreateDocument and UpdateDocument; an update keeps the type."""

    name: str
    content: str
    format: DocumentFormat = DocumentFormat.JSON
    version_name: str | None = None
    display_name: str | None = None
    target_type: str | None = None
    type: DocumentType = DocumentType.SESSION


@dataclass(frozen=True, slots=True)
class DocumentView:
    """A version of a document as shown to callers. `owner` is the account's id, or Amazon for a built-in document."""

    stored: StoredDocument
    document: Content
    owner: str
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DocumentSummary:
    """A row of ListDocuments: the default version of a document."""

    stored: StoredDocument
    owner: str
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ListDocumentsRequest:
    """ListDocuments. `filters` are (key, values) of either of its two filter lists; 1 to 50 a page."""

    max_results: int | None = None
    next_token: str | None = None
    filters: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class ListDocumentVersionsRequest:
    """ListDocumentVersions; 1 to 50 a page."""

    name: str
    max_results: int | None = None
    next_token: str | None = None
