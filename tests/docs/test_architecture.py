"""The pages for people who change Ferryman name paths that exist, and the tree is as they say."""

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON_FILES = [path for folder in ("src", "tests", "benchmarks") for path in sorted((ROOT / folder).rglob("*.py"))]
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


def test_folders_have_few_files() -> None:
    """At most sixteen modules beside an `__init__`; a migration stays in its folder for ever."""
    folders = Counter(
        path.parent
        for tree in ("src/ferryman", "tests", "benchmarks", "console/src")
        for path in (ROOT / tree).rglob("*")
        if path.suffix in (".py", ".ts", ".svelte") and path.name != "__init__.py"
    )
    assert len(folders) > 200
    assert {
        str(folder.relative_to(ROOT)): count
        for folder, count in folders.items()
        if count > 16 and folder.name != "versions"
    } == {}


def test_files_are_short() -> None:
    """A file that nears 400 lines is asked what second thing it does."""
    lines = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in PYTHON_FILES}
    assert len(lines) > 500
    assert {path: count for path, count in lines.items() if count > 400} == {}


def test_test_modules_import_nothing_from_each_other() -> None:
    """What several of them use is in a module that holds no tests, or in a conftest."""
    importers = {
        f"{path.relative_to(ROOT)}: {module}"
        for path in PYTHON_FILES
        for module in re.findall(r"^ *from (tests\.(?:\w+\.)*test_[\w.]+) import ", path.read_text(), re.MULTILINE)
    }
    assert importers == set()


def test_decisions_have_numbers_of_their_own_and_are_listed() -> None:
    files = sorted(path.name for path in (ROOT / "docs/decisions").glob("[0-9]*.md"))
    numbers = [name[:4] for name in files]
    assert numbers == sorted(set(numbers))
    listed = re.findall(
        r"^\| \[(\d{4})\]\(([^)]+)\)", (ROOT / "docs/decisions/index.md").read_text(), flags=re.MULTILINE
    )
    assert listed == list(zip(numbers, files, strict=True))
    for name in files:
        assert (ROOT / "docs/decisions" / name).read_text().startswith(f"# {name[:4]} ")
