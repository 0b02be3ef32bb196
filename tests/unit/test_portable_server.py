"""A server without cedarpy and google-re2, which have no wheels for musl: what needs them says so on one line."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from ferryman.awsapi.patterns import CategoryPattern
from ferryman.core.documents.builtin_patterns import BUILTIN_PATTERNS, PORT

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
WITHOUT = """
import importlib.util, json, sys
missing = {"cedarpy", "re2", "_re2"}
for name in missing:
    sys.modules[name] = None
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name in missing else found(name, package)
"""
APPROVAL = """
policy = 'permit(principal, action, resource);'
from ferryman.policy.cedar import CedarPrincipal, check_cedar, evaluate_cedar
try:
    check_cedar(policy)
except ValueError as error:
    refused = str(error)
print(json.dumps([refused, evaluate_cedar(policy, CedarPrincipal("alice"), "mi-0123456789abcdef0", {}).permitted]))
"""
PATTERN = """
from ferryman.core.documents.parameters import _allowed_pattern
from ferryman.core.documents.text import RuleBroken
try:
    _allowed_pattern("[a-z]+", "parameters.name.allowedPattern")
except RuleBroken as error:
    print(json.dumps([error.path, error.rule]))
"""
TAGS = """
from ferryman.awsapi.patterns import matches
texts = ("Zoë 7", "a:b", "a;b", "\\ud800", "☃")
print(json.dumps([matches(r"[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*", text) for text in texts]))
"""
STARTS = """
import ferryman.bootstrap.server, ferryman.cli.operate.server, ferryman.server.serving
print("[]")
"""
BUILTIN = """
from ferryman.core.documents.builtin import BUILTIN_DOCUMENTS
from ferryman.core.documents.content import read_document
from ferryman.core.documents.parameters import check_values
name = "AWS-StartPortForwardingSessionToRemoteHost"
parameters = read_document(json.loads(BUILTIN_DOCUMENTS[name].json)).parameters
refused = []
for port in ("80", "65536"):
    try:
        check_values(name, parameters, {"host": ["db.internal"], "portNumber": [port]})
    except Exception as error:
        refused.append(str(error))
print(json.dumps(refused))
"""


def run(script: str) -> object:
    done = subprocess.run([sys.executable, "-c", WITHOUT + script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_server_imports_without_them() -> None:
    assert run(STARTS) == []


def test_a_policy_in_cedar_names_the_package_and_permits_nothing() -> None:
    assert run(APPROVAL) == ["Cedar needs the package cedarpy, which is not installed on the server", False]


def test_a_pattern_of_a_parameter_names_the_package() -> None:
    assert run(PATTERN) == [
        "parameters.name.allowedPattern",
        "needs the package google-re2, which is not installed on the server.",
    ]


def test_the_built_in_documents_check_their_parameters_all_the_same() -> None:
    name = "AWS-StartPortForwardingSessionToRemoteHost"
    assert run(BUILTIN) == [
        f"ValidationException: Parameter 'portNumber' of the document {name} must match the pattern {PORT}."
    ]


@pytest.mark.parametrize("pattern", sorted(BUILTIN_PATTERNS))
@given(text=st.text("0123456789azAZ_.:%-[]/ \n\r", max_size=8))
def test_their_patterns_mean_what_they_mean_to_re2(pattern: str, text: str) -> None:
    assert (re.fullmatch(pattern, text) is None) == (re2.fullmatch(pattern, text) is None)


def test_tags_are_checked_all_the_same() -> None:
    assert run(TAGS) == [True, True, False, False, False]


@pytest.mark.parametrize(
    "pattern", [r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*", r"^([\p{L}\p{Z}\p{N}\p{P}\p{M}]*)$", r"^[\p{L}\p{N}_]*$|a:b"]
)
@given(text=st.text(st.characters(exclude_categories=["Cs", "Cn"]), max_size=8))
def test_categories_mean_what_they_mean_to_re2(pattern: str, text: str) -> None:
    assert (CategoryPattern(pattern).fullmatch(text) is None) == (re2.fullmatch(pattern, text) is None)


def test_the_portable_server_lacks_nothing_else() -> None:
    names = ("cedarpy", "google-re2")
    assert EXTRAS["server-portable"] == [text for text in EXTRAS["server"] if not text.startswith(names)]
