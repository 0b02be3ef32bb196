"""Approval policies: documents of type AutoApprovalPolicy and ManualApprovalPolicy, schema 0.3.

An AutoApprovalPolicy contains Cedar, wrapped as AWS's console and CloudFormation write it, or as plain text. There are
two, identified by name: one approves, the other forbids automatic approval.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ferryman.core.documents.parameters import Parameter
from ferryman.core.documents.text import RuleBroken
from ferryman.model.access_requests import ApprovalLevel, Approver, ApproverKind
from ferryman.model.documents import AUTO_APPROVAL_DOCUMENT, DENY_ACCESS_DOCUMENT
from ferryman.policy.cedar import CedarInvalid, check_bounds, check_cedar, effects

SCHEMA_VERSION = "0.3"
SHORTEST_WINDOW = 60
AUTOMATIC_WINDOW = 3600
"""Seconds of automatically approved access: the maximum, and the default. Fixed on AWS."""
LONGEST_WINDOW = 336 * 3600
LONGEST_WAIT = 30 * 86_400
DEFAULT_WAIT = 7 * 86_400
"""Seconds that a request waits for approval, as in AWS's `aws:approve`."""
LEVELS, APPROVERS = 5, 5
"""The most approvers of a policy, and of a level."""
TARGETS, VALUES = 5, 50
PARTS = 32
"""The most Cedar texts in one policy."""
_APPROVE = "aws:approve"
_TAG = re.compile(r"tag:[^\0]{1,128}")
_KINDS = {
    "IAMUser": ApproverKind.USER,
    "SSOUser": ApproverKind.USER,
    "IAMGroup": ApproverKind.GROUP,
    "SSOGroup": ApproverKind.GROUP,
    "IAMRole": ApproverKind.ROLE,
}
_ARN = re.compile(r"arn:aws[a-z-]*:(?:iam|sts)::[0-9]{12}:(user|group|role|assumed-role)/[\x21-\x7e]{1,512}")
_NAME = re.compile(r"[A-Za-z0-9_+=,.@-]{1,128}")
_OF_ARN = {"user": ApproverKind.USER, "group": ApproverKind.GROUP, "role": ApproverKind.ROLE}


@dataclass(frozen=True, slots=True)
class CedarPart:
    """One Cedar text of a policy. `path` is its place in the document, empty if it is the whole document."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class AutoApprovalPolicy:
    """A policy in Cedar. `window` is how many seconds approved access lasts."""

    parts: tuple[CedarPart, ...]
    window: int = AUTOMATIC_WINDOW
    description: str | None = None

    schema_version: ClassVar[str] = SCHEMA_VERSION
    parameters: ClassVar[Mapping[str, Parameter]] = {}
    platforms: ClassVar[tuple[str, ...]] = ("Windows", "Linux", "MacOS")


@dataclass(frozen=True, slots=True)
class ManualApprovalPolicy:
    """A policy of approvers. A node must match all `targets`, (tag key, values); without targets, every node matches.

    `wait` is how many seconds a request waits for approval, `window` how many seconds approved access lasts.
    """

    targets: tuple[tuple[str, tuple[str, ...]], ...]
    levels: tuple[ApprovalLevel, ...]
    window: int
    wait: int
    description: str | None = None

    schema_version: ClassVar[str] = SCHEMA_VERSION
    parameters: ClassVar[Mapping[str, Parameter]] = {}
    platforms: ClassVar[tuple[str, ...]] = ("Windows", "Linux", "MacOS")

    def fits(self, tags: Mapping[str, str]) -> bool:
        """Return whether the policy covers a node with these tags."""
        return all(tags.get(key) in values for key, values in self.targets)


def read_auto_approval_policy(value: Mapping[str, Any], name: str) -> AutoApprovalPolicy:
    """Return the policy in plain values; raises `RuleBroken`.

    The size of its Cedar is checked here, its meaning by Cedar's engine in `check_cedar_parts`. Its `name` determines
    what it may do: the policy that forbids may only forbid.
    """
    if name not in (AUTO_APPROVAL_DOCUMENT, DENY_ACCESS_DOCUMENT):
        raise RuleBroken("", f"of this type must be called {AUTO_APPROVAL_DOCUMENT} or {DENY_ACCESS_DOCUMENT}.")
    _check_members(value, ("AutoApprovalPolicyDocuments",), ("accessDuration",))
    given = value["AutoApprovalPolicyDocuments"]
    if not isinstance(given, list) or not 1 <= len(given) <= PARTS:
        raise RuleBroken("AutoApprovalPolicyDocuments", f"must be a list of 1 to {PARTS} policies.")
    parts = tuple(_cedar_part(each, f"AutoApprovalPolicyDocuments[{place}]") for place, each in enumerate(given))
    if name == DENY_ACCESS_DOCUMENT:
        for part in parts:
            if "permit" in effects(part.text):
                raise RuleBroken(part.path, f"permits, but {DENY_ACCESS_DOCUMENT} may only forbid.")
    window = _seconds(value, "accessDuration", SHORTEST_WINDOW, AUTOMATIC_WINDOW, AUTOMATIC_WINDOW)
    return AutoApprovalPolicy(parts, window, _description(value))


def check_cedar_parts(policy: AutoApprovalPolicy) -> None:
    """Check every text with Cedar's engine, which can take seconds and end the process; raises `RuleBroken`."""
    for part in policy.parts:
        try:
            check_cedar(part.text)
        except CedarInvalid as error:
            raise _invalid(part.path, error) from error


