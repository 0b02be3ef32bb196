"""The decision: AWS's order of evaluation within one account, and what decided.

An explicit deny in any policy wins. Otherwise a trust or key policy must allow, and a resource policy may; one that
names the caller itself is enough, one that names the caller's role spares it identity policies. Otherwise identity
policies, then the permissions boundary, then session policies must each allow, where there are any of the latter two.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from ferryman.policy.arns import split_arn
from ferryman.policy.context import RequestContext, fold
from ferryman.policy.documents import Effect, Policy, Statement
from ferryman.policy.principals import Grant, Requester
from ferryman.policy.work import EXPLANATION_LIMIT, Work


class Verdict(StrEnum):
    """The decision, in the words of SimulatePrincipalPolicy."""

    ALLOWED = "allowed"
    EXPLICIT_DENY = "explicitDeny"
    IMPLICIT_DENY = "implicitDeny"


class Layer(StrEnum):
    """The kinds of policies that must agree."""

    RESOURCE = "resource"
    IDENTITY = "identity"
    BOUNDARY = "permissions boundary"
    SESSION = "session"


@dataclass(frozen=True, slots=True)
class NamedPolicy:
    """A policy under the name or ARN that decisions give it."""

    name: str
    policy: Policy


@dataclass(frozen=True, slots=True)
class PolicySet:
    """Every policy that bears on a request. `resource` is the resource's policy, or the role's trust policy.

    `session` is None if the caller's session was made without session policies; an empty one allows nothing.
    """

    identity: Sequence[NamedPolicy] = ()
    boundary: NamedPolicy | None = None
    session: Sequence[NamedPolicy] | None = None
    resource: NamedPolicy | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """A request to decide: an action (`ssm:StartSession`), the ARN of a resource, the context, and, for resource and
    trust policies, the requester.

    `resource_context` is for variables in resources, if that is another than for conditions. `alias` is a second ARN of
    the resource: Resource covers it by either name, NotResource spares it by either.
    """

    action: str
    resource: str
    context: RequestContext
    requester: Requester | None = None
    resource_context: RequestContext | None = None
    alias: str = ""
    folded_action: str = field(init=False, repr=False)
    names: tuple[tuple[str, ...], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "folded_action", fold(self.action))
        names = (self.resource, self.alias) if self.alias else (self.resource,)
        object.__setattr__(self, "names", tuple(split_arn(name) for name in names))


@dataclass(frozen=True, slots=True)
class MatchedStatement:
    """A statement that applies: its policy's name, its place in it from 0, and its Sid, empty if it has none."""

    layer: Layer
    policy: str
    index: int
    sid: str
    effect: Effect


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict and its reason.

    `statement` is the one that denied or allowed; None for an implicit deny, of which `layer` names what did not allow.
    """

    verdict: Verdict
    layer: Layer
    statement: MatchedStatement | None = None

    @property
    def allowed(self) -> bool:
        """Whether the request may proceed."""
        return self.verdict is Verdict.ALLOWED


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision, every statement that applies in any layer, and the keys that policies ask for and the context lacks.

    Keys are folded, and come only from statements about the action. `work` is the cost of the explanation.
    """

    decision: Decision
    matched: tuple[MatchedStatement, ...]
    missing_keys: tuple[str, ...]
    work: int = 0


def evaluate(policies: PolicySet, request: Request) -> Decision:
    """Decide a request. Raises EvaluationTooLarge, which is a refusal, if that is too much work."""
    work = Work()
    layers = _layers(policies)
    for layer, named in layers:
        denying = _denial(layer, named, request, work)
        if denying is not None:
            return Decision(Verdict.EXPLICIT_DENY, layer, denying)
    allowing: MatchedStatement | None = None
    grant = Grant.NONE
    if policies.resource is not None:
        grant, allowing = _resource_grant(policies.resource, request, work)
        if grant is Grant.DIRECT:
            return Decision(Verdict.ALLOWED, Layer.RESOURCE, allowing)
        if grant is Grant.NONE and policies.resource.policy.kind.decides_alone:
            return Decision(Verdict.IMPLICIT_DENY, Layer.RESOURCE)
    for layer, named in layers:
        if layer is Layer.RESOURCE or (layer is Layer.IDENTITY and grant is Grant.ROLE):
            continue
        found = _allowance(layer, named, request, work)
        if found is None:
            return Decision(Verdict.IMPLICIT_DENY, layer)
        allowing = allowing or found
    if allowing is None:
        return Decision(Verdict.IMPLICIT_DENY, Layer.IDENTITY)
    return Decision(Verdict.ALLOWED, allowing.layer, allowing)


def explain(policies: PolicySet, request: Request) -> Explanation:
    """Decide a request and say everything that bore on it; slower than `evaluate`, which decides the same.

    Raises EvaluationTooLarge, if `evaluate` does and if only the explanation is too much work.
    """
    decision = evaluate(policies, request)
    work = Work(EXPLANATION_LIMIT)
    matched: list[MatchedStatement] = []
    missing: set[str] = set()
    for layer, named in _layers(policies):
        for each in named:
            statements = sorted((*each.policy.denying, *each.policy.allowing), key=lambda statement: statement.index)
            for statement in statements:
                if _applies(statement, request, work):
                    matched.append(_matched(layer, each, statement))
                if statement.actions.covers(request.folded_action, work):
                    work.spend(statement.size)
                    missing.update(key for key in statement.keys if not request.context.get(key))
    return Explanation(decision, tuple(matched), tuple(sorted(missing)), work.spent)


def _layers(policies: PolicySet) -> tuple[tuple[Layer, Sequence[NamedPolicy]], ...]:
    """Return the layers that must allow, in AWS's order; identity policies always, even if there are none."""
    layers: list[tuple[Layer, Sequence[NamedPolicy]]] = []
    if policies.resource is not None:
        layers.append((Layer.RESOURCE, (policies.resource,)))
    layers.append((Layer.IDENTITY, policies.identity))
    if policies.boundary is not None:
        layers.append((Layer.BOUNDARY, (policies.boundary,)))
    if policies.session is not None:
        layers.append((Layer.SESSION, policies.session))
    return tuple(layers)


def _denial(layer: Layer, named: Sequence[NamedPolicy], request: Request, work: Work) -> MatchedStatement | None:
    for each in named:
        for statement in each.policy.denying:
            if _applies(statement, request, work):
                return _matched(layer, each, statement)
    return None


def _allowance(layer: Layer, named: Sequence[NamedPolicy], request: Request, work: Work) -> MatchedStatement | None:
    for each in named:
        for statement in each.policy.allowing:
            if _applies(statement, request, work):
                return _matched(layer, each, statement)
    return None


def _resource_grant(named: NamedPolicy, request: Request, work: Work) -> tuple[Grant, MatchedStatement | None]:
    """Return the most direct grant of a resource's policy, and the first statement that makes it."""
    best: Grant = Grant.NONE
    allowing: MatchedStatement | None = None
    for statement in named.policy.allowing:
        grant = statement.grant(request.requester)
        if grant > best and _applies(statement, request, work):
            best, allowing = grant, _matched(Layer.RESOURCE, named, statement)
    return best, allowing


def _applies(statement: Statement, request: Request, work: Work) -> bool:
    named = request.context if request.resource_context is None else request.resource_context
    applies = statement.applies(request.folded_action, request.names, request.context, named, work)
    return applies and (statement.principals is None or statement.grant(request.requester) is not Grant.NONE)


def _matched(layer: Layer, named: NamedPolicy, statement: Statement) -> MatchedStatement:
    return MatchedStatement(layer, named.name, statement.index, statement.sid, statement.effect)
