"""Documents and their versions as they are stored. `core.documents` knows what their content means."""

from dataclasses import dataclass
from enum import StrEnum

from ferryman.model.identifiers import Millis

PREFERENCES_DOCUMENT = "SSM-SessionManagerRunShell"
"""The document of a session that names none; its inputs are the account's preferences for every session."""


AUTO_APPROVAL_DOCUMENT = "SSM-JustInTimeAccessAutoApprovalPolicy"
DENY_ACCESS_DOCUMENT = "SSM-JustInTimeAccessDenyAccessOrgPolicy"
"""The only two documents of type AutoApprovalPolicy, as AWS names them."""


class DocumentType(StrEnum):
    """The type of a document."""

    SESSION = "Session"
    AUTO_APPROVAL = "AutoApprovalPolicy"
    MANUAL_APPROVAL = "ManualApprovalPolicy"


class DocumentFormat(StrEnum):
    """How a document's content is written. TEXT is Cedar, of an AutoApprovalPolicy."""

    JSON = "JSON"
    YAML = "YAML"
    TEXT = "TEXT"


@dataclass(frozen=True, slots=True)
class DocumentVersion:
    """One version of a document, without its content. `platforms` are of Windows, Linux, MacOS."""

    name: str
    version: int
    format: DocumentFormat
    platforms: tuple[str, ...]
    created_at: Millis
    version_name: str | None = None
    display_name: str | None = None
    target_type: str | None = None
    type: DocumentType = DocumentType.SESSION


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A version with its content, and its place among the document's versions.

    `content` is as its author wrote it; `json` is the same as JSON.
    """

    version: DocumentVersion
    content: str
    json: str
    default_version: int
    latest_version: int

    @property
    def name(self) -> str:
        """The document's name."""
        return self.version.name


@dataclass(frozen=True, slots=True)
class WhichVersion:
    """Selects a version of a document: by number, by version name, or else the default or the latest."""

    number: int | None = None
    version_name: str | None = None
    latest: bool = False


DEFAULT_VERSION = WhichVersion()
LATEST_VERSION = WhichVersion(latest=True)
