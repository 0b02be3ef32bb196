"""ListDocuments and ListDocumentVersions: filters, pages."""

from collections.abc import Callable, Mapping, Sequence

from ferryman.core.authorization.decisions import require
from ferryman.core.authorization.request_context import resource_keys
from ferryman.core.documents.actions import BUILTIN_OWNER, document_name, find_document, no_document, owner_of
from ferryman.core.documents.builtin import BUILTIN_DOCUMENTS
from ferryman.core.documents.requests import DocumentSummary, ListDocumentsRequest, ListDocumentVersionsRequest
from ferryman.core.paging import Listing, Page, Position
from ferryman.core.service import Service
from ferryman.core.tags import fits_tag_filter, is_tag_filter
from ferryman.model.documents import DocumentVersion
from ferryman.model.errors import ServiceError
from ferryman.model.identity.callers import Caller
from ferryman.model.tags import ResourceType

DEFAULT_PAGE = 50

Fits = Callable[[DocumentSummary, str], bool]


def _is_owned_by(row: DocumentSummary, wanted: str) -> bool:
    built_in = row.owner == BUILTIN_OWNER
    if wanted in ("Self", "Private"):
        return not built_in
    if wanted in (BUILTIN_OWNER, "Public"):
        return built_in
    return wanted in ("All", row.owner)


_FILTERS: Mapping[str, Fits] = {
    "Name": lambda row, wanted: row.stored.name.startswith(wanted),
    "Owner": _is_owned_by,
    "PlatformTypes": lambda row, wanted: wanted in row.stored.version.platforms,
    "DocumentType": lambda row, wanted: wanted == row.stored.version.type,
    "TargetType": lambda row, wanted: wanted == row.stored.version.target_type,
    "SearchKeyword": lambda row, wanted: wanted.lower() in row.stored.name.lower(),
}


async def list_documents(service: Service, caller: Caller, request: ListDocumentsRequest) -> Page[DocumentSummary]:
    """ListDocuments: the account's and the built-in documents by name; all filters must match, any value of each.

    The filter Name matches prefixes. Raises AccessDeniedException, InvalidFilterKey, InvalidNextToken.
    """
    require(service, caller, "ssm:ListDocuments", service.arns.everything_of_ssm())
    for key, _ in request.filters:
        if key not in _FILTERS and not is_tag_filter(key):
            raise ServiceError(
                "InvalidFilterKey",
                f"The filter key {key!r} is not valid. Valid keys: {', '.join(_FILTERS)}, tag-key, tag:<key>.",
            )
    members = sorted((key, sorted(values)) for key, values in request.filters)
    listing = Listing(service, caller, "ListDocuments", members)

    async def read(after: Position | None, most: int) -> Sequence[DocumentSummary]:
        name = "" if after is None else str(after[0])
        return [row for row in await _summaries(service) if row.stored.name > name and _fits(row, request)][:most]

    return await listing.page(
        request.next_token, request.max_results or DEFAULT_PAGE, read, lambda row: (row.stored.name,)
    )


async def _summaries(service: Service) -> list[DocumentSummary]:
    """Return a row for every document, by name: a few hundred at most, the account's limit."""
    by_name = {**BUILTIN_DOCUMENTS, **{stored.name: stored for stored in await service.store.documents.all()}}
    tags = await service.store.tags.of(ResourceType.DOCUMENT, list(by_name))
    return [
        DocumentSummary(stored, owner_of(service, stored), tags.get(name, {}))
        for name, stored in sorted(by_name.items())
    ]


def _fits(row: DocumentSummary, request: ListDocumentsRequest) -> bool:
    return all(
        fits_tag_filter(row.tags, key, values)
        if is_tag_filter(key)
        else any(_FILTERS[key](row, value) for value in values)
        for key, values in request.filters
    )


async def list_document_versions(
    service: Service, caller: Caller, request: ListDocumentVersionsRequest
) -> tuple[Page[DocumentVersion], int]:
    """ListDocumentVersions: newest first; also returns the number of the default version.

    Raises AccessDeniedException, InvalidDocument, InvalidNextToken.
    """
    name = document_name(service, request.name)
    keys = await resource_keys(service, ResourceType.DOCUMENT, name)
    require(service, caller, "ssm:ListDocumentVersions", service.arns.document(name), keys)
    default = await find_document(service, name)
    if default is None:
        raise no_document(name)
    if BUILTIN_DOCUMENTS.get(name) is default:
        return Page((default.version,)), default.default_version
    listing = Listing(service, caller, "ListDocumentVersions", (name,))

    async def read(after: Position | None, most: int) -> Sequence[DocumentVersion]:
        return await service.store.documents.versions(name, None if after is None else int(after[0]), most)

    page = await listing.page(request.next_token, request.max_results or DEFAULT_PAGE, read, lambda row: (row.version,))
    return page, default.default_version
