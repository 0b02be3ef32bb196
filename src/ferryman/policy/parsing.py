"""JSON text to a `Policy`; a document that breaks any rule is refused with the path and the rule.

Rules are IAM's grammar and quotas; what IAM only advises against is refused where it would widen access.
"""

import json
import re
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from typing import TypeGuard, TypeVar

from ferryman.policy.arns import EVERYTHING, ArnPattern, read_arn_pattern
from ferryman.policy.conditions import Condition, read_condition
from ferryman.policy.documents import Actions, Effect, Policy, PolicyKind, Resources, Statement
from ferryman.policy.errors import MalformedPolicyDocument, PolicyTooLarge, shown, step
from ferryman.policy.patterns import Segments
from ferryman.policy.principals import EVERYONE, Principals, read_principals
from ferryman.policy.templates import Template, read_pattern

LENGTH_LIMIT = 131072
"""Characters of a document with its white space (botocore's policyDocumentType)."""
CACHED = 1024
"""Documents whose policies `cached_policy` keeps."""

T = TypeVar("T")
_DOCUMENT = frozenset({"Version", "Id", "Statement"})
_STATEMENT = frozenset(
    {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Principal", "NotPrincipal", "Condition"}
)
ELEMENTS = _DOCUMENT | _STATEMENT
"""Every element of the language except those of conditions."""

_VERSIONS = {"2012-10-17": True, "2008-10-17": False}
"""Versions, and whether each has variables."""
_WHITE_SPACE = str.maketrans("", "", " \t\r\n")
_CHARACTERS = re.compile(r"[\t\n\r\x20-\xff]*")
_SID = re.compile(r"[A-Za-z0-9]*")
_KEY_SID = re.compile(r"[\x20-\x7e]*")
"""Key policies have spaces there, as those that AWS's console writes."""
_ACTION = re.compile(r"[A-Za-z0-9-]+:[A-Za-z0-9*?]+")
_RESOURCE = re.compile(r"arn:[^:${}]+(:[^:*?${}]+(:[^:${}]*(:[^:${}]*(:.*)?)?)?)?", re.DOTALL)


class _Literal(str):
    """A JSON number or boolean used as a condition value, as the text that AWS converts it to."""

    __slots__ = ()


def parse_policy(text: str, kind: PolicyKind) -> Policy:
    """Parse a document of that kind. Raises MalformedPolicyDocument, PolicyTooLarge."""
    if len(text) > LENGTH_LIMIT:
        raise PolicyTooLarge(len(text), LENGTH_LIMIT)
    size = size_of(text)
    if size > kind.limit:
        raise PolicyTooLarge(size, kind.limit)
    if not _CHARACTERS.fullmatch(text):
        raise MalformedPolicyDocument("", "a document has printable characters up to U+00FF, others as \\u escapes")
    return _read_document(_load(text), kind)


def size_of(text: str) -> int:
    """Return how many characters of a document count: all but white space."""
    return len(text.translate(_WHITE_SPACE))


cached_policy = lru_cache(CACHED)(parse_policy)
"""As `parse_policy`, with a cache of the latest documents."""


def _load(text: str) -> object:
    try:
        loaded: object = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_Literal,
            parse_float=_Literal,
            parse_constant=_refuse_constant,
        )
        if "\\u" in text:
            json.dumps(loaded, ensure_ascii=False).encode()
    except RecursionError:
        raise MalformedPolicyDocument("", "it nests deeper than any policy") from None
    except UnicodeEncodeError:
        raise MalformedPolicyDocument("", "a \\u escape is half a character") from None
    except json.JSONDecodeError as error:
        where = f"in line {error.lineno}, column {error.colno}"
        raise MalformedPolicyDocument("", f"it is not JSON: {error.msg} {where}") from None
    except ValueError as error:
        raise MalformedPolicyDocument("", f"it is not JSON: {error}") from None
    return loaded


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not a number")


