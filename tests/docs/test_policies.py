"""The page on policies is held to the evaluator: operators, elements and limits."""

import re
from pathlib import Path

from ferryman.policy.conditions import OPERATORS, Quantifier
from ferryman.policy.documents import PolicyKind
from ferryman.policy.parsing import ELEMENTS, LENGTH_LIMIT
from ferryman.policy.templates import WILDCARD_LIMIT
from ferryman.policy.work import EVALUATION_LIMIT

PAGE = Path(__file__).parents[2] / "docs/reference/policies.md"


def section(title: str) -> str:
    return PAGE.read_text().split(f"\n## {title}\n")[1].split("\n## ")[0]


def first_cells(title: str) -> set[str]:
    cells = [line.split("|")[1] for line in section(title).splitlines() if line.startswith("| `")]
    return {name for cell in cells for name in re.findall(r"`([\w…:]+)`", cell)}


def test_every_operator_is_described() -> None:
    prefixes = {f"{each.value}:" for each in Quantifier}
    assert first_cells("Conditions") == {*OPERATORS, *prefixes, "…IfExists"}


def test_every_element_is_described() -> None:
    assert first_cells("Elements") == ELEMENTS


def test_every_limit_is_described() -> None:
    described = {
        row[0].strip().split(",")[0]: row[1].strip()
        for row in (line.strip("|").split("|") for line in section("Limits").splitlines() if line.startswith("| "))
    }
    for kind in PolicyKind:
        assert described.pop(f"{kind.title} policy") == f"{kind.limit:,} characters"
    assert described.pop("any document") == f"{LENGTH_LIMIT:,} characters"
    assert described.pop("wildcards in a value") == str(WILDCARD_LIMIT)
    assert described.pop("work of one decision") == f"{EVALUATION_LIMIT:,} units"
    assert described == {"Limit": "Value"}
