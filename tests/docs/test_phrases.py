"""Text is plain English, in documentation, help, messages, docstrings and comments: it holds no telltale phrase.

Each of these phrases reads like a translation, and each has a plain substitute. The list is short on purpose: it
holds only phrases that are wrong wherever they occur.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from ferryman.cli.app import app
from ferryman.cli.program.commands import Group

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src/ferryman"
PROTOCOL = ROOT / "docs/reference/protocol"
"""Describes what other programs do and quotes their messages; its wording is not checked."""
PAGES = [
    page for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))] if not page.is_relative_to(PROTOCOL)
]

PHRASES = {
    r"(?<!\bthere )\b(?:is|are) no (?!longer\b|more than\b)": "is not a",
    r"\bno more\b(?! (?:\w+ )?than\b)": "no longer",
    r"\bany more\b(?! than\b)": "no longer, anymore",
    r"\banew\b": "again",
    r"\bmend(?:s|ed|ing)?\b": "fix, repair",
    r"\b(?:is|are) told\b(?! apart\b| by\b)": "gets, is notified, is asked to",
    r"\b(?:goes|go|going) on(?! to\b)\b": "continues",
    r"\bbesides\b": "in addition to, also",
    r"\btakes? in that\b": "notes that",
    r"\bso that what\b": "so that everything that",
}
AWS_SENTENCES: dict[str, str] = {}
"""Messages that must read as AWS's own do, each with the reason. None holds one of these phrases today."""


def found(text: str) -> list[str]:
    """Return the phrases in a text with what stands around them, wherever its lines break."""
    text = " ".join(text.split())
    return [
        f"...{text[max(0, match.start() - 40) : match.end() + 30]}... (write: {instead})"
        for phrase, instead in PHRASES.items()
        for match in re.finditer(phrase, text, re.IGNORECASE)
    ]


def literals(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield a module's string literals with their lines; docstrings are not messages, placeholders become {}."""
    parts = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts |= {id(value) for value in node.values}
            texts = [str(value.value) if isinstance(value, ast.Constant) else "{}" for value in node.values]
            yield node.lineno, "".join(texts)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            yield node.lineno, node.value


def remarks(source: str) -> Iterator[tuple[int, str]]:
    """Yield a module's docstrings and comments with their lines; comments on adjacent lines are one text."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.lineno, node.value.value
    comment, begin, last = "", 0, -1
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        if token.start[0] != last + 1:
            yield begin, comment
            comment, begin = "", token.start[0]
        comment, last = f"{comment} {token.string.lstrip('#')}", token.start[0]
    yield begin, comment


def helps(command: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield what `--help` shows of a command, its parameters, and everything below it."""
    yield path, f"{command.help or ''} {command.epilog or ''}"
    for parameter in command.params:
        yield f"{path} {'/'.join(parameter.opts)}", getattr(parameter, "help", None) or ""
    for name, below in (command.subcommands() if isinstance(command, Group) else {}).items():
        yield from helps(below, f"{path} {name}")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_pages_hold_no_telltale_phrase(page: Path) -> None:
    assert found(page.read_text()) == []


def test_help_holds_no_telltale_phrase() -> None:
    shown = dict(helps(typer.main.get_command(app), "ferryman"))
    assert len(shown) > 200
    assert {where: phrases for where, text in shown.items() if (phrases := found(text))} == {}


def test_messages_hold_no_telltale_phrase() -> None:
    problems = {
        f"{path.relative_to(ROOT)}:{line}": phrases
        for path in sorted(SOURCE.rglob("*.py"))
        for line, text in literals(ast.parse(path.read_text()))
        if text not in AWS_SENTENCES and (phrases := found(text))
    }
    assert problems == {}


def test_docstrings_and_comments_hold_no_telltale_phrase() -> None:
    problems = {
        f"{path.relative_to(ROOT)}:{line}": phrases
        for path in sorted(SOURCE.rglob("*.py"))
        for line, text in remarks(path.read_text())
        if (phrases := found(text))
    }
    assert problems == {}


def test_comments_on_adjacent_lines_are_one_text() -> None:
    assert [text for _, text in remarks('"""A."""\n# one\n# two\n\nx = 1  # three\n') if text] == [
        "A.",
        "  one  two",
        "  three",
    ]


@pytest.mark.parametrize(
    "text",
    ["'x' is no address", "nodes are no\nmembers", "it reads no more", "not any more", "Start anew", "is told of it"],
)
def test_a_telltale_phrase_is_found(text: str) -> None:
    assert len(found(text)) == 1


@pytest.mark.parametrize(
    "text",
    ["there is no such node", "There are no keys", "is no longer read", "no more bytes than before", "no more than 5"],
)
def test_plain_english_is_not_objected_to(text: str) -> None:
    assert found(text) == []
