"""Documents, their versions, and the tags of Systems Manager's resources."""

import hashlib

from ferryman.core import tags
from ferryman.core.documents import actions as documents
from ferryman.core.documents import listing as document_listing
from ferryman.core.documents.parameters import Parameter
from ferryman.core.documents.requests import (
    DocumentDraft,
    DocumentSummary,
    DocumentView,
    ListDocumentsRequest,
    ListDocumentVersionsRequest,
)
from ferryman.core.documents.types import SCHEMA_VERSIONS
from ferryman.model.documents import LATEST_VERSION, DocumentFormat, DocumentType, DocumentVersion, WhichVersion
from ferryman.model.errors import ServiceError
from ferryman.model.identity.callers import Caller
from ferryman.server.operations.context import OperationContext, Operations, Parameters, Result
from ferryman.server.operations.parameters import filters, requested_tags
from ferryman.server.operations.results import as_datetime, tag_list


async def create_document(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    """CreateDocument."""
    kind = parameters.get("DocumentType")
    if kind not in list(DocumentType):
        raise ServiceError("ValidationException", f"DocumentType must be one of {', '.join(DocumentType)}.")
    for member in ("Requires", "Attachments"):
        if parameters.get(member):
            raise ServiceError("ValidationException", f"{member} are not supported for documents of type {kind}.")
    draft = _draft(parameters, DocumentType(kind))
    view = await documents.create_document(
        context.service, caller, draft, requested_tags(parameters, "ValidationException")
    )
    return {"DocumentDescription": _description(view)}


async def update_document(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    """UpdateDocument."""
    if parameters.get("Attachments"):
        raise ServiceError("ValidationException", "Attachments are not supported.")
    updated = _which(parameters.get("DocumentVersion"), None) if parameters.get("DocumentVersion") else LATEST_VERSION
    view = await documents.update_document(context.service, caller, _draft(parameters), updated)
    return {"DocumentDescription": _description(view)}


async def update_document_default_version(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    """UpdateDocumentDefaultVersion."""
    number = _number(parameters["DocumentVersion"])
    version = await documents.update_document_default_version(context.service, caller, parameters["Name"], number)
    description = {
        "Name": version.name,
        "DefaultVersion": str(version.version),
        "DefaultVersionName": version.version_name,
    }
    return {"Description": description}


async def delete_document(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    """DeleteDocument."""
    version, version_name = parameters.get("DocumentVersion"), parameters.get("VersionName")
    which = None if version is None and version_name is None else _which(version, version_name)
    await documents.delete_document(context.service, caller, parameters["Name"], which)
    return {}


async def get_document(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    """GetDocument: as JSON unless a format is requested."""
    which = _which(parameters.get("DocumentVersion"), parameters.get("VersionName"))
    written = _format(parameters)
    stored, text = await documents.get_document(context.service, caller, parameters["Name"], which, written)
    return {
        "Name": stored.name,
        "CreatedDate": as_datetime(stored.version.created_at),
        "DisplayName": stored.version.display_name,
        "VersionName": stored.version.version_name,
        "DocumentVersion": str(stored.version.version),
        "Status": "Active",
        "Content": text,
        "DocumentType": stored.version.type.value,
        "DocumentFormat": written.value,
    }


async def describe_document(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    """DescribeDocument."""
    which = _which(parameters.get("DocumentVersion"), parameters.get("VersionName"))
    return {
        "Document": _description(await documents.describe_document(context.service, caller, parameters["Name"], which))
    }


async def describe_document_permission(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    """DescribeDocumentPermission, which Terraform calls for every document."""
    accounts = await documents.describe_document_permission(context.service, caller, parameters["Name"])
    sharing = [{"AccountId": each} for each in accounts]
    return {"AccountIds": list(accounts), "AccountSharingInfoList": sharing}


async def list_documents(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    """ListDocuments."""
    older = ((each["key"], (each["value"],)) for each in parameters.get("DocumentFilterList") or ())
    newer = filters(parameters, "Filters")
    request = ListDocumentsRequest(parameters.get("MaxResults"), parameters.get("NextToken"), (*older, *newer))
    page = await document_listing.list_documents(context.service, caller, request)
    return {"DocumentIdentifiers": [_identifier(row) for row in page.items], "NextToken": page.next_token}


async def list_document_versions(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    """ListDocumentVersions."""
    request = ListDocumentVersionsRequest(parameters["Name"], parameters.get("MaxResults"), parameters.get("NextToken"))
    page, default = await document_listing.list_document_versions(context.service, caller, request)
    return {"DocumentVersions": [_version(each, default) for each in page.items], "NextToken": page.next_token}


async def add_tags_to_resource(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    """AddTagsToResource."""
    added = requested_tags(parameters, "ValidationException")
    await tags.add_tags_to_resource(
        context.service, caller, parameters["ResourceType"], parameters["ResourceId"], added
    )
    return {}


async def list_tags_for_resource(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    """ListTagsForResource."""
    found = await tags.list_tags_for_resource(
        context.service, caller, parameters["ResourceType"], parameters["ResourceId"]
    )
    return {"TagList": tag_list(found)}


async def remove_tags_from_resource(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    """RemoveTagsFromResource."""
    resource = parameters["ResourceType"], parameters["ResourceId"]
    await tags.remove_tags_from_resource(context.service, caller, *resource, parameters["TagKeys"])
    return {}


def _draft(parameters: Parameters, kind: DocumentType = DocumentType.SESSION) -> DocumentDraft:
    return DocumentDraft(
        name=parameters["Name"],
        content=parameters["Content"],
        format=_format(parameters),
        version_name=parameters.get("VersionName"),
        display_name=parameters.get("DisplayName"),
        target_type=parameters.get("TargetType"),
        type=kind,
    )


def _format(parameters: Parameters) -> DocumentFormat:
    return DocumentFormat(parameters.get("DocumentFormat") or DocumentFormat.JSON)


def _which(version: str | None, version_name: str | None) -> WhichVersion:
    """Return the version that a request names; `$DEFAULT` is the same as none."""
    if version == "$LATEST":
        return WhichVersion(version_name=version_name, latest=True)
    number = None if version in (None, "$DEFAULT") else _number(version)
    return WhichVersion(number=number, version_name=version_name)


def _number(version: str) -> int:
    if len(version) > 9:  # more digits than a column holds
        raise ServiceError("InvalidDocumentVersion", f"There is no version {version[:20]}.")
    return int(version)


def _description(view: DocumentView) -> Result:
    stored, version = view.stored, view.stored.version
    return {
        "Hash": hashlib.sha256(stored.content.encode()).hexdigest(),
        "HashType": "Sha256",
        "Name": version.name,
        "DisplayName": version.display_name,
        "VersionName": version.version_name,
        "Owner": view.owner,
        "CreatedDate": as_datetime(version.created_at),
        "Status": "Active",
        "DocumentVersion": str(version.version),
        "Description": view.document.description,
        "Parameters": [_parameter(each) for each in view.document.parameters.values()],
        "PlatformTypes": list(version.platforms),
        "DocumentType": version.type.value,
        "SchemaVersion": view.document.schema_version,
        "LatestVersion": str(stored.latest_version),
        "DefaultVersion": str(stored.default_version),
        "DocumentFormat": version.format.value,
        "TargetType": version.target_type,
        "Tags": tag_list(view.tags),
    }


def _parameter(parameter: Parameter) -> Result:
    return {
        "Name": parameter.name,
        "Type": parameter.type.value,
        "Description": parameter.description,
        "DefaultValue": parameter.default_text(),
    }


def _identifier(row: DocumentSummary) -> Result:
    version = row.stored.version
    return {
        "Name": version.name,
        "CreatedDate": as_datetime(version.created_at),
        "DisplayName": version.display_name,
        "Owner": row.owner,
        "VersionName": version.version_name,
        "PlatformTypes": list(version.platforms),
        "DocumentVersion": str(version.version),
        "DocumentType": version.type.value,
        "SchemaVersion": SCHEMA_VERSIONS[version.type],
        "DocumentFormat": version.format.value,
        "TargetType": version.target_type,
        "Tags": tag_list(row.tags),
    }


def _version(version: DocumentVersion, default: int) -> Result:
    return {
        "Name": version.name,
        "DisplayName": version.display_name,
        "DocumentVersion": str(version.version),
        "VersionName": version.version_name,
        "CreatedDate": as_datetime(version.created_at),
        "IsDefaultVersion": version.version == default,
        "DocumentFormat": version.format.value,
        "Status": "Active",
    }


OPERATIONS: Operations = {
    ("ssm", "CreateDocument"): create_document,
    ("ssm", "GetDocument"): get_document,
    ("ssm", "DescribeDocument"): describe_document,
    ("ssm", "DescribeDocumentPermission"): describe_document_permission,
    ("ssm", "ListDocuments"): list_documents,
    ("ssm", "ListDocumentVersions"): list_document_versions,
    ("ssm", "UpdateDocument"): update_document,
    ("ssm", "UpdateDocumentDefaultVersion"): update_document_default_version,
    ("ssm", "DeleteDocument"): delete_document,
    ("ssm", "AddTagsToResource"): add_tags_to_resource,
    ("ssm", "ListTagsForResource"): list_tags_for_resource,
    ("ssm", "RemoveTagsFromResource"): remove_tags_from_resource,
}
