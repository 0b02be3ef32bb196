"""The evaluator against a second one, written for clarity alone: no compilation, regular expressions for wildcards.

The second reads the same JSON again and again; it knows the rules of docs/reference/policies.md and nothing else.
"""

import fnmatch
import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from ferryman.policy import patterns
from ferryman.policy.context import request_context
from ferryman.policy.documents import PolicyKind
from ferryman.policy.errors import MalformedPolicyDocument, PolicyTooLarge
from ferryman.policy.evaluation import NamedPolicy, PolicySet, Request, Verdict, evaluate, explain
from ferryman.policy.parsing import parse_policy
from ferryman.policy.templates import Template, read_pattern
from ferryman.policy.work import Work
from tests.examples import examples

Context = Mapping[str, Sequence[str]]
ESCAPES = {"${*}": "*", "${?}": "?", "${$}": "$"}


class UnknownVariable(Exception):
    pass


def regex(text: str, context: Context, *, wildcards: bool = True) -> str:
    """The regular expression of a value."""
    made = ""
    for piece in re.findall(r"\$\{[^}]*\}|.", text, re.DOTALL):
        if piece in ESCAPES:
            made += re.escape(ESCAPES[piece])
        elif piece.startswith("${"):
            name, _, default = piece[2:-1].partition(", ")
            values = context.get(name.lower(), [])
            if len(values) > 1 or not (values or default):
                raise UnknownVariable(name)
            made += re.escape(values[0] if values else default.strip("'"))
        elif piece in "*?" and wildcards:
            made += ".*" if piece == "*" else "."
        else:
            made += re.escape(piece)
    return made


def fits(written: str, text: str, context: Context, *, wildcards: bool = True) -> bool:
    return re.fullmatch(regex(written, context, wildcards=wildcards), text, re.DOTALL) is not None


def arn_fits(written: str, arn: str, context: Context) -> bool:
    if written == "*":
        return True
    fields, wanted = arn.split(":", 5), written.split(":", 5)
    if len(fields) != 6:
        return False
    pairs = list(zip(wanted, fields, strict=False))
    return all(fits(pattern, field, {}) for pattern, field in pairs[:5]) and all(
        fits(pattern, field, context) for pattern, field in pairs[5:]
    )


COMPARE = {
    "Equals": lambda a, b: a == b,
    "LessThan": lambda a, b: a < b,
    "LessThanEquals": lambda a, b: a <= b,
    "GreaterThan": lambda a, b: a > b,
    "GreaterThanEquals": lambda a, b: a >= b,
}


def value_matches(operator: str, wanted: str, value: str, context: Context) -> bool:
    """One value of the policy with one of the request; the operator is not negated."""
    if operator.startswith("Arn"):
        return arn_fits(wanted, value, context)
    if operator == "StringLike":
        return fits(wanted, value, context)
    if operator == "StringEqualsIgnoreCase":
        return re.fullmatch(regex(wanted, context, wildcards=False), value, re.IGNORECASE) is not None
    if operator == "StringEquals":
        return fits(wanted, value, context, wildcards=False)
    if operator.startswith("Numeric"):
        number = re.fullmatch(r"-?\d+(\.\d+)?", value)
        return number is not None and COMPARE[operator.removeprefix("Numeric")](Decimal(value), Decimal(wanted))
    if operator == "Bool":
        return value.lower() == wanted
    try:
        return ip_address(value) in ip_network(wanted)
    except ValueError:
        return False


def condition_holds(written: str, key: str, wanted: Sequence[str], context: Context, effect: str) -> bool:
    quantifier, _, name = written.rpartition(":")
    if_exists, name = name.endswith("IfExists"), name.removesuffix("IfExists")
    values = context.get(key.lower(), [])
    if name == "Null":
        return ("false" if values else "true") in wanted
    negated, name = "Not" in name, name.replace("Not", "")
    if not values:
        return if_exists or quantifier == "ForAllValues" or (negated and not quantifier)
    usable, unknown = [], False
    for each in wanted:
        try:
            regex(each, context)
            usable.append(each)
        except UnknownVariable:
            unknown = True
    if unknown and negated and effect == "Allow":
        return False
    found = [any(value_matches(name, each, value, context) for each in usable) for value in values]
    if quantifier == "ForAllValues":
        return all(each != negated for each in found)
    if quantifier == "ForAnyValue":
        return any(each != negated for each in found)
    return any(found) != negated


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def applies(statement: Mapping[str, Any], action: str, resource: str, context: Context) -> bool:
    actions = listed(statement.get("Action", statement.get("NotAction")))
    if any(fnmatch.fnmatchcase(action.lower(), each.lower()) for each in actions) != ("Action" in statement):
        return False
    known, found = True, False
    for each in listed(statement.get("Resource", statement.get("NotResource"))):
        try:
            found = found or arn_fits(each, resource, context)
        except UnknownVariable:
            known = False
    if "Resource" in statement and not found:
        return False
    if "NotResource" in statement and (found or (not known and statement["Effect"] == "Allow")):
        return False
    return all(
        condition_holds(operator, key, [str(each) for each in listed(wanted)], context, statement["Effect"])
        for operator, keys in statement.get("Condition", {}).items()
        for key, wanted in keys.items()
    )


