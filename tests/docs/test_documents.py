"""The pages on session documents are held to the rules, and their examples tried."""

import json
import re
from pathlib import Path

import pytest

from ferryman.core.documents.builtin import BUILTIN_DOCUMENTS
from ferryman.core.documents.content import read_document
from ferryman.core.documents.rules import INPUTS, PROPERTIES
from ferryman.core.documents.text import read_text
from ferryman.model.documents import DocumentFormat

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs/reference/documents.md"
HOW_TO = ROOT / "docs/how-to/write-a-session-document.md"


def first_cells(title: str) -> set[str]:
    """The names in the first column of a section's table."""
    section = REFERENCE.read_text().split(f"\n## {title}\n")[1].split("\n## ")[0]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return {name for cell in cells for name in re.findall(r"`(\w[\w-]*)`", cell)}


def test_every_input_and_property_is_described() -> None:
    assert first_cells("Inputs") == {*INPUTS, "shellProfile"}
    assert first_cells("Properties") == set(PROPERTIES)


def test_every_built_in_document_is_described_with_its_parameters() -> None:
    section = REFERENCE.read_text().split("\n## Built-in documents\n")[1]
    described = {}
    for line in section.splitlines():
        if line.startswith("| `"):
            name, taken = line.strip("|").split("|")
            described[name.strip(" `")] = dict(re.findall(r"`(\w+)`(?: \(`(\w*)`\))?", taken))
    for name, stored in BUILTIN_DOCUMENTS.items():
        parameters = read_document(json.loads(stored.json)).parameters
        assert described.pop(name) == {each.name: each.default or "" for each in parameters.values()}
    assert described == {}


@pytest.mark.parametrize(("fence", "written"), [("yaml", DocumentFormat.YAML), ("json", DocumentFormat.JSON)])
def test_the_examples_are_documents(fence: str, written: DocumentFormat) -> None:
    (example,) = re.findall(rf"```{fence}\n(.*?)```", HOW_TO.read_text(), re.DOTALL)
    read_document(read_text(example, written))
