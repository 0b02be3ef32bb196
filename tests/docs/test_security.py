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
    section = PAGE.partition("## Who attacks, and what holds")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ") and not line.startswith("| Line ")]
    assert len(rows) > 30
    assert [row for row in rows if not re.search(r"`[\w/]+\.py::test_\w+`", row)] == []


def test_every_attacker_has_lines() -> None:
    section = PAGE.partition("## Who attacks, and what holds")[2].partition("\n## ")[0]
    attackers = section.split("\n### ")[1:]
    assert len(attackers) >= 8
    assert [each.splitlines()[0] for each in attackers if "| Line | Held by |" not in each] == []
