"""IAM's policy simulation: what policies would decide, and which condition keys they use."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ferryman.core.authorization.decisions import require
from ferryman.core.authorization.policy_sources import PolicySource, source_of
from ferryman.core.authorization.request_context import Keys, policy_set
from ferryman.core.paging import Listing, page_of
from ferryman.core.service import Service
from ferryman.core.simulation import Principal, Simulated, bounded, context_keys, principal, simulate, spelt
from ferryman.model.errors import ServiceError
from ferryman.model.identity.callers import Caller, CallerKind
from ferryman.model.identity.policies import PolicyDocument
from ferryman.policy.documents import PolicyKind
from ferryman.policy.evaluation import Layer, MatchedStatement, NamedPolicy, PolicySet
from ferryman.policy.offsets import Position, statement_positions
from ferryman.policy.parsing import parse_policy
from ferryman.policy.work import EvaluationTooLarge
from ferryman.server.operations.context import OperationContext, Operations, Parameters, Result
from ferryman.server.operations.iam.results import marker_of, page_result

PAIRS_LIMIT = 1000
"""Actions times resources per simulation."""
INPUTS_LIMIT = 50
"""Policies per list of a request."""
STATEMENTS_LIMIT = 1000
"""Matched statements per page: with large policies, pages have fewer results than requested."""
WORK_LIMIT = 3_000_000
"""Units of work (`policy.work`) per page, 0.3 s. One request is simulated at a time, one result at a time."""
VALUES_LIMIT = 8192
"""Characters of all values of context entries together; a request's headers may have as many."""
_UNSUPPORTED = ("PolicyExclusionList", "OrderedOrganizationPolicyInputList", "ResourceOwner", "ResourceHandlingOption")
_RESOURCE_POLICY = "ResourcePolicy"


@dataclass(frozen=True, slots=True)
class _Simulation:
    """The principal of a simulation, its compiled policies, and the documents they come from, by name.

    `positions` of their statements and `sources` of the documents are filled in when they are first needed.
    """

    of: Principal
    policies: PolicySet
    documents: dict[str, PolicyDocument]
    positions: dict[str, Sequence[tuple[Position, Position]]] = field(default_factory=dict)
    sources: dict[str, PolicySource] = field(default_factory=dict)

    @property
    def statements(self) -> int:
        """How many statements can match."""
        optional = (self.policies.boundary, self.policies.resource)
        named = [*self.policies.identity, *(self.policies.session or ()), *(each for each in optional if each)]
        return sum(len(each.policy.denying) + len(each.policy.allowing) for each in named)


