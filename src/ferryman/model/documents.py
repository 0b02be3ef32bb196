"""Documents: their versions as they are kept. What they say is `core.document_content`'s and `approval_policies`'."""

from dataclasses import dataclass
from enum import StrEnum

from ferryman.model.identifiers import Millis

PREFERENCES_DOCUMENT = "SSM-SessionManagerRunShell"
"""What a session runs when no document is named; its inputs are the account's preferences for every session."""


AUTO_APPROVAL_DOCUMENT = "SSM-JustInTimeAccessAutoApprovalPolicy"
DENY_ACCESS_DOCUMENT = "SSM-JustInTimeAccessDenyAccessOrgPolicy"
"""The two documents of type AutoApprovalPolicy that there may be, as AWS names them."""


class DocumentType(StrEnum):
    """What a document is about."""

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
    """A version with its content, and where it stands among the document's versions.

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
    """Which of a document's versions is meant: this number, or the one so named, or else the default or the latest."""

    number: int | None = None
    version_name: str | None = None
    latest: bool = False


DEFAULT_VERSION = WhichVersion()
LATEST_VERSION = WhichVersion(latest=True)
