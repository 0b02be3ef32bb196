"""The code cites sections of the protocol pages; each of them exists."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs/reference/protocol"
CITATION = re.compile(r"\b(client|agent)\.md`?\)?[\s#]+((?:§[\d.]*\d(?:(?:[,;\s]|and|to|or)+(?=§))?)+)")
SECTION = re.compile(r"§([\d.]*\d)")


def cited() -> set[tuple[str, str, str]]:
    """File, page and section of every citation in sources, tests and documentation."""
    files = [*(ROOT / "src").rglob("*.py"), *(ROOT / "tests").rglob("*.py"), *(ROOT / "docs").rglob("*.md")]
    return {
        (str(path.relative_to(ROOT)), page, section)
        for path in files
        if path.parent != PAGES
        for page, sections in CITATION.findall(path.read_text())
        for section in SECTION.findall(sections)
    }


def test_every_cited_section_exists() -> None:
    there = {
        (page, section)
        for page in ("client", "agent")
        for section in re.findall(r"^##+ (\d+(?:\.\d+)*)\.? ", (PAGES / f"{page}.md").read_text(), re.MULTILINE)
    }
    found = cited()
    assert len(found) > 80
    assert not [each for each in found if each[1:] not in there]


def test_sections_that_the_pages_cite_in_themselves_exist() -> None:
    for page, other in (("client", "agent"), ("agent", "client")):
        text = (PAGES / f"{page}.md").read_text()
        own = set(re.findall(r"^##+ (\d+(?:\.\d+)*)\.? ", text, re.MULTILINE))
        others = set(re.findall(r"^##+ (\d+(?:\.\d+)*)\.? ", (PAGES / f"{other}.md").read_text(), re.MULTILINE))
        assert set(re.findall(r"\bsections? (\d+(?:\.\d+)*)", text)) <= own
        assert set(re.findall(rf"\b{other} §(\d+(?:\.\d+)*)", text)) <= others
