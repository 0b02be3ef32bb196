"""Whatever a document or a parameter holds: it is refused by name, or what a node gets of it follows the rules."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ferryman.core.documents.builtin import BUILTIN_DOCUMENTS
from ferryman.core.documents.content import SessionDocument, read_document, resolve
from ferryman.core.documents.parameters import ParameterType, check_values
from ferryman.core.documents.rules import INPUTS, PROPERTIES
from ferryman.core.documents.text import RuleBroken, read_text, write_text
from ferryman.core.service import Limits
from ferryman.model.documents import DocumentFormat
from ferryman.model.errors import ServiceError
from ferryman.model.session_types import SessionType

NO_PREFERENCES = SessionDocument(SessionType.STANDARD_STREAM)
REQUIRED = {"command": ["true"], "localUnixSocket": ["/s"]}
MEMBERS = ("type", "default", "allowedValues", "allowedPattern", "minChars", "maxChars", "minItems", "maxItems")
TEXTS = st.sampled_from(
    ["", "1.0", "22", "0", "true", "ls", "{{ a }}", "{{a}} {{ b }}", "[a-z]+", "(", "LocalPortForwarding", "unix"]
)
SCALARS = st.none() | st.booleans() | st.integers(-1, 70_000) | st.floats(allow_nan=False) | TEXTS | st.text(max_size=9)
PLAIN = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3))
PARAMETER = st.dictionaries(st.sampled_from(MEMBERS), PLAIN, max_size=4) | st.fixed_dictionaries(
    {"type": st.sampled_from(ParameterType)},
    optional={
        "default": SCALARS,
        "allowedPattern": TEXTS,
        "allowedValues": st.lists(TEXTS, min_size=1),
        "maxChars": st.integers(0, 9),
    },
)
PROPERTY = st.dictionaries(st.sampled_from(PROPERTIES), SCALARS, max_size=2)
DOCUMENTS = st.fixed_dictionaries(
    {"schemaVersion": st.just("1.0"), "sessionType": st.sampled_from(SessionType)},
    optional={
        "parameters": st.dictionaries(st.sampled_from(["a", "b", "c d"]), PARAMETER | PLAIN, max_size=2),
        "inputs": st.dictionaries(st.sampled_from([*INPUTS, "shellProfile"]), PLAIN, max_size=3),
        "properties": PROPERTY | st.dictionaries(st.sampled_from(["linux", "windows"]), PROPERTY, max_size=2) | PLAIN,
    },
)
DEFINED = st.fixed_dictionaries({"type": st.sampled_from(ParameterType)}, optional={"default": TEXTS})
DEFINED |= st.just({"type": "String", "default": "22"})
USUAL: st.SearchStrategy[Any] = st.one_of(
    [
        st.fixed_dictionaries(
            {
                "schemaVersion": st.just("1.0"),
                "sessionType": st.just(session_type),
                "parameters": st.fixed_dictionaries({"a": DEFINED, "b": DEFINED}),
                "properties": properties,
            },
            optional={"inputs": st.dictionaries(st.sampled_from(sorted(INPUTS)), TEXTS, max_size=1)},
        )
        for session_type, properties in (
            (
                "Port",
                st.dictionaries(st.sampled_from(PROPERTIES), TEXTS, max_size=1).map(lambda p: {"portNumber": "22"} | p),
            ),
            (
                "NonInteractiveCommands",
                st.fixed_dictionaries({"linux": PROPERTY.map(lambda command: {"commands": "{{a}} {{ b }}"} | command)}),
            ),
            ("InteractiveCommands", st.fixed_dictionaries({"linux": st.fixed_dictionaries({"commands": TEXTS})})),
        )
    ]
)
"""Documents that are nearly right, or right."""
VALUES: st.SearchStrategy[dict[str, list[str]]] = st.just({}) | st.dictionaries(
    st.sampled_from(["a", "b"]), st.lists(TEXTS | st.text(max_size=9), max_size=2), max_size=2
)


def content_of(name: str, document: SessionDocument, given: Mapping[str, Sequence[str]]) -> Any:
    """What a node would get, None if the values are refused."""
    try:
        values = check_values(name, document.parameters, given)
        resolved = resolve(name, document, values, NO_PREFERENCES, Limits())
    except ServiceError as error:
        return None if error.code == "ValidationException" else pytest.fail(str(error))
    assert 1 <= resolved.idle_timeout <= 60
    return json.loads(msgspec.json.encode(resolved.content))


@given(USUAL | DOCUMENTS | PLAIN, VALUES)
@example({"schemaVersion": "1.0", "sessionType": "Port", "properties": {"portNumber": "{{ a }}"}}, {"a": ["1"]})
def test_a_document_is_refused_or_resolved(value: Any, given: dict[str, list[str]]) -> None:
    try:
        document = read_document(read_text(json.dumps(value), DocumentFormat.JSON))
    except RuleBroken:
        return
    sent = content_of("Doc", document, given)
    if sent is None:
        return
    assert set(sent) <= {"schemaVersion", "description", "sessionType", "inputs", "properties"}
    if document.session_type is SessionType.PORT:
        assert all(isinstance(each, str) and each for each in sent["properties"].values())
        assert 1 <= int(sent["properties"]["portNumber"]) <= 65535
    else:
        for command in sent.get("properties", {}).values():
            assert command["commands"].strip()
            assert isinstance(command["runAsElevated"], bool)


@given(st.text(), st.sampled_from(DocumentFormat))
def test_any_text_is_read_or_refused(text: str, written: DocumentFormat) -> None:
    try:
        value = read_text(text, written)
    except RuleBroken:
        return
    assert read_text(write_text(value, written), written) == value


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=40) | st.lists(st.text(max_size=20)), max_size=4))
def test_json_survives_yaml(value: dict[str, Any]) -> None:
    try:
        read_text(json.dumps(value), DocumentFormat.JSON)
    except RuleBroken:
        return
    assert read_text(write_text(value, DocumentFormat.YAML), DocumentFormat.YAML) == value


@given(st.text(), st.sampled_from(sorted(BUILTIN_DOCUMENTS)))
def test_a_value_of_a_built_in_document_stays_in_its_place(text: str, name: str) -> None:
    document = read_document(json.loads(BUILTIN_DOCUMENTS[name].json))
    needed = {name: value for name, value in REQUIRED.items() if name in document.parameters}
    expected = shape(content_of(name, document, needed))
    for parameter in document.parameters:
        content = content_of(name, document, needed | {parameter: [text]})
        assert content is None or shape(content) == expected


def shape(value: Any) -> Any:
    return {name: shape(member) for name, member in value.items()} if isinstance(value, dict) else type(value)
