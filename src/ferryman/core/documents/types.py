"""Document types: how each is read, and what all of them have in common."""

import json
from collections.abc import Mapping
from typing import Any, TypeAlias

from ferryman.core.documents.approval_policies import (
    AutoApprovalPolicy,
    ManualApprovalPolicy,
    read_auto_approval_policy,
    read_manual_approval_policy,
    wrap_cedar,
)
from ferryman.core.documents.content import SessionDocument, read_document
from ferryman.core.documents.text import RuleBroken, read_text, write_text
from ferryman.model.documents import DocumentFormat, DocumentType, StoredDocument

Content: TypeAlias = SessionDocument | AutoApprovalPolicy | ManualApprovalPolicy
"""All have a description, parameters, platforms and a schema version."""
SCHEMA_VERSIONS: Mapping[DocumentType, str] = {
    DocumentType.SESSION: SessionDocument.schema_version,
    DocumentType.AUTO_APPROVAL: AutoApprovalPolicy.schema_version,
    DocumentType.MANUAL_APPROVAL: ManualApprovalPolicy.schema_version,
}


def read_values(text: str, written: DocumentFormat, kind: DocumentType) -> tuple[dict[str, Any], DocumentFormat]:
    """Return a document's text as plain values, and its format.

    An AutoApprovalPolicy may be plain Cedar, whatever format its author declared. Raises `RuleBroken`.
    """
    if kind is DocumentType.AUTO_APPROVAL and (
        written is DocumentFormat.TEXT or (written is DocumentFormat.JSON and not text.lstrip().startswith("{"))
    ):
        return wrap_cedar(text), DocumentFormat.TEXT
    if written is DocumentFormat.TEXT:
        raise RuleBroken("", f"of type {kind} is JSON or YAML, not {written}.")
    return read_text(text, written), written


def read_content(value: Mapping[str, Any], name: str, kind: DocumentType) -> Content:
    """Return the content of a document in plain values; raises `RuleBroken` (`WrongSchemaVersion` for its schema)."""
    if kind is DocumentType.AUTO_APPROVAL:
        return read_auto_approval_policy(value, name)
    if kind is DocumentType.MANUAL_APPROVAL:
        return read_manual_approval_policy(value)
    return read_document(value)


def content_of(stored: StoredDocument) -> Content:
    """Return the content of a stored document."""
    return read_content(json.loads(stored.json), stored.name, stored.version.type)


def text_of(stored: StoredDocument, wanted: DocumentFormat) -> str:
    """Return a document's text in a format, unchanged if its author used that format.

    Raises `RuleBroken` if it cannot be written in it: only Cedar is TEXT, and only in an AutoApprovalPolicy of one
    text.
    """
    if stored.version.format is wanted:
        return stored.content
    if wanted is not DocumentFormat.TEXT:
        return write_text(json.loads(stored.json), wanted)
    content = content_of(stored)
    if not isinstance(content, AutoApprovalPolicy) or len(content.parts) != 1:
        raise RuleBroken("", f"{stored.name} cannot be written as {wanted}; ask for JSON or YAML.")
    return content.parts[0].text
