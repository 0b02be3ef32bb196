"""The documentation is held to the program: links lead somewhere, every setting and option is described."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer

from ferryman.bootstrap.configuration import Configuration
from ferryman.cli.app import app
from ferryman.cli.program.commands import Group
from ferryman.core.nodes.listing import FILTER_KEYS
from ferryman.model import access_requests
from ferryman.model.sessions import ENDED, TRANSITIONS
from ferryman.server.operations.registry import BY_ANYONE, BY_CALLER, BY_NODE_KEY

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def headings(page: Path) -> set[str]:
    """Anchors as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", page.read_text())):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), f"{page.name} links to {target}"
        if anchor:
            assert anchor in headings(found), f"{page.name} links to {target}"


def test_every_page_can_be_found() -> None:
    linked = {
        (page.parent / target.partition("#")[0]).resolve()
        for page in PAGES
        for target in re.findall(r"\]\(([^)\s:]+)\)", page.read_text())
    }
    assert {page for page in PAGES if page.is_relative_to(ROOT / "docs")} <= linked


def test_the_tests_of_the_conformance_page_exist() -> None:
    named = re.findall(r"`([\w/]+\.py)::(?:(\w+)::)?(test_\w+)`", (ROOT / "docs/reference/conformance.md").read_text())
    assert len(named) > 100
    for path, group, name in named:
        text = (ROOT / "tests" / path).read_text()
        start = text.index(f"\nclass {group}:") if group else 0
        indent = "    " if group else ""
        assert re.search(rf"^{indent}(?:async )?def {name}\(", text[start:], re.MULTILINE), f"{path} has no {name}"


def sections(page: Path) -> dict[str, str]:
    parts = re.split(r"^## (.+)$", page.read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def tables(struct: Any, name: str = "") -> Iterator[tuple[str, msgspec.inspect.StructType]]:
    info = msgspec.inspect.type_info(struct)
    assert isinstance(info, msgspec.inspect.StructType)
    if name:
        yield name, info
    for field in info.fields:
        kinds = field.type.types if isinstance(field.type, msgspec.inspect.UnionType) else (field.type,)
        below = f"{name}.{field.name}" if name else field.name
        for kind in kinds:
            if isinstance(kind, msgspec.inspect.StructType):
                yield from tables(kind.cls, below)
            elif isinstance(kind, msgspec.inspect.DictType) and isinstance(kind.value_type, msgspec.inspect.StructType):
                yield from tables(kind.value_type.cls, f"{below}.ID")


def test_every_setting_is_described_with_its_default() -> None:
    described = sections(ROOT / "docs/reference/configuration.md")
    found = dict(tables(Configuration))
    assert set(found) | {"Environment"} == set(described)
    for name, info in found.items():
        rows = {
            row[0].strip("` "): row[2].strip("` ")
            for row in (line.strip("|").split("|") for line in described[name].splitlines())
            if len(row) == 4 and row[0].strip().startswith("`")
        }
        assert set(rows) == {field.name for field in info.fields}, name
        for field in info.fields:
            if field.required:
                assert rows[field.name] == "required"
            else:
                made = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
                default = msgspec.json.encode(made).decode()
                assert rows[field.name] == ("none" if default == "null" else default), field.name


def commands(command: Any, path: str = "ferryman") -> Iterator[tuple[str, Any]]:
    below = command.subcommands() if isinstance(command, Group) else {}
    if not below or command.invoke_without_command:
        yield path, command
    for name, each in below.items():
        yield from commands(each, f"{path} {name}")


def test_every_command_and_option_is_described() -> None:
    described = sections(ROOT / "docs/reference/commands.md")
    found = dict(commands(typer.main.get_command(app)))
    assert set(found) == set(described) - {"Listings", "Times"}
    introduction = (ROOT / "docs/reference/commands.md").read_text().partition("\n## ")[0]
    linked = set(re.findall(r"\[`([a-z-]+)`\]\(#ferryman-", introduction))
    assert linked == {name.split()[1] for name in found}
    for name, command in found.items():
        options = {option for each in command.params for option in each.opts if option.startswith("--")}
        mentioned = set(re.findall(r"`(--[a-z-]+)`", described[name]))
        assert options - {"--help"} == mentioned, name


def test_every_variable_is_described() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    used = set(re.findall(r'"(FERRYMAN_[A-Z_]+)"', sources))
    used |= set(re.findall(r"\bFERRYMAN_[A-Z_]+", (ROOT / "packaging/single_file.sh").read_text()))
    described = sections(ROOT / "docs/reference/configuration.md")["Environment"]
    assert used == set(re.findall(r"`(FERRYMAN_[A-Z_]+)`", described))


def test_the_status_diagram_is_the_table() -> None:
    text = (ROOT / "docs/reference/session-status.md").read_text()
    drawn = set(re.findall(r"^    (\S+) --> (\S+)$", text, re.MULTILINE))
    steps = {(source.value, to.value) for source, following in TRANSITIONS.items() for to in following}
    ends = {(status.value, "[*]") for status in ENDED}
    assert drawn == steps | ends | {("[*]", "Connecting")}


def test_the_diagram_of_access_requests_is_the_table() -> None:
    text = (ROOT / "docs/reference/access-requests.md").read_text()
    drawn = set(re.findall(r"^    (\S+) --> (\S+)$", text, re.MULTILINE))
    steps = {(source.value, to.value) for source, following in access_requests.TRANSITIONS.items() for to in following}
    ends = {(status.value, "[*]") for status in access_requests.OVER}
    assert drawn == steps | ends | {("[*]", "Pending"), ("[*]", "Approved")}


def test_every_decision_is_listed() -> None:
    listed = (ROOT / "docs/decisions/index.md").read_text()
    for record in (ROOT / "docs/decisions").glob("[0-9]*.md"):
        number, title = record.read_text().splitlines()[0].removeprefix("# ").split(" · ")
        assert f"| [{number}]({record.name}) | {title} |" in listed
        assert record.name.startswith(f"{number}-")


def test_every_operation_is_listed() -> None:
    answered = {tuple(key) for table in (BY_CALLER, BY_NODE_KEY, BY_ANYONE) for key in table}
    section = sections(ROOT / "docs/reference/compatibility.md")["Operations"]
    rows = re.findall(r"^\| ([\w-]+) \| ([\w, ]+) \|", section, re.MULTILINE)
    listed = {
        (service, name)
        for service, names in rows
        if service != "Service" and not service.startswith("--")
        for name in names.split(", ")
    }
    assert listed == answered


def test_every_filter_of_nodes_is_described() -> None:
    rows = re.findall(r"^\| `([\w:<>-]+)` \|", sections(ROOT / "docs/reference/nodes.md")["Filters"], re.MULTILINE)
    assert tuple(rows) == FILTER_KEYS
