"""`ferryman explain CALLER ACTION RESOURCE`: what policies decide about a call, and which statement decides."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ferryman.bootstrap.configuration import load
from ferryman.bootstrap.service import with_service
from ferryman.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption
from ferryman.cli.output.printing import print_lines
from ferryman.cli.output.tables import print_json
from ferryman.model.arns import Arns
from ferryman.model.failures import Failure
from ferryman.model.identifiers import NODE_ID_PATTERN, NodeId

if TYPE_CHECKING:
    from ferryman.core.authorization.request_context import Keys
    from ferryman.core.service import Service
    from ferryman.core.simulation import Principal, Simulated
    from ferryman.model.identity.policies import PolicyDocument
    from ferryman.policy.evaluation import MatchedStatement

_START = "ssm:StartSession"

CallerArgument = Annotated[
    str, typer.Argument(metavar="CALLER", help="A user's name, or the ARN of a user, group, role or role's session.")
]
ActionArgument = Annotated[str, typer.Argument(metavar="ACTION", help="StartSession, iam:CreateUser …")]
ResourceArgument = Annotated[
    str, typer.Argument(metavar="RESOURCE", help="An ARN, *, a node's id, document/NAME, session/ID or key/ID.")
]
DocumentOption = Annotated[
    str | None, typer.Option("--document", help="The document that StartSession names.", show_default=False)
]
ContextOption = Annotated[
    list[str] | None,
    typer.Option("--context", metavar="KEY=VALUE", help="A condition key of the call; repeatable."),
]


def command(
    caller: CallerArgument,
    action: ActionArgument,
    resource: ResourceArgument,
    *,
    document: DocumentOption = None,
    context: ContextOption = None,
    json: JsonOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Explain whether a caller may do something, and which statement of which policy decides. Run it on the server."""
    from ferryman.core.simulation import principal, simulate, simulate_start

    asked = action if ":" in action else f"ssm:{action}"
    given = _keys(context or [])
    loaded = load(config)
    server = loaded.configuration.server
    arn = _arn(Arns(server.account_id, server.region), resource)

    async def work(service: "Service") -> tuple[str, list[dict[str, Any]]]:
        of = await principal(service, caller)
        found: Sequence[Simulated]
        if asked == _START and ":managed-instance/" in arn:
            found = await simulate_start(service, of, arn, document, given)
        else:
            found = [await simulate(service, of, asked, arn, given)]
        return of.caller.arn, [await _told(service, of, each) for each in found]

    who, decisions = with_service(loaded, work)
    allowed = all(each["decision"] == "allowed" for each in decisions)
    if json:
        print_json({"caller": who, "action": asked, "allowed": allowed, "decisions": decisions})
        return
    print_lines(f"{who} {'may' if allowed else 'may not'} {asked}.")
    for each in decisions:
        print_lines(*_lines(each))


def _keys(context: list[str]) -> "Keys":
    values: dict[str, tuple[str, ...]] = {}
    for each in context:
        key, equals, value = each.partition("=")
        if not equals or ":" not in key:
            raise Failure(
                f"--context {each} does not set a condition key",
                "it must be KEY=VALUE",
                "Write it as aws:SourceIp=192.0.2.7",
            )
        values[key] = (*values.get(key, ()), value)
    return values


def _arn(arns: Arns, resource: str) -> str:
    if resource.startswith("arn:") or resource == "*":
        return resource
    if NODE_ID_PATTERN.fullmatch(resource):
        return arns.node(NodeId(resource))
    if resource.startswith("document/"):
        return arns.document(resource.removeprefix("document/"))
    if resource.startswith("session/"):
        return arns.session(resource.removeprefix("session/"))
    if resource.startswith("key/"):
        return arns.kms_key(resource.removeprefix("key/"))
    raise Failure(
        f"{resource!r} is not a resource",
        "it is neither an ARN nor *",
        "Write an ARN, a node's id, document/NAME, session/ID or key/ID",
    )


async def _told(service: "Service", of: "Principal", found: "Simulated") -> dict[str, Any]:
    from ferryman.core.simulation import spelt

    explanation = found.explanation
    decision = explanation.decision
    optional = (of.caller.boundary, found.key_policy)
    held = [*of.caller.policies, *(each for each in optional if each is not None)]
    return {
        "resource": found.resource,
        "decision": decision.verdict.value,
        "layer": decision.layer.value,
        "decided_by": None if decision.statement is None else await _statement(service, held, decision.statement),
        "matched": [await _statement(service, held, each) for each in explanation.matched],
        "missing_keys": list(spelt(explanation.missing_keys)),
    }


async def _statement(
    service: "Service", held: "Sequence[PolicyDocument]", matched: "MatchedStatement"
) -> dict[str, Any]:
    from ferryman.core.authorization.policy_sources import source_of
    from ferryman.policy.offsets import statement_positions

    document = next(each for each in held if each.name == matched.policy)
    source = await source_of(service, document)
    return {
        "policy": source.title,
        "arn": source.arn or None,
        "layer": matched.layer.value,
        "effect": matched.effect.value,
        "statement": matched.index + 1,
        "sid": matched.sid or None,
        "line": statement_positions(document.text)[matched.index][0].line,
    }


def _lines(told: dict[str, Any]) -> list[str]:
    """Return a decision as text: what decided, what else applies, what is not known."""
    decided = told["decided_by"]
    lines = [f"{told['resource']}: {_WORDS[told['decision']]}"]
    lines.append(f"  No {_LAYERS[told['layer']]} allows it." if decided is None else f"  {_line(decided)}")
    lines += [f"  Also: {_line(each)}" for each in told["matched"] if each != decided]
    if told["missing_keys"]:
        lines.append(f"  Used by the policies, value unknown: {', '.join(told['missing_keys'])}")
    return lines


_WORDS = {"allowed": "allowed", "explicitDeny": "denied", "implicitDeny": "not allowed"}
_LAYERS = {
    "identity": "policy of the caller",
    "permissions boundary": "statement of the permissions boundary",
    "resource": "statement of the key policy",
}


def _line(statement: dict[str, Any]) -> str:
    sid = f" ({statement['sid']})" if statement["sid"] else ""
    boundary = ", the permissions boundary" if statement["layer"] == "permissions boundary" else ""
    where = f"statement {statement['statement']}{sid}, line {statement['line']}"
    return f"{statement['effect']}: {where} of {statement['policy']}{boundary}"
