"""Parameters: definitions, values, patterns, substitution."""

import time
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.core.documents.parameters import Value, check_values, read_parameters, substitute
from ferryman.core.documents.text import RuleBroken
from ferryman.model.errors import ServiceError
from tests.stall_guard import scale


def checked(definition: Mapping[str, Any], *values: str) -> Value:
    return check_values("Doc", read_parameters({"p": definition}, "parameters"), {"p": values})["p"]


@pytest.mark.parametrize(
    ("definition", "values", "expected"),
    [
        ({"type": "String"}, ("a b",), "a b"),
        ({"type": "String"}, ("",), ""),
        ({"type": "String", "allowedValues": ["a", "b"]}, ("b",), "b"),
        ({"type": "String", "allowedPattern": "a|ab"}, ("ab",), "ab"),
        ({"type": "String", "allowedPattern": "^[a-z]+$"}, ("abc",), "abc"),
        ({"type": "String", "minChars": 1, "maxChars": 3}, ("é" * 3,), "ééé"),
        ({"type": "String", "minChars": "1"}, ("a",), "a"),
        ({"type": "StringList"}, (), ()),
        ({"type": "StringList", "minItems": 1, "maxItems": 2}, ("a", "b"), ("a", "b")),
        ({"type": "Integer", "allowedValues": [1, 2]}, ("2",), 2),
        ({"type": "Integer"}, ("-7",), -7),
        ({"type": "Boolean"}, ("true",), True),
    ],
)
def test_values_that_fit(definition: Mapping[str, Any], values: tuple[str, ...], expected: Value) -> None:
    assert checked(definition, *values) == expected


@pytest.mark.parametrize(
    ("definition", "values", "rule"),
    [
        ({"type": "String"}, (), "exactly one value, not 0"),
        ({"type": "String"}, ("a", "b"), "exactly one value, not 2"),
        ({"type": "String"}, ("a\0",), "must not contain"),
        ({"type": "String"}, ("{{ ssm:secret }}",), "parameter store"),
        ({"type": "String", "allowedValues": ["a", "b"]}, ("c",), "one of a, b"),
        ({"type": "String", "allowedPattern": "[a-z]+"}, ("abc; rm",), "must match the pattern"),
        ({"type": "String", "allowedPattern": "^[a-z]+$"}, ("abc\n",), "must match the pattern"),
        ({"type": "String", "allowedPattern": "^[a-z]+$"}, ("abc\nabc",), "must match the pattern"),
        ({"type": "String", "minChars": 2}, ("a",), "at least 2 characters, it has 1"),
        ({"type": "String", "maxChars": 2}, ("abc",), "at most 2 characters, it has 3"),
        ({"type": "StringList", "minItems": 1}, (), "at least 1 items"),
        ({"type": "StringList", "maxItems": 1}, ("a", "b"), "at most 1 items"),
        ({"type": "StringList", "allowedPattern": "[a-z]+"}, ("a", "1"), "must match the pattern"),
        ({"type": "Integer"}, ("1.5",), "whole number"),
        ({"type": "Integer"}, ("٣",), "whole number"),
        ({"type": "Boolean"}, ("yes",), "true or false"),
    ],
)
def test_values_that_do_not_fit(definition: Mapping[str, Any], values: tuple[str, ...], rule: str) -> None:
    with pytest.raises(ServiceError, match=rule) as refused:
        checked(definition, *values)
    assert refused.value.code == "ValidationException"
    assert "Parameter 'p' of the document Doc" in refused.value.message


def test_unknown_missing_and_default() -> None:
    parameters = read_parameters({"a": {"type": "String"}, "b": {"type": "String", "default": ""}}, "parameters")
    assert check_values("Doc", parameters, {"a": ["1"]}) == {"a": "1", "b": ""}
    with pytest.raises(ServiceError, match="'a' of the document Doc is required"):
        check_values("Doc", parameters, {"b": ["1"]})
    with pytest.raises(ServiceError, match="'c' is not defined in the document Doc"):
        check_values("Doc", parameters, {"a": ["1"], "c": ["1"]})


