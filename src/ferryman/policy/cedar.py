"""Cedar, the language of auto-approval and deny-access policies, over the schema that AWS's just-in-time access has.

Pure. `cedarpy` is Cedar's own engine; this module bounds what it is given and reads what it says strictly: a statement
that cannot be evaluated is an error for the whole policy, never a statement less. The engine can still take seconds or
overflow its stack, so the server runs it in a process of its own (`sandbox`). Where it is not installed, no policy is
valid, and one that is stored denies.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING or find_spec("cedarpy") is not None:
    import cedarpy

    _MISSING = ""
else:  # it has no wheel for musl
    _MISSING = "Cedar needs the package cedarpy, which is not installed on the server"

TEXT_LIMIT = 32 * 1024
"""Bytes. Cedar's parser is recursive on the machine's stack; this and DEEPEST keep it to a tenth of 8 MiB."""
DEEPEST = 32
"""Brackets within brackets."""
LONGEST_CHAIN = 32
"""Attributes of attributes: `a.b.c` has two. After `has`, the engine's time grows with the square of the chain."""
MOST_IFS = 64
"""In one statement; each may be within another, and the engine's stack grows with every one."""
MOST_STATEMENTS = 256
_REMEMBERED = 64
"""Texts whose check is remembered."""
PRINCIPAL_ATTRIBUTES = ("costCenter", "division", "employeeNumber", "organization")
"""What AWS's schema knows of a person; here they are tags of the user."""
ACTION = 'AWS::SSM::Action::"getTokenForInstanceAccess"'

_SCHEMA = """
namespace AWS::EC2 { entity Instance tags String; }
namespace AWS::IAM {
  type AuthorizationContext = { principalTags: PrincipalTags };
  entity PrincipalTags tags String;
  entity Role tags String;
}
namespace AWS::IdentityStore {
  entity Group;
  entity User in [Group] = {
    costCenter?: String, division?: String, employeeNumber?: String, organization?: String
  };
}
namespace AWS::SSM {
  entity ManagedInstance tags String;
  action "getTokenForInstanceAccess" appliesTo {
    principal: [AWS::IdentityStore::User],
    resource: [AWS::EC2::Instance, AWS::SSM::ManagedInstance],
    context: { iam: AWS::IAM::AuthorizationContext }
  };
}
"""
_USER = "AWS::IdentityStore::User"
_GROUP = "AWS::IdentityStore::Group"
_NODE = "AWS::SSM::ManagedInstance"
_TAGS = "AWS::IAM::PrincipalTags"
_STRING = r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)'
"""An unclosed text extends to the end: searching for its end from every quote in it would take seconds."""
_TOKEN = re.compile(rf"{_STRING}|//[^\n]*|\w+|[^\s\w]", re.DOTALL)
_EFFECT = re.compile(rf"(?:\s|//[^\n]*+|@\w++|[()]|{_STRING})*+(permit|forbid)\b", re.DOTALL)
_SLOT = re.compile(rf"{_STRING}|//[^\n]*|\?\w+", re.DOTALL)
_BLANK = re.compile(r"(?:\s|//[^\n]*)*")
_OF_STATEMENT = re.compile(r"^for policy `policy\d+`, ")


class CedarInvalid(ValueError):
    """The text is not a policy of the schema; the message says where and why, on one line."""


@dataclass(frozen=True, slots=True)
class CedarPrincipal:
    """Who asks: the id, what groups they are in (ids and names), and their tags."""

    user_id: str
    groups: frozenset[str] = frozenset()
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CedarVerdict:
    """The decision of policies about one node. `errors`: what could not be evaluated; then `permitted` means
    nothing."""

    permitted: bool
    forbidden: bool
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Checked:
    """A text that was checked: the engine's form of it and each statement's effect, or what is wrong with it."""

    policies: "cedarpy.PolicySet | None"
    effects: Mapping[str, str]
    error: str = ""


def check_cedar(text: str) -> None:
    """Raise CedarInvalid unless `text` holds at least one statement and every one fits the schema."""
    checked = _checked(text)
    if checked.policies is None:
        raise CedarInvalid(checked.error)


def check_bounds(text: str) -> None:
    """Raise CedarInvalid for a text that the engine must not get; quick, without the engine."""
    _effects(text)


def effects(text: str) -> frozenset[str]:
    """Return which of `permit` and `forbid` the statements of a valid text are; raises CedarInvalid."""
    return frozenset(_effects(text).values())


@lru_cache(_REMEMBERED)
def _checked(text: str) -> _Checked:
    try:
        if _MISSING:
            raise CedarInvalid(_MISSING)
        statements = _statements(text)
        result = cedarpy.validate_policies(text, _schema())
        if not result.validation_passed:
            raise CedarInvalid(_cause(statements, result.errors[0]))
        written = _effects(text)
        if not written:
            raise CedarInvalid("has no permit or forbid statement")
        return _Checked(cedarpy.PolicySet.from_str(text), written)
    except CedarInvalid as error:
        return _Checked(None, {}, str(error))


