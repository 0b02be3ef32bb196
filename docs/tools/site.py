"""Builds the documentation site: `make site`.

The pages are written to be read on their own, so the navigation is taken from `docs/index.md`, and links to files of
the repository outside `docs/` are led to copies, or become plain text. A link that leads nowhere, a page that nothing
leads to, and anything that a browser would load from another host fail the build. Pages with diagrams, and only they,
load Mermaid, which is a file of the site.
"""

import logging
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

from mkdocs.commands.build import build
from mkdocs.config import load_config

ROOT = Path(__file__).parents[2]
DOCS, PAGES = ROOT / "docs", ROOT / "build" / "pages"
PROJECT = ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
"""Pages at the top of the repository that the site has, too, below `project/`."""
MERMAID = ROOT / "build" / "docs" / "mermaid.min.js"
_LINK = re.compile(r"(!?)\[((?:`[^`]*`|[^\]`])*)\]\(([^)\s]+)\)")
_FENCE = re.compile(r"(^```.*?^```)", re.MULTILINE | re.DOTALL)
_LOADED = re.compile(r"<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=\"?(https?:)?//[^\s\">]+")


def main() -> None:
    """Build the site into `build/site/`."""
    if PAGES.exists():
        shutil.rmtree(PAGES)
    shutil.copytree(DOCS, PAGES, ignore=shutil.ignore_patterns("tools"))
    for page in PAGES.rglob("*.md"):
        original = DOCS / page.relative_to(PAGES)
        page.write_text(with_links(original, original.relative_to(DOCS)))
    (PAGES / "project").mkdir()
    for name in PROJECT:
        (PAGES / "project" / name).write_text(with_links(ROOT / name, Path("project") / name))
    configuration = load_config(str(Path(__file__).with_name("mkdocs.yml")), nav=navigation())
    logging.basicConfig(level=logging.WARNING, format="%(message)s")  # what strict mode fails for
    build(configuration)
    add_mermaid(Path(configuration.site_dir))
    if found := foreign(Path(configuration.site_dir)):
        sys.exit("Pages load from other hosts:\n" + "\n".join(found))


def with_links(original: Path, place: Path) -> str:
    """Return a page's text with links as they are at its place in the site."""

    def led(match: re.Match[str]) -> str:
        target, _, anchor = match[3].partition("#")
        if not target or ":" in target:
            return match[0]
        file = (original.parent / target).resolve()
        if file.is_relative_to(DOCS):
            found = file.relative_to(DOCS)
        elif file.parent == ROOT and file.name in PROJECT:
            found = Path("project") / file.name
        else:
            return match[2]
        relative = os.path.relpath(found, place.parent)
        return f"{match[1]}[{match[2]}]({relative}{'#' + anchor if anchor else ''})"

    parts = _FENCE.split(original.read_text())
    return "".join(part if part.startswith("```") else _LINK.sub(led, part) for part in parts)


def navigation() -> list[Any]:
    """Return the navigation: the sections and links of `docs/index.md`, then the decisions and the project's pages."""
    found: list[Any] = [{"Home": "index.md"}]
    for section in re.split(r"^## ", (DOCS / "index.md").read_text(), flags=re.MULTILINE)[1:]:
        title, _, text = section.partition("\n")
        links: list[Any] = []
        for line in text.splitlines():
            if line.endswith(":") and not line.startswith("-"):
                links.append({line[:-1]: []})
            elif (link := re.match(r"- \[([^\]]+)\]\(([^)#]+)\)", line)) and not link[2].startswith(".."):
                group = links[-1] if links and isinstance(next(iter(links[-1].values())), list) else None
                (links if group is None else next(iter(group.values()))).append({link[1]: link[2]})
        if links:
            found.append({title.strip(): links})
    records = [f"decisions/{page.name}" for page in sorted((DOCS / "decisions").glob("*.md"), key=_index_first)]
    found.append({"Decisions": records})
    found.append({"Project": [f"project/{name}" for name in PROJECT]})
    return found


def add_mermaid(site: Path) -> None:
    """Have the pages with diagrams load Mermaid from the site; without it, Material would load it from another host."""
    shutil.copy(MERMAID, site / "assets" / "javascripts")
    for page in site.rglob("*.html"):
        text = page.read_text()
        if '<pre class="mermaid">' in text:
            script = os.path.relpath(site / "assets" / "javascripts" / MERMAID.name, page.parent)
            page.write_text(text.replace("</body>", f'<script src="{script}"></script></body>'))


def foreign(site: Path) -> list[str]:
    """Return what pages would load from other hosts."""
    return [
        f"{page.relative_to(site)}: {match[0]}"
        for page in site.rglob("*.html")
        for match in _LOADED.finditer(page.read_text())
    ]


def _index_first(page: Path) -> str:
    return "" if page.name == "index.md" else page.name


main()
