"""The ports through which use cases read and write documents and tags."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from ferryman.model.documents import DocumentType, DocumentVersion, StoredDocument, WhichVersion
from ferryman.model.tags import ResourceType


class DocumentStore(Protocol):
    """The account's documents. Every change is atomic."""

    async def add(self, document: StoredDocument) -> bool:
        """Insert a document's first version; False if the name is taken."""

    async def append(self, document: StoredDocument) -> int | None:
        """Insert the next version if the latest is still `document.latest_version`; returns its number, or None.

        The number in `document` is ignored: numbers of deleted versions are not reused. Raises ServiceError
        DuplicateDocumentVersionName.
        """

    async def count(self) -> int:
        """Return how many documents there are."""

    async def get(self, name: str, which: WhichVersion) -> StoredDocument | None:
        """Return the version, None if it or its document does not exist."""

    async def all(self, kind: DocumentType | None = None) -> Sequence[StoredDocument]:
        """Return the default version of every document, or of every document of a type, by name."""

    async def versions(self, name: str, before: int | None, limit: int) -> Sequence[DocumentVersion]:
        """Return up to `limit` versions below the number `before`, newest first."""

    async def set_default(self, name: str, version: int) -> bool:
        """Make this the default version; False if there is no such version."""

    async def remove(self, name: str) -> bool:
        """Delete a document and all its versions; False if there is none."""

    async def remove_version(self, name: str, version: int) -> bool:
        """Delete one version; False if it is the default or there is none."""


class TagStore(Protocol):
    """Tags of resources."""

    async def put(self, resource_type: ResourceType, resource_id: str, given: Mapping[str, str]) -> None:
        """Set these tags, at least one; others stay.

        Checks `model.tags.check_together` against the stored tags in the same transaction: raises AlikeTagKeys,
        TooManyTags, and then sets none.
        """

    async def of(self, resource_type: ResourceType, resource_ids: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """Return the tags of each of these resources that has any, keys in order."""

    async def page(
        self, resource_type: ResourceType, filters: Sequence[tuple[str, Sequence[str]]], after: str, limit: int
    ) -> Sequence[str]:
        """Return up to `limit` ids of tagged resources behind `after`, in order.

        `filters` are (key, values): all must match, by any of their values; without values, the key is enough.
        """

    async def remove(self, resource_type: ResourceType, resource_id: str, keys: Sequence[str] | None = None) -> None:
        """Delete the tags with these keys; None for all."""
