"""Which approval policy decides a request, and what it requires: deny-access, then automatic, then manual.

This is how AWS evaluates them: the deny-access policy prevents automatic approval, whatever the auto-approval policy
says, and leaves the request to approvers. A policy that cannot be evaluated approves nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ferryman.core.document_tasks import DecideAccess, Decided
from ferryman.core.documents.approval_policies import AutoApprovalPolicy, ManualApprovalPolicy
from ferryman.core.documents.text import RuleBroken
from ferryman.core.documents.types import content_of
from ferryman.core.service import Service
from ferryman.model.access_requests import ApprovalLevel
from ferryman.model.documents import AUTO_APPROVAL_DOCUMENT, DEFAULT_VERSION, DENY_ACCESS_DOCUMENT, DocumentType
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import NodeId
from ferryman.policy.cedar import CedarPrincipal

Nodes = Mapping[NodeId, Mapping[str, str]]
"""Nodes and their tags."""


@dataclass(frozen=True, slots=True)
class ApprovalPlan:
    """How a request is decided. Without levels it is approved immediately; `wait` and `window` are seconds."""

    policy: str
    window: int
    wait: int = 0
    levels: tuple[ApprovalLevel, ...] = ()


async def plan_for(service: Service, principal: CedarPrincipal, nodes: Nodes) -> ApprovalPlan:
    """Return how a request for these nodes is decided: by one policy for all of them.

    Raises AccessDeniedException if no policy covers a node, ValidationException if two cover it or if the nodes would
    need different ones.
    """
    try:
        automatic = await _policy(service, AUTO_APPROVAL_DOCUMENT)
        if automatic is not None and await _is_automatic(service, automatic, principal, nodes):
            return ApprovalPlan(AUTO_APPROVAL_DOCUMENT, automatic.window)
    except RuleBroken:
        pass  # stored before a rule existed: it cannot be evaluated, so approvers decide
    chosen = _manual(await _manual_policies(service), nodes)
    name, policy = chosen
    return ApprovalPlan(name, policy.window, policy.wait, policy.levels)


async def _is_automatic(
    service: Service, automatic: AutoApprovalPolicy, principal: CedarPrincipal, nodes: Nodes
) -> bool:
    denying = await _policy(service, DENY_ACCESS_DOCUMENT)
    task = DecideAccess(
        automatic=tuple(part.text for part in automatic.parts),
        denying=() if denying is None else tuple(part.text for part in denying.parts),
        user_id=principal.user_id,
        groups=tuple(sorted(principal.groups)),
        tags=principal.tags,
        nodes={str(node_id): tags for node_id, tags in nodes.items()},
    )
    result = await service.document_worker.perform(task, principal.user_id)
    return isinstance(result, Decided) and result.permitted


async def _policy(service: Service, name: str) -> AutoApprovalPolicy | None:
    stored = await service.store.documents.get(name, DEFAULT_VERSION)
    if stored is None or stored.version.type is not DocumentType.AUTO_APPROVAL:
        return None
    content = content_of(stored)
    return content if isinstance(content, AutoApprovalPolicy) else None


async def _manual_policies(service: Service) -> Mapping[str, ManualApprovalPolicy]:
    found = {}
    for stored in await service.store.documents.all(DocumentType.MANUAL_APPROVAL):
        content = content_of(stored)
        if isinstance(content, ManualApprovalPolicy):
            found[stored.name] = content
    return found


def _manual(policies: Mapping[str, ManualApprovalPolicy], nodes: Nodes) -> tuple[str, ManualApprovalPolicy]:
    """Return the one policy for all the nodes; a policy that targets tags takes precedence over one for every node."""
    chosen: dict[NodeId, str] = {}
    for node_id, tags in nodes.items():
        fitting = [name for name, policy in policies.items() if policy.fits(tags)]
        specific = [name for name in fitting if policies[name].targets]
        deciding = specific or fitting
        if not deciding:
            raise ServiceError(
                "AccessDeniedException",
                f"No approval policy lets you request access to {node_id}. Ask an administrator for one.",
            )
        if len(deciding) > 1:
            raise ServiceError(
                "ValidationException",
                f"The approval policies {', '.join(sorted(deciding))} are all about {node_id}; only one may be. Ask an "
                "administrator to change their targets or the node's tags.",
            )
        chosen[node_id] = deciding[0]
    names = set(chosen.values())
    if len(names) > 1:
        raise ServiceError(
            "ValidationException",
            f"Different approval policies decide on these nodes ({', '.join(sorted(names))}). Request access to the "
            "nodes of each separately.",
        )
    name = names.pop()
    return name, policies[name]
