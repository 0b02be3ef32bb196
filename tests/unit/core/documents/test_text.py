"""Documents' text: JSON and YAML, and what neither may hold."""

import json

import pytest

from ferryman.core.documents.text import RuleBroken, read_text, write_text
from ferryman.model.documents import DocumentFormat

JSON, YAML = DocumentFormat.JSON, DocumentFormat.YAML
DOCUMENT = {"schemaVersion": "1.0", "flags": [True, None, 1, 1.5], "inner": {"text": "é\n: '\"", "empty": ""}}


@pytest.mark.parametrize("written", list(DocumentFormat))
def test_what_is_written_is_read(written: DocumentFormat) -> None:
    text = write_text(DOCUMENT, written)
    assert read_text(text, written) == DOCUMENT
    assert list(read_text(text, written)) == list(DOCUMENT)


def test_json_is_yaml_too() -> None:
    assert read_text(json.dumps(DOCUMENT), YAML) == DOCUMENT


@pytest.mark.parametrize(
    ("written", "text", "rule"),
    [
        (JSON, "", "not valid JSON"),
        (JSON, "{", "not valid JSON"),
        (JSON, '{"a": NaN}', "NaN is not a number"),
        (JSON, '{"a": {"b": 1, "b": 2}}', "'b' twice"),
        (JSON, "[]", "must be an object"),
        (JSON, '{"a": ["x", "\\u0000"]}', r"a\[1\]: must not contain"),
        (JSON, '{"a": "\\ud800"}', "a: must not contain"),
        (JSON, "[" * 60_000, "nested too deep"),
        (JSON, '{"a":' * 2000 + "1" + "}" * 2000, "nested too deep"),
        (JSON, '{"a": ' + "[" * 970 + "]" * 970 + "}", "nested too deep"),
        (YAML, "", "must be an object"),
        (YAML, "- a", "must be an object"),
        (YAML, "a: [", "not valid YAML"),
        (YAML, "[" * 60_000, "nested too deep"),
        (YAML, "a: 1\na: 2", "'a' is there twice"),
        (YAML, "1: 2", "1 is not text"),
        (YAML, "? [a]\n: 2", "is not text"),
        (YAML, "a: &x [1]\nb: *x", "aliases are not supported"),
        (YAML, "a: {b: 2020-01-01}", r"a\.b: is a date"),
        (YAML, "a: !!set {b}", "a: is a set"),
        (YAML, "a: !!binary aGk=", "a: is a bytes"),
        (YAML, "a: !!python/object/apply:os.system [true]", "not valid YAML"),
        (YAML, "a: 1\n---\nb: 2", "not valid YAML"),
        (YAML, "a: 2001-13-45", "looks like YAML's timestamp is not valid; quote it"),
        (YAML, "2001-13-45: a", "looks like YAML's timestamp is not valid; quote it"),
        (YAML, "- 2001-13-45", "looks like YAML's timestamp is not valid; quote it"),
        (YAML, "a: " + "9" * 5000, "looks like YAML's int is not valid; quote it"),
        (YAML, "a: 0x_", "looks like YAML's int is not valid; quote it"),
        (YAML, "a: 0b_", "looks like YAML's int is not valid; quote it"),
        (YAML, "a: !!int x", "looks like YAML's int is not valid; quote it"),
        (YAML, "a: !!int ''", "looks like YAML's int is not valid; quote it"),
        (YAML, "a: !!float x", "looks like YAML's float is not valid; quote it"),
        (YAML, "a: !!float ''", "looks like YAML's float is not valid; quote it"),
        (YAML, "a: !!bool x", "looks like YAML's bool is not valid; quote it"),
        (YAML, "a: !!timestamp x", "looks like YAML's timestamp is not valid; quote it"),
        (YAML, "!!map a", "valid"),
        (YAML, "!!seq a", "not valid YAML"),
        (YAML, "a: !!str [b]", "not valid YAML"),
        (YAML, "a: 0x" + "f" * 5000, "a: must be a finite number"),
        (YAML, "a: 1" + ":1" * 5000, "a: must be a finite number"),
        (YAML, "a: .inf", "a: must be a finite number"),
        (YAML, "a: .nan", "a: must be a finite number"),
        (YAML, "a: 9223372036854775808", "a: must be a finite number"),
        (JSON, '{"a": 1e999}', "a: must be a finite number"),
        (JSON, '{"a": -9223372036854775808}', "a: must be a finite number"),
        (JSON, '{"a": ' + "9" * 5000 + "}", "not valid JSON"),
    ],
)
def test_bad_text_is_refused(written: DocumentFormat, text: str, rule: str) -> None:
    with pytest.raises(RuleBroken, match=rule) as refused:
        read_text(text, written)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("written", "text"), [(JSON, '{"%s": 1, "%s": 2}'), (YAML, "%s: 1\n%s: 2"), (YAML, "%s%s: [")])
def test_a_message_quotes_little_of_a_long_text(written: DocumentFormat, text: str) -> None:
    with pytest.raises(RuleBroken) as refused:
        read_text(text.replace("%s", "x" * 1000), written)
    assert len(str(refused.value)) < 700
