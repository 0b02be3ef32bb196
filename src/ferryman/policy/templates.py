"""Text of a policy as patterns: literals, wildcards, and variables that a request's context fills in.

The value of a variable is always literal: a user named `*` matches nothing but itself.
"""

import re
from dataclasses import dataclass

from ferryman.policy.context import RequestContext, as_text, fold
from ferryman.policy.errors import MalformedPolicyDocument, shown
from ferryman.policy.patterns import MANY, ONE, Segment, Segments, Wildcard, segment_of

WILDCARD_LIMIT = 128
"""Wildcards that one value may hold."""

_SPECIAL = {
    (True, True): re.compile(r"[*?]|\$\{[^}]*\}?"),
    (True, False): re.compile(r"[*?]"),
    (False, True): re.compile(r"\$\{[^}]*\}?"),
}
_VARIABLE = re.compile(r"\$\{\s*([^\s{}',*?$][^{}',*?$]*?)\s*(?:,\s*'([^'{}]*)'\s*)?\}")
_ESCAPED = {"${*}": "*", "${?}": "?", "${$}": "$"}


@dataclass(frozen=True, slots=True)
class Variable:
    """`${key}` or `${key, 'default'}`. `key` is folded."""

    key: str
    default: str | None

    def value(self, context: RequestContext) -> str | None:
        """Return its only value, or the default if the key is missing. None if it has no value or several."""
        values = context.get(self.key)
        if len(values) == 1:
            return as_text(values[0])
        return None if values else self.default


Token = str | Wildcard | Variable
Part = tuple[str | Wildcard | Variable, ...]


@dataclass(frozen=True, slots=True)
class Template:
    """A pattern with variables; each element is a segment, or the parts of one that has a variable."""

    elements: tuple[Segment | Part, ...]

    def fill(self, context: RequestContext) -> Segments | None:
        """Return the pattern for a request, None if a variable stands for nothing."""
        filled: list[Segment] = []
        for element in self.elements:
            if not isinstance(element, tuple):
                filled.append(element)
                continue
            parts: list[str | Wildcard] = []
            for part in element:
                value = part.value(context) if isinstance(part, Variable) else part
                if value is None:
                    return None
                parts.append(value)
            filled.append(segment_of(parts))
        return tuple(filled)

    @property
    def keys(self) -> frozenset[str]:
        """The condition keys that its variables name."""
        return frozenset(
            part.key
            for element in self.elements
            if isinstance(element, tuple)
            for part in element
            if isinstance(part, Variable)
        )


def read_tokens(text: str, *, wildcards: bool, variables: bool) -> list[Token]:
    """Return the literals, wildcards and variables of a value. Raises MalformedPolicyDocument."""
    special = _SPECIAL.get((wildcards, variables))
    if special is None:
        return [text]
    tokens: list[Token] = []
    end = count = 0
    for found in special.finditer(text):
        tokens.append(text[end : found.start()])
        end = found.end()
        written = found[0]
        if written in {"*", "?"}:
            count += 1
            tokens.append(MANY if written == "*" else ONE)
        elif written in _ESCAPED:
            tokens.append(_ESCAPED[written])
        else:
            tokens.append(_variable(written))
    _check_count(count)
    tokens.append(text[end:])
    return [token for token in tokens if token != ""]


def pattern_of(tokens: list[Token]) -> Segments | Template:
    """Return a pattern of tokens."""
    elements: list[list[Token]] = [[]]
    for token in tokens:
        if token is MANY:
            elements.append([])
        else:
            elements[-1].append(token)
    middle = [element for element in elements[1:-1] if element]
    kept = [elements[0], *middle, elements[-1]] if len(elements) > 1 else elements
    made = tuple(_element(element) for element in kept)
    fixed = tuple(element for element in made if not isinstance(element, tuple))
    return fixed if len(fixed) == len(made) else Template(made)


def read_pattern(text: str, *, wildcards: bool, variables: bool) -> Segments | Template:
    """Return a pattern of a value. Raises MalformedPolicyDocument."""
    if "*" not in text and "?" not in text and "$" not in text:
        return (text,)
    if not variables or "$" not in text:
        return _without_variables(text) if wildcards else (text,)
    return pattern_of(read_tokens(text, wildcards=wildcards, variables=variables))


def _without_variables(text: str) -> Segments:
    ones = text.count("?")
    _check_count(text.count("*") + ones)
    first, *further = text.split("*")
    if not further:
        return (_segment(first) if ones else first,)
    *middle, last = further
    found = (first, *(each for each in middle if each), last)
    return tuple(_segment(each) for each in found) if ones else found


def _segment(text: str) -> Segment:
    head, *tail = text.split("?")
    return segment_of([head, *(part for each in tail for part in (ONE, each))])


def _check_count(count: int) -> None:
    if count > WILDCARD_LIMIT:
        raise MalformedPolicyDocument("", f"a value has at most {WILDCARD_LIMIT} wildcards, this one has {count}")


def _element(tokens: list[Token]) -> Segment | Part:
    if any(isinstance(token, Variable) for token in tokens):
        return tuple(tokens)
    return segment_of([token for token in tokens if not isinstance(token, Variable)])


def _variable(written: str) -> Variable:
    matched = _VARIABLE.fullmatch(written)
    if matched is None or ":" not in matched[1].strip(":"):
        raise MalformedPolicyDocument(
            "",
            f"{shown(written)} is not a variable; write ${{aws:username}} or ${{aws:PrincipalTag/team, 'default'}}",
        )
    return Variable(fold(matched[1]), matched[2])
