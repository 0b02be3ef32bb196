"""Checks that a node's HandshakeRequest starts the session that was requested (`protocol/client.md` §8, §9).

AWS's client does whatever the request says. A node that answers Port to a client that requested a shell could make it
open a port, or create a socket file at a path of the node's choice. So a request is read here before it is forwarded,
at least as strictly as any client reads it: AWS's accepts keys in any case and uses the last of several. A session that
must be encrypted has to begin with a handshake.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ferryman.core.documents.content import ENCRYPTION_OPTIONAL
from ferryman.core.documents.rules import KMS_KEY_ID
from ferryman.core.service import Service
from ferryman.core.sessions.document import encryption_key
from ferryman.model.identifiers import SessionId
from ferryman.model.session_types import TERMINAL_TYPES, SessionType
from ferryman.model.stream_urls import LOCAL_PROPERTIES
from ferryman.server.channels import frames
from ferryman.wire.agent_message import HEADER_SIZE
from ferryman.wire.payloads import KMS_ENCRYPTION_ACTION, SESSION_TYPE_ACTION

LONGEST = 16 * 1024
"""Bytes of a request; AWS's agents send a few hundred."""
MOST_HANDSHAKES = 100
"""Different ones per session. Each client that joins needs one, and each costs up to 3 ms to read."""
_SHOWN = 40
_NOT_ENCRYPTED = "its document requires encryption, which the node's agent did not request"


class HandshakeCheck:
    """The handshakes that the node of one session requests; each is checked before it is forwarded."""

    def __init__(self, service: Service, session_id: SessionId) -> None:
        self._service = service
        self._session_id = session_id
        self._accepted = b""
        self._checked = 0
        self._is_plain = False
        """Whether the session is known to need no handshake."""

    def concerns(self, number: int, frame: bytes) -> bool:
        """Whether `refusal` must be asked about an output frame: a HandshakeRequest, or the first without one."""
        return frames.requests_handshake(frame) or (number == 0 and not self._is_plain)

    async def refusal(self, frame: bytes) -> str | None:
        """Return why such a frame must end the session, "" if it may pass, None if the session has ended."""
        request = frame[HEADER_SIZE:]
        if request == self._accepted:  # it is resent until it is acknowledged
            return ""
        document = await self._service.store.sessions.document_content(self._session_id)
        if document is None:
            return None
        if not frames.requests_handshake(frame):
            self._is_plain = not encryption_key(document)
            return "" if self._is_plain else f"{_NOT_ENCRYPTED}, which began without a handshake"
        self._checked += 1
        if self._checked > MOST_HANDSHAKES:
            return "the node sent too many different handshakes"
        cause = objection(request, document)
        if not cause:
            self._accepted = request
        return cause


def objection(request: bytes, document: str) -> str:
    """Return why a HandshakeRequest's payload does not start the session of `document`; "" if it does."""
    if len(request) > LONGEST:
        return f"the node's handshake is larger than {LONGEST} bytes"
    try:
        read = json.loads(request.decode(), object_pairs_hook=_members)
        actions = [(action["actiontype"], action.get("actionparameters")) for action in read["requestedclientactions"]]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return "the node's handshake is malformed"
    wanted = json.loads(document, object_pairs_hook=_members)
    for kind, parameters in actions:
        if kind == SESSION_TYPE_ACTION and (found := _mismatch(parameters, wanted)):
            return found
    keys = [parameters for kind, parameters in actions if kind == KMS_ENCRYPTION_ACTION]
    return _encryption_mismatch(keys, wanted.get("inputs") or {}, is_ferryman="ferryman" in read)


def _encryption_mismatch(requested: Sequence[object], inputs: Mapping[str, Any], *, is_ferryman: bool) -> str:
    """Return why the keys that a node encrypts with are not the document's; "" if they are.

    AWS's agents encrypt no port sessions, and do not have to if only the account's preferences name a key.
    """
    wanted = inputs.get(KMS_KEY_ID.casefold()) or ""
    if not requested:
        if not wanted or (inputs.get(ENCRYPTION_OPTIONAL.casefold()) and not is_ferryman):
            return ""
        return f"{_NOT_ENCRYPTED}; use a newer agent, or one of Ferryman's for ports"
    if not wanted:
        return "the node requested encryption with a KMS key, but the document names none"
    named = [each.get("kmskeyid") if isinstance(each, dict) else None for each in requested]
    return "" if named == [wanted] else "the node requested encryption with another KMS key than the document's"


def _mismatch(parameters: object, wanted: Mapping[str, Any]) -> str:
    given = parameters if isinstance(parameters, dict) else {}
    session_type, asked = str(given.get("sessiontype")), wanted["sessiontype"]
    if session_type != asked and not {session_type, asked} <= TERMINAL_TYPES:
        return f"the node started a session of type {session_type[:_SHOWN]!r}, but {asked} was requested"
    if asked != SessionType.PORT or _local(given.get("properties")) == _local(wanted.get("properties")):
        return ""
    return "the node wanted the client to open a different port or socket than requested"


def _local(properties: object) -> tuple[str, ...]:
    """Return the properties that decide what a Port session opens on the client's machine."""
    given = properties if isinstance(properties, dict) else {}
    return tuple("" if given.get(name.casefold()) is None else str(given[name.casefold()]) for name in LOCAL_PROPERTIES)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object's members by case-folded key; raises ValueError if it is ambiguous."""
    members = {key.casefold(): value for key, value in pairs}
    if len(members) < len(pairs):
        raise ValueError("two keys of one object differ at most in case")
    return members
