"""The pages for people who change Ferryman: every path that they name exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ("CONTRIBUTING.md", "docs/explanation/architecture.md", "docs/explanation/glossary.md")


@pytest.mark.parametrize("page", PAGES)
def test_paths_exist(page: str) -> None:
    named = re.findall(r"`((?:src|tests|docs)/[\w./-]*)`", (ROOT / page).read_text())
    assert len(named) > 2
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_package_is_in_the_table_of_layers() -> None:
    text = (ROOT / "docs/explanation/architecture.md").read_text()
    table = text[text.index("| Layer | Packages |") :].split("\n\n")[0]
    packages = {path.parent.name for path in (ROOT / "src/ferryman").glob("*/__init__.py")}
    assert set(re.findall(r"`(\w+)`", table)) == packages


def test_a_folder_has_few_files() -> None:
    """About fifteen; a migration stays in its folder for ever."""
    crowded = {
        str(folder.relative_to(ROOT)): count
        for folder in (ROOT / "src").rglob("*")
        if folder.is_dir() and (count := len(list(folder.glob("*.py")))) > 18 and folder.name != "versions"
    }
    assert crowded == {}
