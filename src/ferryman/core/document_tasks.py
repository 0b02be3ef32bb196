"""Tasks on documents that others wrote, which may take long or end their process, and the port that performs them.

Tasks and results are plain values. `document_work.perform` does them; the server has it done in a sandbox.
"""

import asyncio
from collections.abc import Mapping
from typing import Protocol, TypeAlias

import msgspec


class ReadDocument(msgspec.Struct, frozen=True, tag=True):
    """Read a document's text and check it. `written` and `kind` are a DocumentFormat and a DocumentType."""

    text: str
    written: str
    kind: str
    name: str


class WriteDocument(msgspec.Struct, frozen=True, tag=True):
    """Write a document, given as JSON, in a format."""

    json: str
    wanted: str


class DecideAccess(msgspec.Struct, frozen=True, tag=True):
    """Ask Cedar policies for access of a person to nodes. `denying` are texts that may only forbid."""

    automatic: tuple[str, ...]
    denying: tuple[str, ...]
    user_id: str
    groups: tuple[str, ...]
    tags: Mapping[str, str]
    nodes: Mapping[str, Mapping[str, str]]


Task: TypeAlias = ReadDocument | WriteDocument | DecideAccess


class Read(msgspec.Struct, frozen=True, tag=True):
    """A document's plain values as JSON, and the format that it is in."""

    json: str
    written: str


class Written(msgspec.Struct, frozen=True, tag=True):
    """A document's text."""

    text: str


class Decided(msgspec.Struct, frozen=True, tag=True):
    """Whether every node may be accessed without asking people."""

    permitted: bool


class Broken(msgspec.Struct, frozen=True, tag=True):
    """The document breaks a rule, or is more work than it may be."""

    path: str
    rule: str
    is_of_schema: bool = False


Result: TypeAlias = Read | Written | Decided | Broken


class DocumentWorker(Protocol):
    """Performs tasks where they can take no more than their time, and end nothing but themselves."""

    async def perform(self, task: Task, person_id: str = "") -> Result:
        """Return the result of a task of a person (`Caller.person_id`), `Broken` if it exceeds a limit.

        Raises ServiceError ThrottlingException if too many tasks wait, in all or of this person.
        """

    async def close(self) -> None:
        """End what runs."""


class Unconfined:
    """Performs tasks on a thread of this process: for commands that answer no calls, and for tests."""

    async def perform(self, task: Task, person_id: str = "") -> Result:
        """Return a task's result."""
        from ferryman.core.documents.work import perform  # which knows what documents say, and so the service's limits

        return await asyncio.to_thread(perform, task)

    async def close(self) -> None:
        """Do nothing."""
