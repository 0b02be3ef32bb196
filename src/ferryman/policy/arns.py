"""Patterns of ARNs: six fields between colons, each matched separately, so that no wildcard reaches across a colon.

Only the last field, the resource, may hold colons of its own.
"""

from dataclasses import dataclass

from ferryman.policy.context import RequestContext
from ferryman.policy.patterns import MANY, Segments, matches
from ferryman.policy.templates import Template, Token, pattern_of, read_pattern, read_tokens
from ferryman.policy.work import PER_VARIABLE, Work

FIELDS = 6


@dataclass(frozen=True, slots=True)
class ArnPattern:
    """Patterns of the fields that are not `*`, by their place; `anything` also matches text that is not an ARN."""

    fields: tuple[tuple[int, Segments | Template], ...]
    anything: bool = False

    def matches(self, fields: tuple[str, ...], context: RequestContext, work: Work) -> bool | None:
        """Return whether an ARN's fields fit; None if they would but for a variable that stands for nothing.

        Raises EvaluationTooLarge.
        """
        if self.anything:
            return True
        if len(fields) != FIELDS:
            return False
        known = True
        for place, pattern in self.fields:
            segments = _filled(pattern, context, work) if isinstance(pattern, Template) else pattern
            if segments is None:
                known = False
            elif not matches(segments, fields[place], work):
                return False
        return True if known else None

    def can_be_filled(self, context: RequestContext, work: Work) -> bool:
        """Return whether all its variables stand for something. Raises EvaluationTooLarge."""
        templates = [pattern for _, pattern in self.fields if isinstance(pattern, Template)]
        return all(_filled(each, context, work) is not None for each in templates)

    @property
    def keys(self) -> frozenset[str]:
        """The condition keys that its variables name."""
        return frozenset().union(*(pattern.keys for _, pattern in self.fields if isinstance(pattern, Template)))


def _filled(pattern: Template, context: RequestContext, work: Work) -> Segments | None:
    work.spend(PER_VARIABLE * len(pattern.elements))
    return pattern.fill(context)


EVERYTHING = ArnPattern((), anything=True)


def split_arn(text: str) -> tuple[str, ...]:
    """Return the six fields of an ARN; fewer if it is not an ARN."""
    return tuple(text.split(":", FIELDS - 1))


def read_arn_pattern(text: str, *, variables: bool) -> ArnPattern:
    """Return a pattern of an ARN; fields that are left out at its end are `*`. Raises MalformedPolicyDocument."""
    fields = text.split(":", FIELDS - 1)
    if variables and "${" in ":".join(fields[:-1]):
        return _with_variables_anywhere(text)
    return ArnPattern(
        tuple(
            (place, read_pattern(field, wildcards=True, variables=variables))
            for place, field in enumerate(fields)
            if field != "*"
        )
    )


def _with_variables_anywhere(text: str) -> ArnPattern:
    fields: list[list[Token]] = [[]]
    for token in read_tokens(text, wildcards=True, variables=True):
        if not isinstance(token, str):
            fields[-1].append(token)
            continue
        head, *further = token.split(":", FIELDS - len(fields))
        fields[-1].append(head)
        fields.extend([each] for each in further)
    return ArnPattern(
        tuple((place, pattern_of(_joined(field))) for place, field in enumerate(fields) if _joined(field) != [MANY])
    )


def _joined(field: list[Token]) -> list[Token]:
    return [token for token in field if token != ""]
