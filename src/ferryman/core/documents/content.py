"""The content of a session document, schema 1.0 (`protocol/agent.md` §5.6), and what a session gets of it.

The server resolves everything: agents get a document without parameters, every placeholder replaced.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ferryman.core.documents.outputs import outputs_of
from ferryman.core.documents.parameters import (
    PARAMETER_STORE,
    Parameter,
    Value,
    read_parameters,
    substitute,
    substituted_size,
    undefined,
)
from ferryman.core.documents.rules import (
    KMS_KEY_ID,
    PLATFORMS,
    REQUIRE_KMS_CHALLENGE,
    REQUIRED_OBSERVERS,
    as_flag,
    canonical_properties,
    check_inputs,
    check_properties,
    observers,
)
from ferryman.core.documents.text import RuleBroken
from ferryman.core.service import Limits
from ferryman.model.errors import ServiceError
from ferryman.model.session_outputs import SessionOutputs
from ferryman.model.session_types import SessionType

SCHEMA_VERSION = "1.0"
SUBSTITUTED_LIMIT = 256 * 1024
"""Characters that parameters may add to a document in total."""
_MEMBERS = ("schemaVersion", "description", "sessionType", "parameters", "inputs", "properties")
_NEVER_IDLE = frozenset({SessionType.PORT, SessionType.NON_INTERACTIVE_COMMANDS})
_SHARED_INPUTS = ("idleSessionTimeout", "maxSessionDuration")
ENCRYPTION_OPTIONAL = "encryptionOptional"
"""An input that the server adds to a Port document which is encrypted only because the account's preferences say so."""
_RUN_AS = ("runAsEnabled", "runAsDefaultUser")


class WrongSchemaVersion(RuleBroken):
    """The document has a schema version that session documents do not have."""


@dataclass(frozen=True, slots=True)
class SessionDocument:
    """A valid document that still contains placeholders."""

    session_type: SessionType
    description: str | None = None
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    properties: Mapping[str, Any] = field(default_factory=dict)

    schema_version: ClassVar[str] = SCHEMA_VERSION

    @property
    def platforms(self) -> tuple[str, ...]:
        """The platforms it has content for; all if it does not specify any."""
        named = [shown for platform, shown in PLATFORMS.items() if platform in self.properties]
        return tuple(named or PLATFORMS.values())


@dataclass(frozen=True, slots=True)
class ResolvedDocument:
    """The document of one session. `content` is what the node receives; times are in minutes.

    `idles`: the idle timeout ends the session even while both ends are attached. For a Port session or a
    non-interactive command that is so only if someone set a timeout: an open tunnel or a running command is in use
    although no data flows. `outputs` is where the session's log goes, which the node never learns; None for nowhere,
    and for a Port session, which shows nothing.
    """

    content: Mapping[str, Any]
    idle_timeout: int
    max_duration: int | None
    idles: bool = True
    outputs: SessionOutputs | None = None


def read_document(value: Mapping[str, Any]) -> SessionDocument:
    """Return a document from plain values; raises `RuleBroken` (`WrongSchemaVersion` for its schema version)."""
    for member in value:
        if member not in _MEMBERS:
            raise RuleBroken(member, "is unknown.")
    if value.get("schemaVersion") != SCHEMA_VERSION:
        raise WrongSchemaVersion("schemaVersion", f'must be the string "{SCHEMA_VERSION}".')
    if value.get("sessionType") not in list(SessionType):
        raise RuleBroken("sessionType", f"must be one of {', '.join(SessionType)}.")
    description = value.get("description")
    if not isinstance(description, str | None):
        raise RuleBroken("description", "must be a string.")
    session_type = SessionType(value["sessionType"])
    inputs, properties = _member(value, "inputs"), _member(value, "properties")
    parameters = read_parameters(_member(value, "parameters"), "parameters")
    check_inputs(inputs, resolved=False)
    check_properties(session_type, properties, resolved=False)
    _check_placeholders(inputs, "inputs", parameters)
    _check_placeholders(properties, "properties", parameters)
    return SessionDocument(session_type, description, parameters, inputs, properties)


def _member(value: Mapping[str, Any], name: str) -> Any:
    return {} if value.get(name) is None else value[name]


def _check_placeholders(value: object, path: str, parameters: Mapping[str, Parameter]) -> None:
    if isinstance(value, dict):
        for name, member in value.items():
            _check_placeholders(member, f"{path}.{name}", parameters)
    elif isinstance(value, str):
        if PARAMETER_STORE.search(value):
            raise RuleBroken(path, "refers to the parameter store, which is not supported.")
        name = undefined(value, parameters)
        if name is not None:
            raise RuleBroken(path, f"names the parameter {name!r}, which the document does not define.")