def _object(members: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(members)
    if len(found) != len(members):
        twice = Counter(name for name, _ in members).most_common(1)[0][0]
        raise ValueError(f"an object has {shown(twice)} twice")
    return found


def _read_document(document: object, kind: PolicyKind) -> Policy:
    members = _members(document, _DOCUMENT)
    version = members.get("Version", "2008-10-17")
    if not isinstance(version, str) or version not in _VERSIONS:
        raise MalformedPolicyDocument("Version", f"{shown(version)} is not 2012-10-17 or 2008-10-17")
    if "Id" in members and not (kind.has_principals and _is_text(members["Id"])):
        raise MalformedPolicyDocument("Id", "only resource and trust policies have one, a string")
    given = members.get("Statement")
    listed = given if isinstance(given, list) else [given]
    if "Statement" not in members or not listed:
        raise MalformedPolicyDocument("Statement", "there must be at least one")
    statements = []
    for index, each in enumerate(listed):
        try:
            statements.append(_read_statement(index, each, kind, variables=_VERSIONS[version]))
        except MalformedPolicyDocument as broken:
            raise broken.under(f"Statement[{index}]") from None
    _check_sids(statements)
    return Policy(
        kind,
        version,
        tuple(statement for statement in statements if statement.effect is Effect.DENY),
        tuple(statement for statement in statements if statement.effect is Effect.ALLOW),
    )


def _check_sids(statements: list[Statement]) -> None:
    seen: set[str] = set()
    for statement in statements:
        if statement.sid and statement.sid in seen:
            raise MalformedPolicyDocument(
                f"Statement[{statement.index}].Sid", f"{shown(statement.sid)} is used by another statement"
            )
        seen.add(statement.sid)


def _read_statement(index: int, given: object, kind: PolicyKind, *, variables: bool) -> Statement:
    members = _members(given, _STATEMENT)
    sid = members.get("Sid", "")
    form = _KEY_SID if kind is PolicyKind.KEY else _SID
    if not _is_text(sid) or not form.fullmatch(sid):
        raise MalformedPolicyDocument("Sid", f"{shown(sid)} is not made of ASCII letters and digits only")
    effect = members.get("Effect")
    if effect not in ("Allow", "Deny"):
        raise MalformedPolicyDocument("Effect", "must be Allow or Deny")
    effect = Effect(effect)
    principals, excepts = _read_principals(members, kind, effect)
    return Statement(
        index,
        sid,
        effect,
        _read_actions(members, kind),
        _read_resources(members, kind, variables=variables),
        _read_conditions(members["Condition"], variables=variables) if "Condition" in members else (),
        principals,
        excepts,
    )


def _read_actions(members: dict[str, object], kind: PolicyKind) -> Actions:
    element = _one_of(members, "Action", "NotAction")
    values = _texts(members[element], element)
    exact: set[str] = set()
    like: list[Segments] = []
    for place, value in enumerate(values):
        if value != "*" and value != "*:*" and not _ACTION.fullmatch(value):
            raise MalformedPolicyDocument(
                f"{element}[{place}]",
                f"{shown(value)} is not an action; write *, or a service and a name as in ssm:Start*",
            )
        if kind is PolicyKind.TRUST and not value.lower().startswith("sts:"):
            raise MalformedPolicyDocument(f"{element}[{place}]", "a trust policy is about actions of sts only")
        if "*" in value or "?" in value:
            like.append(_pattern(value.lower(), f"{element}[{place}]"))
        else:
            exact.add(value.lower())
    return Actions(frozenset(exact), tuple(like), element == "NotAction")


def _pattern(value: str, path: str) -> Segments:
    pattern = _at(path, lambda: read_pattern(value, wildcards=True, variables=False))
    assert not isinstance(pattern, Template)  # noqa: S101 - variables are off
    return pattern


def _read_resources(members: dict[str, object], kind: PolicyKind, *, variables: bool) -> Resources | None:
    if kind is PolicyKind.TRUST:
        for element in ("Resource", "NotResource"):
            if element in members:
                raise MalformedPolicyDocument(element, "a trust policy is about its own role and names no resource")
        return None
    element = _one_of(members, "Resource", "NotResource")
    patterns = [
        _read_resource(value, f"{element}[{place}]", variables=variables)
        for place, value in enumerate(_texts(members[element], element))
    ]
    return Resources(tuple(patterns), element == "NotResource")


def _read_resource(value: str, path: str, *, variables: bool) -> ArnPattern:
    if value == "*":
        return EVERYTHING
    if not _RESOURCE.fullmatch(value):
        raise MalformedPolicyDocument(
            path,
            f"{shown(value)} is neither * nor an ARN; an ARN names its service without wildcards and has variables "
            "only after its fifth colon",
        )
    return _at(path, lambda: read_arn_pattern(value, variables=variables))


def _read_principals(members: dict[str, object], kind: PolicyKind, effect: Effect) -> tuple[Principals | None, bool]:
    if not kind.has_principals:
        for element in ("Principal", "NotPrincipal"):
            if element in members:
                raise MalformedPolicyDocument(element, f"a {kind.title} policy is about the identity that has it")
        return None, False
    element = _one_of(members, "Principal", "NotPrincipal")
    if element == "NotPrincipal" and effect is Effect.ALLOW:
        raise MalformedPolicyDocument(element, "it would allow everyone else; only a Deny may have it")
    given = members[element]
    if given == "*":
        return EVERYONE, element == "NotPrincipal"
    if not isinstance(given, dict) or not given:
        raise MalformedPolicyDocument(element, "must be * or an object of AWS, Federated, Service")
    listed = [(name, _texts(values, f"{element}.{step(name)}")) for name, values in given.items()]
    return _at(element, lambda: read_principals(listed)), element == "NotPrincipal"


def _read_conditions(given: object, *, variables: bool) -> tuple[Condition, ...]:
    if not isinstance(given, dict):
        raise MalformedPolicyDocument("Condition", "must be an object of operators")
    conditions: list[Condition] = []
    for written, keys in given.items():
        if not isinstance(keys, dict) or not keys:
            path = f"Condition.{step(written)}"
            raise MalformedPolicyDocument(path, "must be an object of condition keys, at least one")
        for key, values in keys.items():
            if ":" not in key.strip(":") or "*" in key or "?" in key:
                path = f"Condition.{step(written)}"
                raise MalformedPolicyDocument(
                    path, f"{shown(key)} is not a condition key; write one as aws:username, without wildcards"
                )
            listed = values if isinstance(values, list) else [values]
            try:
                texts = [_condition_value(value, place) for place, value in enumerate(listed)]
                conditions.append(read_condition(written, key, texts, variables=variables))
            except MalformedPolicyDocument as broken:
                raise broken.under(f"Condition.{step(written)}.{step(key)}") from None
    return tuple(conditions)


def _condition_value(value: object, place: int) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    raise MalformedPolicyDocument(f"[{place}]", "must be a string, a number, true or false")


def _members(given: object, allowed: frozenset[str]) -> dict[str, object]:
    if not isinstance(given, dict):
        raise MalformedPolicyDocument("", "must be an object")
    if not given.keys() <= allowed:
        name = next(name for name in given if name not in allowed)
        raise MalformedPolicyDocument(
            "", f"the element {shown(name)} does not exist; the elements are {', '.join(sorted(allowed))}"
        )
    return given


def _one_of(members: dict[str, object], element: str, inverted: str) -> str:
    if (element in members) == (inverted in members):
        raise MalformedPolicyDocument("", f"must have {element} or {inverted}, one of them")
    return element if element in members else inverted


def _texts(given: object, path: str) -> list[str]:
    if _is_text(given):
        return [given]
    listed = given if isinstance(given, list) else [given]
    if not listed:
        raise MalformedPolicyDocument(path, "must have at least one value")
    texts = [value for value in listed if _is_text(value)]
    if len(texts) != len(listed):
        place = next(place for place, value in enumerate(listed) if not _is_text(value))
        raise MalformedPolicyDocument(f"{path}[{place}]", "must be a string")
    return texts


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and not isinstance(value, _Literal)


def _at(path: str, read: Callable[[], T]) -> T:
    """Call `read`; a rule that it finds broken is reported at `path`."""
    try:
        return read()
    except MalformedPolicyDocument as broken:
        raise broken.under(path) from None
