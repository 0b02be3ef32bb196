"""Session documents: what a session runs, and which parameters it takes.

Built in for now is the account's shell; what documents people make come later. Content is what agents understand
(`protocol/agent.md` §5.6).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ferryman.core.service import Limits
from ferryman.model.errors import ServiceError

DEFAULT_DOCUMENT = "SSM-SessionManagerRunShell"


@dataclass(frozen=True, slots=True)
class SessionDocument:
    """A document of type Session. `parameters` names those it takes; `inputs` are its preferences."""

    name: str
    session_type: str
    description: str
    parameters: frozenset[str] = frozenset()
    inputs: Mapping[str, str | bool] = field(default_factory=dict)

    def content(self) -> dict[str, object]:
        """Return the document as agents get it, schemaVersion 1.0."""
        return {
            "schemaVersion": "1.0",
            "description": self.description,
            "sessionType": self.session_type,
            "inputs": dict(self.inputs),
        }


def find_document(name: str | None, limits: Limits) -> SessionDocument:
    """Return the document of that name, the account's shell for None; InvalidDocument if there is none of type Session.

    The shell's preferences are the server's limits, so an agent that keeps time itself keeps the same.
    """
    if name not in (None, DEFAULT_DOCUMENT):
        raise ServiceError("InvalidDocument", f"Document with name {name} does not exist.")
    longest = "" if limits.max_duration_minutes is None else str(limits.max_duration_minutes)
    return SessionDocument(
        name=DEFAULT_DOCUMENT,
        session_type="Standard_Stream",
        description="A shell on a managed node",
        inputs={
            "idleSessionTimeout": str(limits.idle_timeout_minutes),
            "maxSessionDuration": longest,
            "runAsEnabled": False,
            "runAsDefaultUser": "",
        },
    )


def check_parameters(document: SessionDocument, given: Mapping[str, tuple[str, ...]]) -> None:
    """Raise ValidationException, naming the parameter, unless the document takes every one given."""
    for name in sorted(given):
        if name not in document.parameters:
            raise ServiceError(
                "ValidationException", f"Parameter {name!r} is not defined in the document {document.name}."
            )