def resolve(
    name: str,
    document: SessionDocument,
    values: Mapping[str, Value],
    preferences: SessionDocument,
    limits: Limits,
    run_as: str = "",
) -> ResolvedDocument:
    """Return the document of one session with these values, the result of `check_values`.

    Idle timeout, maximum duration and Run As come from the document, else from the account's preferences, and the first
    two else from the server's limits. `run_as` is the user in the caller's tag, if any; with Run As it takes precedence
    over the document's. Raises ServiceError ValidationException if the values make the document break a rule.
    """
    inputs, properties = _substituted(name, document, values)
    merged = _merged(inputs, preferences.inputs)
    preferred_idle = merged.get("idleSessionTimeout")
    idle_timeout = int(preferred_idle or limits.idle_timeout_minutes)
    idles = bool(preferred_idle) or document.session_type not in _NEVER_IDLE
    longest = merged.get("maxSessionDuration") or limits.max_duration_minutes
    max_duration = None if longest is None else int(longest)
    content: dict[str, Any] = {
        "schemaVersion": SCHEMA_VERSION,
        "description": document.description or "",
        "sessionType": document.session_type.value,
        "inputs": {
            "idleSessionTimeout": str(idle_timeout) if idles else "",
            "maxSessionDuration": "" if max_duration is None else str(max_duration),
            "runAsEnabled": as_flag(merged.get("runAsEnabled")),
            "runAsDefaultUser": merged.get("runAsDefaultUser") or "",
        },
    }
    if document.session_type is not SessionType.PORT and (required := needed_observers(inputs, preferences.inputs)):
        content["inputs"][REQUIRED_OBSERVERS] = str(required)
    content["inputs"].update(_encryption(document.session_type, inputs, preferences.inputs))
    if run_as and content["inputs"]["runAsEnabled"]:
        content["inputs"]["runAsDefaultUser"] = run_as
    profile = {platform: text for platform, text in (inputs.get("shellProfile") or {}).items() if text}
    if document.session_type is SessionType.STANDARD_STREAM:
        if profile:
            content["inputs"]["shellProfile"] = profile
    else:
        content["properties"] = canonical_properties(document.session_type, properties)
    outputs = None
    if document.session_type is not SessionType.PORT:
        user = content["inputs"]["runAsDefaultUser"] if content["inputs"]["runAsEnabled"] else ""
        outputs = outputs_of(inputs, preferences.inputs, user)
    return ResolvedDocument(content, idle_timeout, max_duration, idles, outputs)


def _substituted(name: str, document: SessionDocument, values: Mapping[str, Value]) -> tuple[Any, Any]:
    """Return a document's inputs and properties with these values, checked; raises ServiceError ValidationException."""
    size = substituted_size({"inputs": document.inputs, "properties": document.properties}, values)
    if size > SUBSTITUTED_LIMIT:
        raise ServiceError(
            "ValidationException",
            f"The parameters add {size} characters to the document {name}, counted wherever it names them; "
            f"{SUBSTITUTED_LIMIT} is the maximum. Use shorter values.",
        )
    inputs = substitute(document.inputs, values)
    properties = substitute(document.properties, values)
    try:
        check_inputs(inputs, resolved=True)
        check_properties(document.session_type, properties, resolved=True)
    except RuleBroken as error:
        raise ServiceError(
            "ValidationException", f"The document {name} is not valid with these parameters: {error}"
        ) from error
    return inputs, properties


def needed_observers(own: Mapping[str, Any], preferred: Mapping[str, Any]) -> int:
    """Return how many observers a document's sessions need: a document cannot require fewer than the preferences."""
    return max(observers(own.get(REQUIRED_OBSERVERS)), observers(preferred.get(REQUIRED_OBSERVERS)))


def _encryption(session_type: SessionType, own: Mapping[str, Any], preferred: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the inputs that have a session encrypted: with the document's key, else the preferences'.

    A document cannot drop the preferences' requirement for the client.
    """
    key = own.get(KMS_KEY_ID) or preferred.get(KMS_KEY_ID)
    if not key:
        return {}
    encryption: dict[str, Any] = {KMS_KEY_ID: key}
    if as_flag(own.get(REQUIRE_KMS_CHALLENGE)) or as_flag(preferred.get(REQUIRE_KMS_CHALLENGE)):
        encryption[REQUIRE_KMS_CHALLENGE] = True
    if session_type is SessionType.PORT and not own.get(KMS_KEY_ID):
        encryption[ENCRYPTION_OPTIONAL] = True
    return encryption


def _merged(own: Mapping[str, Any], preferred: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return each input from the document, else from the preferences; Run As comes as a whole from one of them."""
    merged = {name: own.get(name) or preferred.get(name) for name in _SHARED_INPUTS}
    source = own if any(own.get(name) not in (None, "") for name in _RUN_AS) else preferred
    return merged | {name: source.get(name) for name in _RUN_AS}
