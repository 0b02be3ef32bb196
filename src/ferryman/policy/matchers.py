"""Matchers of the values of one condition: one class for each way of comparing.

Each is made once from a policy's values, and tells whether a value of the request matches any of them.
"""

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from ipaddress import ip_network
from typing import Protocol, TypeVar

from ferryman.policy import patterns
from ferryman.policy.arns import EVERYTHING, ArnPattern, read_arn_pattern, split_arn
from ferryman.policy.context import (
    NO_CONTEXT,
    RequestContext,
    Value,
    as_address,
    as_bytes,
    as_instant,
    as_number,
    as_text,
    as_truth,
)
from ferryman.policy.errors import MalformedPolicyDocument, shown
from ferryman.policy.patterns import Segments
from ferryman.policy.templates import Template, Variable, read_pattern, read_tokens
from ferryman.policy.work import CHARACTERS, PER_VALUE, PER_VARIABLE, Work

Comparison = Callable[[int | Decimal, int | Decimal], bool]
T = TypeVar("T")
_NETWORK = re.compile(r"[0-9A-Fa-f.:]{2,45}(/[0-9]{1,3})?")


class Matcher(Protocol):
    """The values of a condition, ready to be compared."""

    def matches(self, value: Value, work: Work) -> bool:
        """Return whether a value of the request matches any of the policy's. Raises EvaluationTooLarge."""