def wrap_cedar(text: str) -> dict[str, Any]:
    """Return the document that wraps a policy written as plain Cedar."""
    return {
        "schemaVersion": SCHEMA_VERSION,
        "accessDuration": AUTOMATIC_WINDOW,
        "AutoApprovalPolicyDocuments": [{"type": "Cedar", "content": text}],
    }


def read_manual_approval_policy(value: Mapping[str, Any]) -> ManualApprovalPolicy:
    """Return the policy in plain values; raises `RuleBroken`."""
    _check_members(value, ("accessDuration", "mainSteps"), ("targets",))
    steps = value["mainSteps"]
    if not isinstance(steps, list) or not 1 <= len(steps) <= LEVELS:
        raise RuleBroken("mainSteps", f"must be a list of 1 to {LEVELS} levels of approval.")
    read = [_level(each, f"mainSteps[{place}]") for place, each in enumerate(steps)]
    names = [level.name for level, _ in read]
    if len(set(names)) < len(names):
        raise RuleBroken("mainSteps", "has two levels of one name.")
    return ManualApprovalPolicy(
        targets=_targets(value.get("targets") or []),
        levels=tuple(level for level, _ in read),
        window=_seconds(value, "accessDuration", SHORTEST_WINDOW, LONGEST_WINDOW, None),
        wait=min(wait for _, wait in read),
        description=_description(value),
    )


def _cedar_part(given: object, path: str) -> CedarPart:
    if not isinstance(given, dict):
        raise RuleBroken(path, "must be an object.")
    for member in given:
        if member not in ("id", "description", "type", "content"):
            raise RuleBroken(f"{path}.{member}", "is unknown.")
    if given.get("type") != "Cedar":
        raise RuleBroken(f"{path}.type", "must be Cedar.")
    text, where = given.get("content"), f"{path}.content"
    if not isinstance(text, str):
        raise RuleBroken(where, "must be Cedar in a string.")
    try:
        check_bounds(text)
    except CedarInvalid as error:
        raise _invalid(where, error) from error
    return CedarPart(where, text)


def _invalid(path: str, error: CedarInvalid) -> RuleBroken:
    return RuleBroken(path, f"is not a valid policy: {error}.")


def _check_members(value: Mapping[str, Any], required: tuple[str, ...], optional: tuple[str, ...]) -> None:
    shared = ("schemaVersion", "description", "accessTokenRole")
    for member in value:
        if member not in (*shared, *required, *optional):
            raise RuleBroken(member, "is unknown.")
    for member in required:
        if member not in value:
            raise RuleBroken(member, "is required.")
    if value.get("schemaVersion") != SCHEMA_VERSION:
        raise RuleBroken("schemaVersion", f'must be the string "{SCHEMA_VERSION}".')
    if not isinstance(value.get("accessTokenRole"), str | None):
        raise RuleBroken("accessTokenRole", "must be a string.")


def _description(value: Mapping[str, Any]) -> str | None:
    given = value.get("description")
    if not isinstance(given, str | None):
        raise RuleBroken("description", "must be a string.")
    return given


def _seconds(value: Mapping[str, Any], member: str, least: int, most: int, default: int | None, path: str = "") -> int:
    given = value.get(member, default)
    if isinstance(given, bool) or not isinstance(given, int) or not least <= given <= most:
        raise RuleBroken(f"{path}{member}", f"must be a number of seconds, {least} to {most}.")
    return given


def _targets(given: object) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if not isinstance(given, list) or len(given) > TARGETS:
        raise RuleBroken("targets", f"must be a list of at most {TARGETS} targets.")
    found = []
    for place, each in enumerate(given):
        path = f"targets[{place}]"
        if not isinstance(each, dict) or set(each) != {"Key", "Values"}:
            raise RuleBroken(path, "must have Key and Values.")
        key, values = each["Key"], each["Values"]
        if not isinstance(values, list) or not 1 <= len(values) <= VALUES:
            raise RuleBroken(f"{path}.Values", f"must be a list of 1 to {VALUES} values.")
        if not all(isinstance(value, str) for value in values):
            raise RuleBroken(f"{path}.Values", "must be strings.")
        if key == "InstanceIds" and values == ["*"]:
            continue
        if not isinstance(key, str) or not _TAG.fullmatch(key):
            raise RuleBroken(f"{path}.Key", 'must be tag:<key>, or InstanceIds with the one value "*" for every node.')
        found.append((key.removeprefix("tag:"), tuple(values)))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Step:
    """A step's members, each checked by its own rule."""

    path: str
    value: Mapping[str, Any] = field(default_factory=dict)

    def below(self, member: str, known: tuple[str, ...]) -> "_Step":
        path = f"{self.path}.{member}"
        value = self.value.get(member)
        if not isinstance(value, dict):
            raise RuleBroken(path, "must be an object.")
        return _step(value, path, known)


