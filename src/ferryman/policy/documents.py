"""A parsed policy as values, ready to be evaluated for a request."""

from dataclasses import dataclass
from enum import Enum, StrEnum

from ferryman.policy import patterns
from ferryman.policy.arns import ArnPattern
from ferryman.policy.conditions import Condition
from ferryman.policy.context import RequestContext
from ferryman.policy.patterns import Segments
from ferryman.policy.principals import Grant, Principals, Requester
from ferryman.policy.work import PER_CONDITION, PER_STATEMENT, Work


class PolicyKind(Enum):
    """What a document is for; `limit` is the characters it may have, white space left out, IAM's and STS's quotas.

    One that `has_principals` says whom it is about, since it belongs to no identity. The limits of inline policies are
    for all those of one identity together; here it applies to each policy separately. Of those that `decides_alone`, no
    other policy allows anything that they do not mention.
    """

    MANAGED = ("managed", 6144)
    INLINE_USER = ("inline user", 2048)
    INLINE_GROUP = ("inline group", 5120)
    INLINE_ROLE = ("inline role", 10240)
    SESSION = ("session", 2048)
    TRUST = ("trust", 2048)
    RESOURCE = ("resource", 10240)
    KEY = ("key", 32768)

    def __init__(self, title: str, limit: int) -> None:
        self.title = title
        self.limit = limit
        self.has_principals = title in {"trust", "resource", "key"}
        self.decides_alone = title in {"trust", "key"}


class Effect(StrEnum):
    """Whether a statement allows or denies."""

    ALLOW = "Allow"
    DENY = "Deny"


@dataclass(frozen=True, slots=True)
class Actions:
    """Action or NotAction, folded. `exact` are whole names, `like` those with wildcards."""

    exact: frozenset[str]
    like: tuple[Segments, ...]
    inverted: bool

    def covers(self, action: str, work: Work) -> bool:
        """Return whether the element covers a folded action. Raises EvaluationTooLarge."""
        found = action in self.exact
        if self.like and not found:
            found = any(patterns.matches(pattern, action, work) for pattern in self.like)
        return found is not self.inverted


@dataclass(frozen=True, slots=True)
class Resources:
    """Resource or NotResource."""

    patterns: tuple[ArnPattern, ...]
    inverted: bool

    def cover(self, names: tuple[tuple[str, ...], ...], context: RequestContext, work: Work, *, allowing: bool) -> bool:
        """Return whether the element covers a resource, given as the fields of its ARNs: one that matches is enough.

        A pattern with a variable that stands for nothing matches nothing; NotResource of an `allowing` statement then
        covers nothing either, since it would by not being known. A variable of an ambiguous key may stand for
        anything in a statement that denies. Raises EvaluationTooLarge.
        """
        work.spend(len(self.patterns) * len(names))
        known = True
        for pattern in self.patterns:
            for fields in names:
                found = pattern.matches(fields, context, work)
                if found:
                    return not self.inverted
                if found is None:
                    known = False
                    if not (allowing or self.inverted or context.ambiguous.keys().isdisjoint(pattern.keys)):
                        return True
        return self.inverted and (known or not allowing)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. `index` is its place in the document; `principals` are a resource or trust policy's."""

    index: int
    sid: str
    effect: Effect
    actions: Actions
    resources: Resources | None
    conditions: tuple[Condition, ...] = ()
    principals: Principals | None = None
    excepts_principals: bool = False

    def applies(
        self,
        action: str,
        names: tuple[tuple[str, ...], ...],
        context: RequestContext,
        resource_context: RequestContext,
        work: Work,
    ) -> bool:
        """Return whether it is about this action and resource, and its conditions hold. `grant` asks of principals.

        `names` are the resource's ARNs as their fields, mostly one.

        Variables of its resources stand for what `resource_context` has. Raises EvaluationTooLarge.
        """
        work.spend(PER_STATEMENT)
        if not self.actions.covers(action, work):
            return False
        allowing = self.effect is Effect.ALLOW
        if self.resources is not None and not self.resources.cover(names, resource_context, work, allowing=allowing):
            return False
        return not self.conditions or all(
            condition.holds(context, work, allowing=allowing) for condition in self.conditions
        )

    def grant(self, requester: Requester | None) -> Grant:
        """Return how directly it names the requester; without principals it is about the identity that has it."""
        if self.principals is None:
            return Grant.DIRECT
        found = self.principals.grant(requester) if requester is not None else Grant.NONE
        if self.excepts_principals:
            return Grant.NONE if found else Grant.DIRECT
        return found

    @property
    def size(self) -> int:
        """The cost of checking its resources and conditions, in units of work."""
        patterns = self.resources.patterns if self.resources is not None else ()
        return PER_STATEMENT + PER_CONDITION * (len(patterns) + len(self.conditions))

    @property
    def keys(self) -> frozenset[str]:
        """Every condition key that it asks for, folded."""
        patterns = self.resources.patterns if self.resources is not None else ()
        of_resources = frozenset[str]().union(*(each.keys for each in patterns))
        return of_resources.union(*(each.keys for each in self.conditions))


@dataclass(frozen=True, slots=True)
class Policy:
    """A parsed document. `denying` and `allowing` are its statements by effect, in order."""

    kind: PolicyKind
    version: str
    denying: tuple[Statement, ...]
    allowing: tuple[Statement, ...]
