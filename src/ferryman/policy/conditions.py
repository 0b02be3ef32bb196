"""Conditions: the operators, the meaning of their names, and whether a condition holds for a request.

AWS's rules for missing keys: a negated operator holds, any other does not; with IfExists either holds; Null asks for
just that; ForAllValues holds, ForAnyValue does not. Several values of a policy are alternatives. Several values of a
request are tested as ForAllValues or ForAnyValue says. Without either, one match is enough; a negated operator allows
no match.

Tag keys ignore case. If two tags differ only in case (`env`, `Env`), it is unknown which one is meant: a condition on
that key does not hold in a statement that allows, and holds in one that denies if it holds for either tag. Where tag
keys are values (aws:TagKeys), a string condition must hold with and without their case to allow, and either is enough
to deny.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache

from ferryman.policy import matchers
from ferryman.policy.context import RequestContext, Value, as_text, fold
from ferryman.policy.errors import MalformedPolicyDocument, shown
from ferryman.policy.matchers import Filled, Matcher
from ferryman.policy.work import CHARACTERS, PER_CONDITION, Work

Reader = Callable[[Sequence[str], bool], Matcher | Filled]


class Quantifier(Enum):
    """How a condition treats the several values that a request may have for a key."""

    ALL = "ForAllValues"
    ANY = "ForAnyValue"


@dataclass(frozen=True, slots=True)
class Operator:
    """How a condition compares. `takes_variables` says whether its values may hold any."""

    name: str
    read: Reader
    negated: bool = False
    takes_variables: bool = False


def _text(*, like: bool = False, ignoring_case: bool = False) -> Reader:
    return lambda values, variables: matchers.read_texts(values, variables, like=like, ignoring_case=ignoring_case)


def _plain(read: Callable[[Sequence[str]], Matcher]) -> Reader:
    return lambda values, _: read(values)


def _scale(read: Callable[[Sequence[str], matchers.Comparison], Matcher], compare: matchers.Comparison) -> Reader:
    return lambda values, _: read(values, compare)


_COMPARISONS = {
    "Equals": matchers.EQUAL,
    "LessThan": matchers.LESS,
    "LessThanEquals": matchers.LESS_OR_EQUAL,
    "GreaterThan": matchers.GREATER,
    "GreaterThanEquals": matchers.GREATER_OR_EQUAL,
}
_OPERATORS = (
    Operator("StringEquals", _text(), takes_variables=True),
    Operator("StringNotEquals", _text(), negated=True, takes_variables=True),
    Operator("StringEqualsIgnoreCase", _text(ignoring_case=True), takes_variables=True),
    Operator("StringNotEqualsIgnoreCase", _text(ignoring_case=True), negated=True, takes_variables=True),
    Operator("StringLike", _text(like=True), takes_variables=True),
    Operator("StringNotLike", _text(like=True), negated=True, takes_variables=True),
    Operator("ArnEquals", matchers.read_arns, takes_variables=True),
    Operator("ArnLike", matchers.read_arns, takes_variables=True),
    Operator("ArnNotEquals", matchers.read_arns, negated=True, takes_variables=True),
    Operator("ArnNotLike", matchers.read_arns, negated=True, takes_variables=True),
    *(Operator(f"Numeric{name}", _scale(matchers.read_numbers, compare)) for name, compare in _COMPARISONS.items()),
    Operator("NumericNotEquals", _scale(matchers.read_numbers, matchers.EQUAL), negated=True),
    *(Operator(f"Date{name}", _scale(matchers.read_dates, compare)) for name, compare in _COMPARISONS.items()),
    Operator("DateNotEquals", _scale(matchers.read_dates, matchers.EQUAL), negated=True),
    Operator("Bool", _plain(matchers.read_truths)),
    Operator("BinaryEquals", _plain(matchers.read_binaries)),
    Operator("IpAddress", _plain(matchers.read_networks)),
    Operator("NotIpAddress", _plain(matchers.read_networks), negated=True),
    Operator("Null", _plain(matchers.read_truths)),
)
OPERATORS: Mapping[str, Operator] = {each.name: each for each in _OPERATORS}
_IF_EXISTS = "IfExists"
_HOLD_TAG_KEYS = frozenset({"aws:tagkeys", "sts:transitivetagkeys"})
_FOLDABLE = frozenset({"StringEquals", "StringNotEquals", "StringLike", "StringNotLike"})


@dataclass(frozen=True, slots=True)
class Condition:
    """One operator and key with its values. `key` is folded; `written` is the operator as the document has it."""

    written: str
    key: str
    operator: Operator
    quantifier: Quantifier | None
    if_exists: bool
    matcher: Matcher | Filled
    keys: frozenset[str]
    """Every key it reads, directly or in variables."""
    folded: Matcher | Filled | None = None
    """The values folded, where the key's own values are tag keys."""

    def holds(self, context: RequestContext, work: Work, *, allowing: bool) -> bool:
        """Return whether it holds for a request.

        A value with a variable that stands for nothing matches nothing; where the statement is `allowing` and the
        operator negated, the condition does not hold then, since it would by not being known.

        Raises EvaluationTooLarge.
        """
        if context.ambiguous and not context.ambiguous.keys().isdisjoint(self.keys):
            return not allowing and self._may_hold(context, work)
        return self._holds(context, context.values.get(self.key, ()), work, allowing=allowing)

    def _may_hold(self, context: RequestContext, work: Work) -> bool:
        """Return whether it holds for any of the tags that fold to its key; a variable may stand for anything then."""
        if any(key in context.ambiguous for key in self.keys if key != self.key):
            return True
        return any(self._holds(context, values, work, allowing=False) for values in context.ambiguous[self.key])

    def _holds(self, context: RequestContext, values: tuple[Value, ...], work: Work, *, allowing: bool) -> bool:
        work.spend(PER_CONDITION * (1 + len(values)))
        if self.operator is _NULL:
            return isinstance(self.matcher, matchers.Truths) and (not values) in self.matcher.values
        negated = self.operator.negated
        if not values:
            return self.if_exists or (negated if self.quantifier is None else self.quantifier is Quantifier.ALL)
        held = self._compare(self.matcher, context, values, work, allowing=allowing)
        if self.folded is None or held is not allowing:
            return held
        entries = {key: _folded(context.get(key), work) for key in self.keys}
        return self._compare(self.folded, RequestContext(entries), entries[self.key], work, allowing=allowing)

    def _compare(
        self,
        matcher: Matcher | Filled,
        context: RequestContext,
        values: tuple[Value, ...],
        work: Work,
        *,
        allowing: bool,
    ) -> bool:
        negated = self.operator.negated
        if isinstance(matcher, _FILLED):
            matcher, known = matcher.bind(context, work)
            if negated and allowing and not known:
                return False
        if len(values) == 1:
            return matcher.matches(values[0], work) is not negated
        if self.quantifier is Quantifier.ALL:
            return all(matcher.matches(value, work) is not negated for value in values)
        if self.quantifier is Quantifier.ANY:
            return any(matcher.matches(value, work) is not negated for value in values)
        return any(matcher.matches(value, work) for value in values) is not negated


