"""Every line of the threat model names a test that is there, and every attacker has lines."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/explanation/security.md").read_text()
NAMED = sorted(set(re.findall(r"`([\w/]+\.py::\w+)`", PAGE)))


def functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("path", sorted({name.partition("::")[0] for name in NAMED}))
def test_the_tests_that_it_names_are_there(path: str) -> None:
    named = {name.partition("::")[2] for name in NAMED if name.startswith(f"{path}::")}
    assert named - functions(ROOT / "tests" / path) == set()


def test_every_line_names_a_test() -> None:
    section = PAGE.partition("## Attackers and protections")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ") and not line.startswith("| Protection ")]
    assert len(rows) > 30
    assert [row for row in rows if not re.search(r"`[\w/]+\.py::test_\w+`", row)] == []


def test_every_attacker_has_lines() -> None:
    section = PAGE.partition("## Attackers and protections")[2].partition("\n## ")[0]
    attackers = section.split("\n### ")[1:]
    assert len(attackers) >= 8
    assert [each.splitlines()[0] for each in attackers if "| Protection | Test |" not in each] == []


STATEMENTS = {
    "**Policies decide every call.**": [
        "server/calls/test_denied.py::test_nothing_is_allowed_without_a_policy",
        "property/test_policy.py::test_the_evaluator_decides_as_the_naive_one",
    ],
    "**Failed attempts are throttled**": [
        "server/listener/test_attempts.py::test_failed_attempts_with_a_key_are_throttled_and_summarised",
        "server/listener/test_attempts.py::test_failed_attempts_with_an_activation_code_are_throttled",
        "server/listener/test_attempts.py::test_failed_attempts_with_a_session_token_are_throttled",
    ],
    "**Changes made on the server's own machine are audited**": [
        "unit/bootstrap/test_operator.py::test_every_change_is_recorded_and_nothing_that_only_looks",
    ],
    "**Sessions are not encrypted end to end by default.**": [],
    "**Sessions run as the agent's own account**": [],
    "**Whoever has the server's key and database can act as every user.**": [],
}
"""What SECURITY.md says, and the tests that would fail if it were not so; those without tests name what is not held."""


def test_the_policy_for_reporting_says_what_tests_hold() -> None:
    text = (ROOT / "SECURITY.md").read_text().partition("## What to know before you rely on it")[2]
    assert re.findall(r"^- (\*\*.+?\*\*)", text, re.MULTILINE) == list(STATEMENTS)
    for names in STATEMENTS.values():
        for name in names:
            path, _, function = name.partition("::")
            assert function in functions(ROOT / "tests" / path), name