async def _simulate_principal(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    source = parameters["PolicySourceArn"]
    of = await _principal(context.service, caller, "SimulatePrincipalPolicy", source)
    if parameters.get("CallerArn") not in (None, source):
        raise _invalid("CallerArn must be PolicySourceArn: callers are simulated with their own policies")
    return await _simulate(context, caller, "SimulatePrincipalPolicy", parameters, await _asked(of, parameters))


async def _simulate_custom(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    require(context.service, caller, "iam:SimulateCustomPolicy", "*")
    account_id = context.service.settings.account_id
    nobody = Caller(CallerKind.USER, account_id, parameters.get("CallerArn", ""), "", "")
    return await _simulate(
        context,
        caller,
        "SimulateCustomPolicy",
        parameters,
        await _asked(Principal(nobody, named=False, known=False), parameters),
    )


async def _keys_of_principal(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    of = await _principal(context.service, caller, "GetContextKeysForPrincipalPolicy", parameters["PolicySourceArn"])
    asked = await _asked(of, parameters)
    return {"ContextKeyNames": context_keys(asked.policies.identity)}


async def _principal(service: Service, caller: Caller, operation: str, source: str) -> Principal:
    """Return the principal that `source` names; `caller` needs permission for the name and for the principal's ARN."""
    require(service, caller, f"iam:{operation}", source)
    of = await principal(service, source)
    require(service, caller, f"iam:{operation}", of.caller.role_arn or of.caller.arn)
    return of


async def _keys_of_custom(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    require(context.service, caller, "iam:GetContextKeysForCustomPolicy", "*")
    return {"ContextKeyNames": context_keys((await _read(parameters, "PolicyInputList"))[0])}


async def _asked(of: Principal, parameters: Parameters) -> _Simulation:
    """Return the policies of a simulation: the principal's and the request's, whose boundary replaces the principal's.

    Raises MalformedPolicyDocument, LimitExceeded, InvalidInput.
    """
    for member in _UNSUPPORTED:
        if parameters.get(member):
            raise _invalid(f"{member} is not supported")
    further, texts = await _read(parameters, "PolicyInputList")
    boundaries, bounding = await _read(parameters, "PermissionsBoundaryPolicyInputList")
    if len(boundaries) > 1:
        raise _invalid("a caller can have only one permissions boundary")
    own = policy_set(of.caller)
    policies = replace(own, identity=[*own.identity, *further], boundary=boundaries[0] if boundaries else own.boundary)
    documents = [*of.caller.policies, *(of.caller.session_policies or ()), *texts, *bounding]
    if of.caller.boundary is not None:
        documents.append(of.caller.boundary)
    if parameters.get(_RESOURCE_POLICY):
        document = PolicyDocument(_RESOURCE_POLICY, parameters[_RESOURCE_POLICY])
        resource = NamedPolicy(_RESOURCE_POLICY, parse_policy(document.text, PolicyKind.RESOURCE))
        policies, documents = replace(policies, resource=resource), [*documents, document]
    return _Simulation(of, policies, {each.name: each for each in documents})


async def _read(parameters: Parameters, member: str) -> tuple[list[NamedPolicy], list[PolicyDocument]]:
    texts = parameters.get(member) or []
    if len(texts) > INPUTS_LIMIT:
        raise _invalid(f"{member} has {len(texts)} policies; the maximum is {INPUTS_LIMIT}")
    documents = [PolicyDocument(f"{member}.{place}", text) for place, text in enumerate(texts, 1)]
    policies = []
    for each in documents:
        await asyncio.sleep(0)  # parsing takes milliseconds each; let others run
        policies.append(NamedPolicy(each.name, parse_policy(each.text, PolicyKind.MANAGED)))
    return policies, documents


async def _simulate(
    context: OperationContext, caller: Caller, operation: str, parameters: Parameters, asked: _Simulation
) -> Result:
    resources = parameters.get("ResourceArns") or ["*"]
    count = len(parameters["ActionNames"]) * len(resources)
    if count > PAIRS_LIMIT:
        raise _invalid(f"the simulation has {count} pairs of action and resource; the maximum is {PAIRS_LIMIT}")
    pairs = [(action, resource) for action in parameters["ActionNames"] for resource in resources]
    keys = _keys(parameters)
    members = [
        parameters.get("PolicySourceArn"),
        repr(pairs),
        repr(sorted(keys.items())),
        repr(sorted(asked.documents)),
    ]
    page = page_of(
        Listing(context.service, caller, operation, members),
        list(enumerate(pairs)),
        lambda each: f"{each[0]:04}",
        *marker_of(parameters),
        most=max(1, STATEMENTS_LIMIT // max(1, asked.statements)),
    )
    results: list[Result] = []
    work = 0
    async with context.gateway.simulations:
        for _, (action, resource) in page.items:
            await asyncio.sleep(0)  # let others run
            try:
                found = await simulate(context.service, asked.of, action, resource, keys, asked.policies)
            except EvaluationTooLarge as error:
                raise _invalid(f"simulating {action} takes more than {error.limit} units of work; {_FEWER}") from error
            work += found.explanation.work
            if work > WORK_LIMIT:
                raise _invalid(f"the simulation takes more than {WORK_LIMIT} units of work; {_FEWER}, or set MaxItems")
            results.append(await _result(context.service, asked, found))
    return page_result("EvaluationResults", page, results)


_FEWER = "send fewer policies, patterns or context values"


def _keys(parameters: Parameters) -> Keys:
    entries = [each for each in parameters.get("ContextEntries") or () if each.get("ContextKeyName")]
    values = {each["ContextKeyName"]: tuple(each.get("ContextKeyValues") or ()) for each in entries}
    size = sum(len(value) for several in values.values() for value in several)
    if size > VALUES_LIMIT:
        raise _invalid(f"the values of ContextEntries have {size} characters; the maximum is {VALUES_LIMIT}")
    return values


async def _result(service: Service, asked: _Simulation, found: Simulated) -> Result:
    within = bounded(asked.policies, found)
    if found.key_policy is not None:
        asked.documents[found.key_policy.name] = found.key_policy
    explanation = found.explanation
    return {
        "EvalActionName": found.action,
        "EvalResourceName": found.resource,
        "EvalDecision": explanation.decision.verdict.value,
        "MatchedStatements": [await _statement(service, asked, each) for each in explanation.matched],
        "MissingContextValues": spelt(explanation.missing_keys),
        "PermissionsBoundaryDecisionDetail": None if within is None else {"AllowedByPermissionsBoundary": within},
    }


async def _statement(service: Service, asked: _Simulation, matched: MatchedStatement) -> Result:
    document = asked.documents[matched.policy]
    if matched.policy not in asked.sources:
        asked.sources[matched.policy] = await source_of(service, document)
    source = asked.sources[matched.policy]
    if matched.policy not in asked.positions:
        asked.positions[matched.policy] = statement_positions(document.text)
    begin, end = asked.positions[matched.policy][matched.index]
    return {
        "SourcePolicyId": source.arn or source.name,
        "SourcePolicyType": "resource" if matched.layer is Layer.RESOURCE else source.kind,
        "StartPosition": _position(begin),
        "EndPosition": _position(end),
    }


def _position(position: Position) -> Result:
    return {"Line": position.line, "Column": position.column}


def _invalid(what: str) -> ServiceError:
    return ServiceError("InvalidInput", f"{what[:1].upper()}{what[1:]}.")


OPERATIONS: Operations = {
    ("iam", "SimulatePrincipalPolicy"): _simulate_principal,
    ("iam", "SimulateCustomPolicy"): _simulate_custom,
    ("iam", "GetContextKeysForPrincipalPolicy"): _keys_of_principal,
    ("iam", "GetContextKeysForCustomPolicy"): _keys_of_custom,
}