def _step(value: object, path: str, known: tuple[str, ...]) -> _Step:
    if not isinstance(value, dict):
        raise RuleBroken(path, "must be an object.")
    for member in value:
        if member not in known:
            raise RuleBroken(f"{path}.{member}", "is unknown.")
    return _Step(path, value)


def _level(given: object, path: str) -> tuple[ApprovalLevel, int]:
    """Return a level, and how many seconds it waits."""
    step = _step(given, path, ("name", "action", "timeoutSeconds", "inputs"))
    name = step.value.get("name")
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_.-]{1,128}", name):
        raise RuleBroken(f"{path}.name", "must be 1 to 128 letters, digits and characters of _.-")
    if step.value.get("action") != _APPROVE:
        raise RuleBroken(f"{path}.action", f"must be {_APPROVE}.")
    wait = _seconds(step.value, "timeoutSeconds", SHORTEST_WINDOW, LONGEST_WAIT, DEFAULT_WAIT, f"{path}.")
    inputs = step.below("inputs", ("Message", "MinRequiredApprovals", "Approvers", "EnhancedApprovals"))
    if not isinstance(inputs.value.get("Message"), str | None):
        raise RuleBroken(f"{inputs.path}.Message", "must be a string.")
    approvers = _approvers(inputs)
    minimum = inputs.value.get("MinRequiredApprovals", 1)
    if isinstance(minimum, bool) or not isinstance(minimum, int) or not 1 <= minimum <= APPROVERS:
        raise RuleBroken(f"{inputs.path}.MinRequiredApprovals", f"must be a number, 1 to {APPROVERS}.")
    people = sum(each.kind is ApproverKind.USER for each in approvers)
    if people == len(approvers) < minimum:
        raise RuleBroken(f"{inputs.path}.MinRequiredApprovals", f"is more than the {people} approvers of the policy.")
    return ApprovalLevel(name, minimum, approvers), wait


def _approvers(inputs: _Step) -> tuple[Approver, ...]:
    found: list[Approver] = []
    listed = inputs.value.get("Approvers", [])
    if not isinstance(listed, list):
        raise RuleBroken(f"{inputs.path}.Approvers", "must be a list.")
    found.extend(_by_name(each, f"{inputs.path}.Approvers[{place}]") for place, each in enumerate(listed))
    if "EnhancedApprovals" in inputs.value:
        enhanced = inputs.below("EnhancedApprovals", ("Approvers",))
        listed = enhanced.value.get("Approvers")
        if not isinstance(listed, list):
            raise RuleBroken(f"{enhanced.path}.Approvers", "must be a list.")
        found.extend(_by_kind(each, f"{enhanced.path}.Approvers[{place}]") for place, each in enumerate(listed))
    if not 1 <= len(found) <= APPROVERS:
        raise RuleBroken(inputs.path, f"must name 1 to {APPROVERS} approvers in Approvers or EnhancedApprovals.")
    if len(set(found)) < len(found):
        raise RuleBroken(inputs.path, "names an approver twice.")
    return tuple(found)


def _by_kind(given: object, path: str) -> Approver:
    step = _step(given, path, ("approver", "type"))
    name, kind = step.value.get("approver"), step.value.get("type")
    if kind not in _KINDS:
        raise RuleBroken(f"{path}.type", f"must be one of {', '.join(_KINDS)}.")
    if not isinstance(name, str):
        raise RuleBroken(f"{path}.approver", "must be a name, an id or an ARN.")
    found = _by_name(name, f"{path}.approver")
    if not name.startswith("arn:"):
        return Approver(_KINDS[kind], found.name)
    if found.kind is not _KINDS[kind]:
        raise RuleBroken(f"{path}.approver", f"is not an ARN of type {kind}.")
    return found


def _by_name(given: object, path: str) -> Approver:
    """Return the approver that an ARN denotes, or a plain name, which is a user's."""
    if not isinstance(given, str):
        raise RuleBroken(path, "must be a string.")
    arn = _ARN.fullmatch(given)
    if arn is not None:
        return Approver(_OF_ARN.get(arn[1], ApproverKind.ARN), given)
    if not _NAME.fullmatch(given):
        raise RuleBroken(path, "must be the name or the ARN of a user, a group or a role.")
    return Approver(ApproverKind.USER, given)
