"""Columns compared with wildcards, with case: GLOB for SQLite, LIKE for PostgreSQL."""

from typing import Any

from sqlalchemy import Boolean, ColumnElement, String, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from ferryman.core.ports.nodes import Wildcard

_GLOB = {"*": "[*]", "?": "[?]", "[": "[[]"}
_LIKE = {"%": "\\%", "_": "\\_", "\\": "\\\\"}
_OPEN = {"*": "%", "?": "_"}


class matches(FunctionElement[bool]):  # noqa: N801 reads as a function of SQL
    """The condition that a column matches a wildcard; it uses no index."""

    type = Boolean()
    inherit_cache = True

    def __init__(self, column: ColumnElement[str], wildcard: Wildcard) -> None:
        super().__init__(column, literal(glob(wildcard), String), literal(like(wildcard), String))


@compiles(matches)  # type: ignore[misc, untyped-decorator, unused-ignore] # SQLAlchemy's is untyped
def _as_glob(element: matches, compiler: SQLCompiler, **options: Any) -> str:
    column, pattern, _ = (compiler.process(each, **options) for each in element.clauses)
    return f"{column} GLOB {pattern}"


@compiles(matches, "postgresql")  # type: ignore[misc, untyped-decorator, unused-ignore]
def _as_like(element: matches, compiler: SQLCompiler, **options: Any) -> str:
    column, _, pattern = (compiler.process(each, **options) for each in element.clauses)
    return f"{column} LIKE {pattern}"


def glob(wildcard: Wildcard) -> str:
    """Return the pattern for GLOB, in which brackets make a special character literal."""
    return "".join(
        _GLOB.get(character, character) if is_literal or character == "[" else character
        for character, is_literal in _characters(wildcard)
    )


def like(wildcard: Wildcard) -> str:
    """Return the pattern for LIKE, in which a backslash makes a special character literal."""
    return "".join(
        _LIKE.get(character, character) if is_literal else _OPEN.get(character, _LIKE.get(character, character))
        for character, is_literal in _characters(wildcard)
    )


def _characters(wildcard: Wildcard) -> list[tuple[str, bool]]:
    """Return the characters, each with whether a backslash made it literal."""
    found, characters = [], iter(wildcard.text)
    for character in characters:
        if character == "\\":
            found.append((next(characters, character), True))
        else:
            found.append((character, False))
    return found
