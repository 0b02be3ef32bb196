"""Tasks on untrusted documents, which may take long or end their process, and the port that performs them.

Tasks and results are plain values. `core.documents.work.perform` does the work; the server runs it in a sandbox.
"""

from collections.abc import Mapping
from typing import Protocol, TypeAlias

import msgspec


class ReadDocument(msgspec.Struct, frozen=True, tag=True):
    """Read and check a document's text. `written` and `kind` are a DocumentFormat and a DocumentType."""

    text: str
    written: str
    kind: str
    name: str


class WriteDocument(msgspec.Struct, frozen=True, tag=True):
    """Write a document, given as JSON, in a format."""

    json: str
    wanted: str


class DecideAccess(msgspec.Struct, frozen=True, tag=True):
    """Evaluate Cedar policies for a person's access to nodes. `denying` are texts that may only forbid."""

    automatic: tuple[str, ...]
    denying: tuple[str, ...]
    user_id: str
    groups: tuple[str, ...]
    tags: Mapping[str, str]
    nodes: Mapping[str, Mapping[str, str]]


Task: TypeAlias = ReadDocument | WriteDocument | DecideAccess


class Read(msgspec.Struct, frozen=True, tag=True):
    """A document's plain values as JSON, and its format."""

    json: str
    written: str


class Written(msgspec.Struct, frozen=True, tag=True):
    """A document's text."""

    text: str


class Decided(msgspec.Struct, frozen=True, tag=True):
    """Whether every node may be accessed without an approver."""

    permitted: bool


class Broken(msgspec.Struct, frozen=True, tag=True):
    """The document breaks a rule, or exceeds a limit on work."""

    path: str
    rule: str
    is_of_schema: bool = False


Result: TypeAlias = Read | Written | Decided | Broken


class DocumentWorker(Protocol):
    """Performs tasks where they can neither exceed their time nor end anything but themselves."""

    async def perform(self, task: Task, person_id: str = "") -> Result:
        """Return the result of a person's task (`Caller.person_id`), `Broken` if it exceeds a limit.

        Raises ServiceError ThrottlingException if too many tasks are queued, in total or for this person.
        """

    async def close(self) -> None:
        """Stop all running tasks."""


class NoDocumentWorker:
    """For services that read no documents of others."""

    async def perform(self, task: Task, person_id: str = "") -> Result:
        """Raise RuntimeError."""
        raise RuntimeError("this service was given no document worker")

    async def close(self) -> None:
        """Do nothing."""
