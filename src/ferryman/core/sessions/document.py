"""The document of a session: chosen and resolved when the session starts, and sent to the node as checked then."""

import json
from dataclasses import dataclass

import msgspec

from ferryman.core.documents.actions import document_name, find_document, no_document
from ferryman.core.documents.content import (
    ResolvedDocument,
    SessionDocument,
    read_document,
    resolve,
)
from ferryman.core.documents.observing import declared_observers, find_preferences
from ferryman.core.documents.parameters import check_values
from ferryman.core.documents.rules import KMS_KEY_ID, REQUIRED_OBSERVERS, is_user, observers
from ferryman.core.service import Service
from ferryman.core.sessions.requests import StartSessionRequest
from ferryman.model.documents import PREFERENCES_DOCUMENT, DocumentType, StoredDocument
from ferryman.model.errors import ServiceError
from ferryman.model.identity.callers import Caller
from ferryman.model.session_types import LOCAL_PORT_FORWARDING, SessionType
from ferryman.model.sessions import Session
from ferryman.model.stream_urls import stream_query
from ferryman.policy.context import fold

RUN_AS_TAG = "SSMSessionRunAs"
"""AWS's key of the caller's tag that names the OS user of its sessions on nodes."""


@dataclass(frozen=True, slots=True)
class ChosenDocument:
    """A document's default version, resolved with a request's parameters and the account's preferences."""

    name: str
    version: int
    resolved: ResolvedDocument

    @property
    def session_type(self) -> SessionType:
        """The type of session that it starts."""
        return SessionType(self.resolved.content["sessionType"])

    @property
    def required_observers(self) -> int:
        """How many people must watch the session while it runs."""
        return observers(self.resolved.content["inputs"].get(REQUIRED_OBSERVERS))

    @property
    def kms_key_id(self) -> str:
        """The KMS key that its sessions are encrypted with, "" for none."""
        return str(self.resolved.content["inputs"].get(KMS_KEY_ID, ""))

    def json(self) -> str:
        """Return the document as its node receives it."""
        return msgspec.json.encode(self.resolved.content).decode()

    def stream_query(self) -> str:
        """Return the query of the client's StreamUrl."""
        content = self.resolved.content
        return stream_query(content["sessionType"], content.get("properties") or {})


def requested_document(service: Service, request: StartSessionRequest) -> str:
    """Return the name of the requested document, existing or not; the account's shell document if none is named."""
    return document_name(service, request.document_name or PREFERENCES_DOCUMENT)


@dataclass(frozen=True, slots=True)
class FoundDocuments:
    """A requested document, None if there is none of its `name`, and the account's preferences."""

    name: str
    stored: StoredDocument | None
    preferences: StoredDocument

    @property
    def observers(self) -> int:
        """How many people must observe its sessions."""
        return declared_observers(self.stored, self.preferences)


async def find_documents(service: Service, request: StartSessionRequest) -> FoundDocuments:
    """Return what a request names; nothing of it may be told to a caller without permission."""
    name = requested_document(service, request)
    preferences = await find_preferences(service)
    stored = preferences if name == PREFERENCES_DOCUMENT else await find_document(service, name)
    return FoundDocuments(name, stored, preferences)


def choose_document(
    service: Service, caller: Caller, request: StartSessionRequest, found: FoundDocuments
) -> ChosenDocument:
    """Return the document that the request starts. The caller must be authorized already: errors tell about documents.

    With Run As, the caller's tag SSMSessionRunAs takes precedence over the user in the document, as on AWS. Raises
    InvalidDocument, and ValidationException naming the parameter or tag that is not valid.
    """
    name, stored = found.name, found.stored
    if stored is None:
        raise no_document(name)
    if stored.version.type is not DocumentType.SESSION:
        raise ServiceError("InvalidDocument", f"The document {name} is of type {stored.version.type}, not Session.")
    document = _read(stored)
    values = check_values(name, document.parameters, request.parameters)
    preferences = document if name == PREFERENCES_DOCUMENT else _read(found.preferences)
    resolved = resolve(name, document, values, preferences, service.settings.limits, _tagged_user(caller))
    return ChosenDocument(name, stored.version.version, resolved)


def required_observers(document: str) -> int:
    """Return how many people must observe the session that a document starts; `document` is the result of `json`."""
    return observers(json.loads(document)["inputs"].get(REQUIRED_OBSERVERS))


def encryption_key(document: str) -> str:
    """Return the KMS key that a session's ends encrypt with, "" for none; `document` is the result of `json`.

    In a port session it may be that they do not: see `ENCRYPTION_OPTIONAL`.
    """
    return str(json.loads(document)["inputs"].get(KMS_KEY_ID) or "")


@dataclass(frozen=True, slots=True)
class ForwardedPort:
    """Where a port session leads: `host` is empty for the node itself. `listens`: its client opens a local port."""

    host: str
    port: str
    listens: bool


def forwarded_port(document: str) -> ForwardedPort | None:
    """Return where the session that a document starts leads; None if it forwards no port."""
    content = json.loads(document)
    if content["sessionType"] != SessionType.PORT:
        return None
    properties = content.get("properties") or {}
    host, port = (str(properties.get(name) or "") for name in ("host", "portNumber"))
    return ForwardedPort(host, port, properties.get("type") == LOCAL_PORT_FORWARDING)


def type_of(document: str) -> SessionType:
    """Return the type of the session that a document starts; `document` is the result of `json`."""
    return SessionType(json.loads(document)["sessionType"])


def task_content(session: Session, document: str) -> str:
    """Return the Content of the session's task (`protocol/agent.md` §3.5); `document` is the result of `json`.

    It contains no parameters: the server has already replaced them all.
    """
    content = {
        "DocumentName": session.document_name,
        "DocumentContent": msgspec.Raw(document.encode()),
        "SessionId": session.session_id,
        "Parameters": {},
        "SessionOwner": session.owner,
    }
    return msgspec.json.encode(content).decode()


def _tagged_user(caller: Caller) -> str:
    found = [
        value for key, value in caller.tags.items() if fold(key) == fold(RUN_AS_TAG)
    ]  # as condition operators read it
    if len(found) > 1:
        tags = f"several tags whose keys differ from {RUN_AS_TAG} only in case"
        message = f"{caller.arn} has {tags}; remove all but one of them."
        raise ServiceError("ValidationException", message)
    user = found[0] if found else ""
    if user and not is_user(user):
        raise ServiceError("ValidationException", f"{RUN_AS_TAG}, a tag of {caller.arn}, is not the name of a user.")
    return user


def _read(stored: StoredDocument) -> SessionDocument:
    return read_document(json.loads(stored.json))