def _folded(values: Sequence[Value], work: Work) -> tuple[Value, ...]:
    texts = [as_text(value) for value in values]
    work.spend(sum(PER_CONDITION + len(text) // CHARACTERS for text in texts))
    return tuple(fold(text) for text in texts)


_FILLED = (matchers.FilledTexts, matchers.FilledArns)
_NULL = OPERATORS["Null"]


def read_condition(written: str, key: str, values: Sequence[str], *, variables: bool) -> Condition:
    """Return a condition. `variables` says whether the document's version has them. Raises MalformedPolicyDocument."""
    quantifier, name, if_exists = _read_operator(written)
    operator = OPERATORS[name]
    if variables and not operator.takes_variables and any("${" in value for value in values):
        raise MalformedPolicyDocument("", f"{name} takes no variables; string and ARN operators do")
    matcher = operator.read(values, variables)
    folded = fold(key)
    keys = {folded}.union(matcher.keys if isinstance(matcher, _FILLED) else ())
    made = Condition(written, folded, operator, quantifier, if_exists, matcher, frozenset(keys))
    if folded in _HOLD_TAG_KEYS and name in _FOLDABLE:
        return replace(made, folded=operator.read([fold(value) for value in values], variables))
    return made


@lru_cache(256)
def _read_operator(written: str) -> tuple[Quantifier | None, str, bool]:
    prefix, colon, name = written.rpartition(":")
    quantifier = _QUANTIFIERS.get(prefix) if colon else None
    if_exists = name.endswith(_IF_EXISTS)
    name = name.removesuffix(_IF_EXISTS)
    if name not in OPERATORS or (colon and quantifier is None):
        raise MalformedPolicyDocument(
            "", f"the condition operator {shown(written)} does not exist; names are case-sensitive"
        )
    if name == "Null" and (if_exists or quantifier):
        raise MalformedPolicyDocument("", "Null takes neither IfExists nor ForAllValues nor ForAnyValue")
    return quantifier, name, if_exists


_QUANTIFIERS = {each.value: each for each in Quantifier}