@dataclass(frozen=True, slots=True)
class Texts:
    """StringEquals, and StringEqualsIgnoreCase with values in lower case."""

    values: frozenset[str]
    ignoring_case: bool

    def matches(self, value: Value, work: Work) -> bool:
        """Compare the text of a value."""
        text = as_text(value)
        work.spend(len(text) // CHARACTERS)
        return (text.lower() if self.ignoring_case else text) in self.values


@dataclass(frozen=True, slots=True)
class TextPatterns:
    """StringLike."""

    values: tuple[Segments, ...]

    def matches(self, value: Value, work: Work) -> bool:
        """Compare the text of a value with patterns."""
        text = as_text(value)
        return any(patterns.matches(pattern, text, work) for pattern in self.values)


@dataclass(frozen=True, slots=True)
class FilledTexts:
    """Any of the string operators, with variables."""

    fixed: tuple[Segments, ...]
    templates: tuple[Template, ...]
    like: bool
    ignoring_case: bool

    @property
    def keys(self) -> frozenset[str]:
        """The condition keys that the variables name."""
        return frozenset().union(*(template.keys for template in self.templates))

    def bind(self, context: RequestContext, work: Work) -> tuple[Matcher, bool]:
        """Fill the variables in. Raises EvaluationTooLarge."""
        work.spend(PER_VARIABLE * sum(len(template.elements) for template in self.templates) + len(self.fixed))
        filled = [template.fill(context) for template in self.templates]
        known = (*self.fixed, *(segments for segments in filled if segments is not None))
        return _texts(known, self.like, self.ignoring_case), None not in filled


@dataclass(frozen=True, slots=True)
class Arns:
    """ArnEquals, ArnLike; `whole` are ARNs that variables stood for, `context` is what fills the others."""

    values: tuple[ArnPattern, ...]
    whole: frozenset[str] = frozenset()
    context: RequestContext = NO_CONTEXT

    def matches(self, value: Value, work: Work) -> bool:
        """Compare an ARN field by field."""
        text = as_text(value)
        fields = split_arn(text)
        work.spend(len(self.values) + len(text) // CHARACTERS)
        return text in self.whole or any(pattern.matches(fields, self.context, work) is True for pattern in self.values)


@dataclass(frozen=True, slots=True)
class FilledArns:
    """The ARN operators, with variables; each of `whole` stands for a whole ARN."""

    values: tuple[ArnPattern, ...]
    whole: tuple[Variable, ...]

    @property
    def keys(self) -> frozenset[str]:
        """The condition keys that the variables name."""
        return frozenset(variable.key for variable in self.whole).union(*(each.keys for each in self.values))

    def bind(self, context: RequestContext, work: Work) -> tuple[Matcher, bool]:
        """Fill the variables in. Raises EvaluationTooLarge."""
        work.spend(PER_VARIABLE * len(self.whole))
        arns = [variable.value(context) for variable in self.whole]
        known = None not in arns and all(pattern.can_be_filled(context, work) for pattern in self.values)
        return Arns(self.values, frozenset(arn for arn in arns if arn is not None), context), known


@dataclass(frozen=True, slots=True)
class Numbers:
    """Numeric and date operators: values on one scale, compared from the request's side."""

    values: tuple[int | Decimal, ...]
    compare: Comparison
    dates: bool

    def matches(self, value: Value, work: Work) -> bool:
        """Compare a number, or a moment in microseconds."""
        work.spend(PER_VALUE * len(self.values) + _length(value) // CHARACTERS)
        number = as_instant(value) if self.dates else as_number(value)
        return number is not None and any(self.compare(number, each) for each in self.values)


@dataclass(frozen=True, slots=True)
class Truths:
    """Bool."""

    values: frozenset[bool]

    def matches(self, value: Value, work: Work) -> bool:
        """Compare true or false."""
        work.spend(_length(value) // CHARACTERS)
        return as_truth(value) in self.values


@dataclass(frozen=True, slots=True)
class Binaries:
    """BinaryEquals."""

    values: frozenset[bytes]

    def matches(self, value: Value, work: Work) -> bool:
        """Compare bytes."""
        work.spend(_length(value) // CHARACTERS)
        return as_bytes(value) in self.values


@dataclass(frozen=True, slots=True)
class Networks:
    """IpAddress: version, network and mask of each value."""

    values: tuple[tuple[int, int, int], ...]

    def matches(self, value: Value, work: Work) -> bool:
        """Return whether an address is in any network."""
        work.spend(PER_VALUE * len(self.values) + _length(value) // CHARACTERS)
        address = as_address(value)
        if address is None:
            return False
        version, number = address.version, int(address)
        return any(version == of and number & mask == network for of, network, mask in self.values)


Filled = FilledTexts | FilledArns
"""Values with variables; `bind` returns the matcher for a request, and whether every variable stood for something."""


def read_texts(values: Sequence[str], variables: bool, *, like: bool, ignoring_case: bool) -> Matcher | Filled:
    """Return the matcher of a string operator."""
    read = [read_pattern(value, wildcards=like, variables=variables) for value in values]
    templates = tuple(each for each in read if isinstance(each, Template))
    fixed = tuple(each for each in read if not isinstance(each, Template))
    return FilledTexts(fixed, templates, like, ignoring_case) if templates else _texts(fixed, like, ignoring_case)


def read_arns(values: Sequence[str], variables: bool) -> Matcher | Filled:
    """Return the matcher of an ARN operator. A value is an ARN, `*`, or one variable that stands for a whole ARN."""
    whole: list[Variable] = []
    arns: list[ArnPattern] = []
    for value in values:
        match read_tokens(value, wildcards=True, variables=variables):
            case [Variable() as variable]:
                whole.append(variable)
            case _ if value == "*" or value.startswith("arn:"):
                arns.append(EVERYTHING if value == "*" else read_arn_pattern(value, variables=variables))
            case _:
                raise MalformedPolicyDocument("", f"{shown(value)} is not an ARN; it must begin with arn: or be *")
    filled = whole or any(pattern.keys for pattern in arns)
    return FilledArns(tuple(arns), tuple(whole)) if filled else Arns(tuple(arns))


def read_numbers(values: Sequence[str], compare: Comparison) -> Numbers:
    """Return the matcher of a numeric operator."""
    what = "a number; write it as 10 or 0.5"
    return Numbers(tuple(_required(as_number(value), value, what) for value in values), compare, False)


def read_dates(values: Sequence[str], compare: Comparison) -> Numbers:
    """Return the matcher of a date operator."""
    what = "a time; write 2030-01-31T12:00:00Z, or seconds since the epoch"
    return Numbers(tuple(_required(as_instant(value), value, what) for value in values), compare, True)


def read_truths(values: Sequence[str]) -> Truths:
    """Return the matcher of Bool, or the values of Null."""
    return Truths(frozenset(_required(as_truth(value), value, "a boolean; write true or false") for value in values))


def read_binaries(values: Sequence[str]) -> Binaries:
    """Return the matcher of BinaryEquals."""
    return Binaries(frozenset(_required(as_bytes(value), value, "base64") for value in values))


def read_networks(values: Sequence[str]) -> Networks:
    """Return the matcher of IpAddress: addresses, or networks as 192.0.2.0/24 or 2001:db8::/32."""
    return Networks(tuple(_required(_as_network(value), value, "an IP address or range") for value in values))


EQUAL: Comparison = operator.eq
LESS: Comparison = operator.lt
LESS_OR_EQUAL: Comparison = operator.le
GREATER: Comparison = operator.gt
GREATER_OR_EQUAL: Comparison = operator.ge


def _texts(values: tuple[Segments, ...], like: bool, ignoring_case: bool) -> Texts | TextPatterns:
    if like:
        return TextPatterns(values)
    texts = [segment for (segment,) in values if isinstance(segment, str)]
    return Texts(frozenset(text.lower() if ignoring_case else text for text in texts), ignoring_case)


def _length(value: Value) -> int:
    return len(value) if isinstance(value, str | bytes) else 1


def _required(made: T | None, value: str, what: str) -> T:
    if made is None:
        raise MalformedPolicyDocument("", f"{shown(value)} is not {what}")
    return made


@lru_cache(256)
def _as_network(value: str) -> tuple[int, int, int] | None:
    try:
        network = ip_network(value, strict=False) if _NETWORK.fullmatch(value) else None
    except ValueError:
        return None
    return (network.version, int(network.network_address), int(network.netmask)) if network is not None else None