Document = Mapping[str, Any]


def decide(layers: Sequence[Sequence[Document]], action: str, resource: str, context: Context) -> str:
    """Layers are identity policies, then what else must allow."""
    effects = [
        {
            statement["Effect"]
            for document in layer
            for statement in document["Statement"]
            if applies(statement, action, resource, context)
        }
        for layer in layers
    ]
    if any("Deny" in each for each in effects):
        return "explicitDeny"
    return "allowed" if all("Allow" in each for each in effects) else "implicitDeny"


TEXTS = st.sampled_from(["", "a", "A", "ab", "*", "b", "a*", "?", "ab*b", "1", "1.0", "10", "true", "192.0.2.1", "::1"])
NAMES = st.sampled_from(["aws:username", "AWS:UserName", "x:tag/A", "x:many"])
VALUES = TEXTS | st.lists(st.sampled_from(list("ab*?")), max_size=5).map("".join)
VARIABLES = st.sampled_from(
    ["${aws:username}", "${x:tag/a}", "${x:many}", "${x:none}", "${x:none, 'a*'}", "${*}", "${?}"]
)
PATTERNS = st.lists(VALUES | VARIABLES, max_size=3).map("".join)
ARNS = st.tuples(st.sampled_from(["s", "t"]), st.sampled_from(["r", ""]), st.sampled_from(["1", "2"]), VALUES).map(
    lambda parts: "arn:p:{}:{}:{}:{}".format(*parts)
)
ARN_PATTERNS = st.just("*") | st.tuples(
    st.sampled_from(["s", "t"]), st.sampled_from(["r", "*", "?", ""]), st.sampled_from(["1", "*"]), PATTERNS
).map(lambda parts: "arn:p:{}:{}:{}:{}".format(*parts))
ARN_PATTERNS |= st.sampled_from(["arn:p:s", "arn:*:s:r", "arn:p:s:*:1"])
ACTIONS = st.sampled_from(["s:Get", "s:GetAll", "s:Put", "t:Get"])
ACTION_PATTERNS = st.sampled_from(["*", "s:*", "s:get", "S:Get*", "s:???", "t:Put", "s:G*A??", "*:*"])


