"""How many people must watch the sessions that a document starts, whatever its parameters are."""

import json

from ferryman.core.documents.actions import document_name, find_document
from ferryman.core.documents.builtin import BUILTIN_DOCUMENTS
from ferryman.core.documents.content import needed_observers, read_document
from ferryman.core.service import Service
from ferryman.model.documents import PREFERENCES_DOCUMENT, DocumentType, StoredDocument
from ferryman.model.session_types import SessionType


async def find_preferences(service: Service) -> StoredDocument:
    """Return the account's preferences, the built-in ones if it has none."""
    return await find_document(service, PREFERENCES_DOCUMENT) or BUILTIN_DOCUMENTS[PREFERENCES_DOCUMENT]


def declared_observers(stored: StoredDocument | None, preferences: StoredDocument) -> int:
    """Return what a document and the preferences require; 0 for what starts no session, or one that forwards a port."""
    if stored is None or stored.version.type is not DocumentType.SESSION:
        return 0
    document = read_document(json.loads(stored.json))
    if document.session_type is SessionType.PORT:
        return 0
    return needed_observers(document.inputs, read_document(json.loads(preferences.json)).inputs)


async def find_observers(service: Service, name: str) -> int:
    """Return `declared_observers` of a document, existing or not."""
    preferences = await find_preferences(service)
    stored = preferences if name == PREFERENCES_DOCUMENT else await find_document(service, document_name(service, name))
    return declared_observers(stored, preferences)