def evaluate_cedar(text: str, principal: CedarPrincipal, node_id: str, node_tags: Mapping[str, str]) -> CedarVerdict:
    """Return what `text` says of `principal` getting access to a node; it is checked before that."""
    checked = _checked(text)
    if checked.policies is None:
        return CedarVerdict(permitted=False, forbidden=False, errors=(checked.error,))
    request = {
        "principal": _reference(_USER, principal.user_id),
        "action": ACTION,
        "resource": _reference(_NODE, node_id),
        "context": {"iam": {"principalTags": {"__entity": {"type": _TAGS, "id": principal.user_id}}}},
    }
    entities = _entities(principal, node_id, node_tags)
    answer = cedarpy.is_authorized(request, checked.policies, entities, schema=_schema())
    errors = tuple(str(each) for each in answer.diagnostics.errors)
    if answer.decision is cedarpy.Decision.NoDecision and not errors:
        errors = ("no decision",)
    permitted = answer.decision is cedarpy.Decision.Allow and not errors
    forbidden = any(checked.effects.get(reason) == "forbid" for reason in answer.diagnostics.reasons)
    return CedarVerdict(permitted, forbidden, errors)


def _statements(text: str) -> list[tuple[int, str]]:
    """Return the statements with the lines they begin in; raises CedarInvalid for what the engine must not get."""
    if len(text.encode()) > TEXT_LIMIT:
        raise CedarInvalid(f"has more than {TEXT_LIMIT} bytes")
    found, start, depths = [], 0, _Depths()
    for token in _TOKEN.finditer(text):
        exceeded = depths.exceeded_by(token[0])
        if exceeded:
            raise CedarInvalid(f"line {_line(text, token.start())}: {exceeded}")
        if token[0] == ";":
            found.append((_line(text, _first_word(text, start)), text[start : token.end()]))
            start = token.end()
            if len(found) > MOST_STATEMENTS:
                raise CedarInvalid(f"has more than {MOST_STATEMENTS} statements")
    if _first_word(text, start) < len(text):
        found.append((_line(text, _first_word(text, start)), text[start:]))
    return found


@dataclass(slots=True)
class _Depths:
    """How deep the statement at hand is in brackets, how many ifs it has, and the chain of attributes that it is in."""

    brackets: int = 0
    ifs: int = 0
    chain: int = 0
    after_dot: bool = False

    def exceeded_by(self, word: str) -> str:
        """Accept the next token; return the limit that is exceeded, empty if none is."""
        if word.startswith("//"):
            return ""
        if word == ".":
            self.chain += 1
        elif not self.after_dot:
            self.chain = 0
        self.after_dot = word == "."
        if word in ("(", "[", "{"):
            self.brackets += 1
        elif word in (")", "]", "}"):
            self.brackets -= 1
        elif word == ";":
            self.ifs = 0
        elif word == "if":
            self.ifs += 1
        if self.brackets > DEEPEST:
            return f"brackets are nested deeper than {DEEPEST}"
        if self.chain > LONGEST_CHAIN:
            return f"a chain of attributes is longer than {LONGEST_CHAIN}"
        return f"a statement has more than {MOST_IFS} ifs" if self.ifs > MOST_IFS else ""


def _first_word(text: str, start: int) -> int:
    """Return the offset of what follows white space and comments."""
    skipped = _BLANK.match(text, start)
    return start if skipped is None else skipped.end()


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def _cause(statements: list[tuple[int, str]], error: "cedarpy.ValidationError") -> str:
    """Return the fault, and the line in which the faulty statement begins."""
    reason = " ".join(_OF_STATEMENT.sub("", error.error).split())
    if error.policy_id:
        line, _ = statements[int(error.policy_id.removeprefix("policy"))]
        return f"line {line}: {reason}"
    for line, statement in statements:
        try:
            cedarpy.PolicySet.from_str(statement)
        except ValueError:
            return f"line {line}: {reason}"
    return reason


def _effects(text: str) -> Mapping[str, str]:
    """Return each statement's effect, by the names that the engine gives them: policy0, policy1 …"""
    found = {}
    for place, (line, statement) in enumerate(_statements(text)):
        effect = _EFFECT.match(statement)
        if effect is None:
            raise CedarInvalid(f"line {line}: neither permit nor forbid")
        if any(token[0].startswith("?") for token in _SLOT.finditer(statement)):
            raise CedarInvalid(f"line {line}: a template, with ?principal or ?resource, cannot be used here")
        found[f"policy{place}"] = effect[1]
    return found


def _entities(principal: CedarPrincipal, node_id: str, node_tags: Mapping[str, str]) -> list[dict[str, Any]]:
    attributes = {name: principal.tags[name] for name in PRINCIPAL_ATTRIBUTES if name in principal.tags}
    groups = sorted(principal.groups)
    return [
        {
            "uid": {"type": _USER, "id": principal.user_id},
            "attrs": attributes,
            "parents": [{"type": _GROUP, "id": group} for group in groups],
        },
        *_plain(_GROUP, groups),
        {"uid": {"type": _NODE, "id": node_id}, "attrs": {}, "parents": [], "tags": dict(node_tags)},
        {"uid": {"type": _TAGS, "id": principal.user_id}, "attrs": {}, "parents": [], "tags": dict(principal.tags)},
    ]


def _plain(kind: str, ids: Iterable[str]) -> list[dict[str, Any]]:
    return [{"uid": {"type": kind, "id": each}, "attrs": {}, "parents": []} for each in ids]


def _reference(kind: str, entity_id: str) -> str:
    escaped = entity_id.replace("\\", "\\\\").replace('"', '\\"')
    return f'{kind}::"{escaped}"'


@cache
def _schema() -> "cedarpy.Schema":
    return cedarpy.Schema.from_str(_SCHEMA)