@pytest.mark.parametrize(
    ("definition", "path", "rule"),
    [
        ("String", "parameters.p", "an object"),
        ({}, "parameters.p.type", "one of String"),
        ({"type": ["String"]}, "parameters.p.type", "one of String"),
        ({"type": "MapList"}, "parameters.p.type", "one of String"),
        ({"type": "String", "allowedPatern": "x"}, "parameters.p.allowedPatern", "unknown"),
        ({"type": "String", "description": 1}, "parameters.p.description", "a string"),
        ({"type": "String", "allowedValues": []}, "parameters.p.allowedValues", "at least one"),
        ({"type": "String", "allowedValues": "ab"}, "parameters.p.allowedValues", "a list"),
        ({"type": "String", "allowedPattern": "("}, "parameters.p.allowedPattern", "RE2"),
        ({"type": "String", "allowedPattern": r"(a)\1"}, "parameters.p.allowedPattern", "RE2"),
        ({"type": "String", "allowedPattern": "((a{900}){900}){900}"}, "parameters.p.allowedPattern", "RE2"),
        ({"type": "String", "allowedPattern": "a" * 1025}, "parameters.p.allowedPattern", "1024"),
        ({"type": "String", "allowedPattern": 1}, "parameters.p.allowedPattern", "1024"),
        ({"type": "String", "minChars": -1}, "parameters.p.minChars", "0 or more"),
        ({"type": "String", "maxChars": True}, "parameters.p.maxChars", "0 or more"),
        ({"type": "String", "default": 22}, "parameters.p.default", "quote it"),
        ({"type": "String", "default": "b", "allowedValues": ["a"]}, "parameters.p.default", "one of a"),
        ({"type": "String", "default": "b", "allowedPattern": "a"}, "parameters.p.default", "pattern"),
        ({"type": "StringList", "default": "b"}, "parameters.p.default", "StringList"),
        ({"type": "Integer", "default": "b"}, "parameters.p.default", "whole number"),
        ({"type": "Boolean", "default": 1.5}, "parameters.p.default", "Boolean"),
    ],
)
def test_bad_definitions(definition: object, path: str, rule: str) -> None:
    with pytest.raises(RuleBroken, match=rule) as refused:
        read_parameters({"p": definition}, "parameters")
    assert refused.value.path == path


@pytest.mark.parametrize("name", ["", "a b", "a-b", "é", "a" * 129])
def test_bad_names(name: str) -> None:
    with pytest.raises(RuleBroken, match="letters and digits"):
        read_parameters({name: {"type": "String"}}, "parameters")


def test_no_pattern_takes_exponential_time() -> None:
    """Python's own engine would need about 2 to the power of 60,000 steps for this."""
    started = time.process_time()
    with pytest.raises(ServiceError, match="pattern"):
        checked({"type": "String", "allowedPattern": "(a+)+(a|aa)*$"}, "a" * 60_000 + "!")
    assert time.process_time() - started < scale()


def test_substitution_is_textual_once_and_in_place() -> None:
    template = {"a": "-{{x}}-{{ y }}-", "b": {"c": "{{ list }}"}, "d": True, "{{x}}": "{{x}"}
    values: dict[str, Value] = {"x": '", "evil": "', "y": "{{ x }}", "list": ("p", "q r"), "n": 1}
    assert substitute(template, values) == {
        "a": '-", "evil": "-{{ x }}-',
        "b": {"c": "p q r"},
        "d": True,
        "{{x}}": "{{x}",
    }


@given(st.text(), st.text())
def test_a_value_never_changes_the_structure(x: str, y: str) -> None:
    assert substitute({"a": "{{ x }}", "b": "<{{y}}>"}, {"x": x, "y": y}) == {"a": x, "b": f"<{y}>"}