def one_or_some(values: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    return values | st.lists(values, min_size=1, max_size=3)


def operators(names: Sequence[str]) -> st.SearchStrategy[str]:
    parts = (
        st.sampled_from(["", "ForAllValues:", "ForAnyValue:"]),
        st.sampled_from(names),
        st.sampled_from(["", "IfExists"]),
    )
    return st.tuples(*parts).map("".join)


STRING = ["StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "StringLike"]
NUMERIC = [f"Numeric{name}" for name in (*COMPARE, "NotEquals")]
FAMILIES: list[tuple[st.SearchStrategy[str], st.SearchStrategy[str]]] = [
    (operators([*STRING, "StringNotLike"]), PATTERNS),
    (operators(["ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"]), ARN_PATTERNS),
    (operators(NUMERIC), st.sampled_from(["0", "1", "1.0", "5"])),
    (operators(["Bool"]), st.sampled_from(["true", "false"])),
    (operators(["IpAddress", "NotIpAddress"]), st.sampled_from(["192.0.2.0/24", "::/0", "198.51.100.1"])),
    (st.just("Null"), st.sampled_from(["true", "false"])),
]
CONDITIONS = st.one_of(
    [
        st.dictionaries(names, st.dictionaries(NAMES, one_or_some(values), min_size=1, max_size=2), max_size=2)
        for names, values in FAMILIES
    ]
)


def either(name: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return values.map(lambda value: {name: value}) | values.map(lambda value: {f"Not{name}": value})


STATEMENTS = st.builds(
    lambda effect, actions, resources, condition: {"Effect": effect, **actions, **resources, "Condition": condition},
    st.sampled_from(["Allow", "Allow", "Deny"]),
    either("Action", one_or_some(ACTION_PATTERNS)),
    either("Resource", one_or_some(ARN_PATTERNS)),
    CONDITIONS,
)
DOCUMENTS = st.lists(STATEMENTS, min_size=1, max_size=3).map(
    lambda statements: {"Version": "2012-10-17", "Statement": statements}
)
LAYER = st.lists(DOCUMENTS, max_size=2)
CONTEXTS: st.SearchStrategy[dict[str, list[str]]] = st.fixed_dictionaries(
    {},
    optional={
        "aws:username": st.lists(VALUES, min_size=1, max_size=1),
        "x:tag/a": st.lists(VALUES | ARNS, min_size=1, max_size=1),
        "x:many": st.lists(VALUES, max_size=3),
    },
)


@lru_cache(4096)
def parsed(text: str) -> NamedPolicy:
    return NamedPolicy("p", parse_policy(text, PolicyKind.INLINE_ROLE))


def named(documents: Sequence[Document]) -> list[NamedPolicy]:
    return [parsed(json.dumps(document)) for document in documents]


@settings(max_examples=examples(150), deadline=None)
@given(LAYER, st.none() | DOCUMENTS, st.none() | LAYER, ACTIONS, ARNS | st.just("*"), CONTEXTS)
def test_the_evaluator_decides_as_the_naive_one(
    identity: Sequence[Document],
    boundary: Document | None,
    session: Sequence[Document] | None,
    action: str,
    resource: str,
    context: Context,
) -> None:
    policies = PolicySet(
        named(identity),
        named([boundary])[0] if boundary is not None else None,
        named(session) if session is not None else None,
    )
    request = Request(action, resource, request_context(context))
    layers = [identity, *([[boundary]] if boundary is not None else []), *([session] if session is not None else [])]
    decision = evaluate(policies, request)
    assert decision.verdict == decide(layers, action, resource, context)
    explanation = explain(policies, request)
    assert explanation.decision == decision
    if decision.statement is not None:
        assert decision.statement in explanation.matched
    denied = any(each.effect == "Deny" for each in explanation.matched)
    assert denied is (decision.verdict is Verdict.EXPLICIT_DENY)


@settings(max_examples=examples(200), deadline=None)
@given(
    st.sampled_from(["Allow", "Deny"]),
    st.one_of([st.tuples(names, NAMES, one_or_some(values)) for names, values in FAMILIES]),
    CONTEXTS,
)
@example("Allow", ("StringNotEquals", "x:tag/a", "${x:none}"), {"x:tag/a": ["a"]})
@example("Deny", ("ForAllValues:ArnNotLike", "x:tag/a", "arn:p:s:r:1:${x:none}"), {"x:tag/a": ["a"]})
def test_a_condition_holds_as_the_naive_one_says(
    effect: str, condition: tuple[str, str, Any], context: Context
) -> None:
    operator, key, values = condition
    base = {"Action": "*", "Resource": "*"}
    statements = [{"Effect": effect, **base, "Condition": {operator: {key: values}}}]
    if effect == "Deny":
        statements.append({"Effect": "Allow", **base})
    document = {"Version": "2012-10-17", "Statement": statements}
    request = Request("s:Get", "arn:p:s:r:1:a", request_context(context))
    verdict = evaluate(PolicySet(named([document])), request).verdict
    assert verdict == decide([[document]], request.action, request.resource, context)


@settings(max_examples=examples(80), deadline=None)
@given(LAYER, LAYER, ACTIONS, ARNS, CONTEXTS)
def test_a_session_policy_or_boundary_never_widens(
    identity: Sequence[Document], session: Sequence[Document], action: str, resource: str, context: Context
) -> None:
    request = Request(action, resource, request_context(context))
    narrow = evaluate(PolicySet(named(identity), None, named(session)), request)
    assert not narrow.allowed or evaluate(PolicySet(named(identity)), request).allowed


@settings(max_examples=examples(200), deadline=None)
@given(st.lists(st.sampled_from(["a", "b", "*", "*", "?"]), max_size=7), st.text("ab\n", max_size=5))
def test_wildcards_match_as_regular_expressions(written: Sequence[str], text: str) -> None:
    pattern = read_pattern("".join(written), wildcards=True, variables=False)
    assert not isinstance(pattern, Template)
    assert patterns.matches(pattern, text, Work()) is fits("".join(written), text, {})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | PATTERNS | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4) | NAMES, inner, max_size=3),
    max_leaves=8,
)
ELEMENTS = ["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Principal", "NotPrincipal", "Condition"]
NEARLY = st.builds(
    lambda statement, changes: {"Version": "2012-10-17", "Statement": [{**statement, **changes}]},
    STATEMENTS,
    st.dictionaries(st.sampled_from(ELEMENTS), JSON, max_size=2),
)


@settings(max_examples=examples(150), deadline=None)
@given((JSON | NEARLY).map(json.dumps) | st.text(max_size=50), st.sampled_from(PolicyKind))
def test_whatever_a_document_holds_it_is_a_policy_or_refused(text: str, kind: PolicyKind) -> None:
    try:
        policy = parse_policy(text, kind)
    except (MalformedPolicyDocument, PolicyTooLarge):
        return
    request = Request("s:Get", "arn:p:s:r:1:a", request_context({"aws:username": "a"}))
    explain(PolicySet((NamedPolicy("p", policy),)), request)
