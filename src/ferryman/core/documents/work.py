"""Reading, writing and evaluating untrusted documents. Run in a sandbox, as it may take long or end its process."""

import asyncio
import json
from collections.abc import Mapping

from ferryman.core.document_tasks import (
    Broken,
    DecideAccess,
    Decided,
    Read,
    ReadDocument,
    Result,
    Task,
    WriteDocument,
    Written,
)
from ferryman.core.documents.approval_policies import AutoApprovalPolicy, check_cedar_parts
from ferryman.core.documents.content import WrongSchemaVersion
from ferryman.core.documents.text import RuleBroken, write_text
from ferryman.core.documents.types import read_content, read_values
from ferryman.model.documents import DocumentFormat, DocumentType
from ferryman.policy.cedar import CedarPrincipal, CedarVerdict, evaluate_cedar


def perform(task: Task) -> Result:
    """Return a task's result."""
    try:
        match task:
            case ReadDocument():
                return _read(task)
            case WriteDocument():
                return Written(write_text(json.loads(task.json), DocumentFormat(task.wanted)))
            case DecideAccess():
                return Decided(all(_permits(task, node_id, tags) for node_id, tags in task.nodes.items()))
    except RuleBroken as error:
        return Broken(error.path, error.rule, isinstance(error, WrongSchemaVersion))


def _read(task: ReadDocument) -> Read:
    kind = DocumentType(task.kind)
    value, written = read_values(task.text, DocumentFormat(task.written), kind)
    content = read_content(value, task.name, kind)
    if isinstance(content, AutoApprovalPolicy):
        check_cedar_parts(content)
    return Read(json.dumps(value), written.value)


def _permits(task: DecideAccess, node_id: str, node_tags: Mapping[str, str]) -> bool:
    """A policy of several texts permits if one permits, none forbids and all could be evaluated; a denial wins."""
    principal = CedarPrincipal(task.user_id, frozenset(task.groups), task.tags)
    denied = [evaluate_cedar(text, principal, node_id, node_tags) for text in task.denying]
    if any(_is_against(verdict) for verdict in denied):
        return False
    verdicts = [evaluate_cedar(text, principal, node_id, node_tags) for text in task.automatic]
    return any(verdict.permitted for verdict in verdicts) and not any(_is_against(verdict) for verdict in verdicts)


def _is_against(verdict: CedarVerdict) -> bool:
    return verdict.forbidden or bool(verdict.errors)


class InProcessWorker:
    """Performs tasks on a thread of this process, without limits: for tests and benchmarks."""

    async def perform(self, task: Task, person_id: str = "") -> Result:
        """Return a task's result."""
        return await asyncio.to_thread(perform, task)

    async def close(self) -> None:
        """Do nothing."""
