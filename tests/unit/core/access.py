"""What tests of just-in-time access share: approval policies, requests, signals."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest

from ferryman.core.access_requests import actions as access_requests
from ferryman.core.access_requests import approvals as access_approvals
from ferryman.core.access_requests.actions import StartAccessRequest
from ferryman.core.access_requests.approvals import SendSignal
from ferryman.core.documents import actions as documents
from ferryman.core.documents.requests import DocumentDraft
from ferryman.core.iam import operator as identities
from ferryman.core.iam import roles
from ferryman.core.iam.roles import RoleDraft
from ferryman.core.identity import callers
from ferryman.core.identity.assume_role import SessionRequest, assume_role
from ferryman.core.identity.credentials import TemporaryCredentials
from ferryman.model.access_requests import AccessRequest
from ferryman.model.documents import AUTO_APPROVAL_DOCUMENT, DocumentFormat, DocumentType
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import NodeId
from ferryman.model.identity.callers import Caller
from ferryman.model.identity.groups import Group
from ferryman.model.tags import ResourceType

if TYPE_CHECKING:
    from tests.unit.core.conftest import World

REQUESTING = [
    {
        "Effect": "Allow",
        "Action": ["ssm:StartAccessRequest", "ssm:GetAccessToken", "ssm:GetOpsItem", "ssm:DescribeOpsItems"],
        "Resource": "*",
    }
]
DECIDING = [
    {
        "Effect": "Allow",
        "Action": ["ssm:SendAutomationSignal", "ssm:GetOpsItem", "ssm:DescribeOpsItems"],
        "Resource": "*",
    }
]
ASSUMING = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}
WINDOW = 3600


async def person(
    world: "World", name: str, *statements: dict[str, Any], tags: Mapping[str, str] | None = None
) -> Caller:
    """A user with these statements and no others, as they call with a key of their own."""
    user = await identities.create_user(world.service, name)
    text = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    if statements:
        await world.store.policies.put_inline(user.user_id, "own", text)
    if tags:
        await world.store.tags.put(ResourceType.USER, user.user_id, tags)
    key = await identities.create_access_key(world.service, name)
    return (await callers.authenticate(world.service, key.access_key_id, None)).caller


def levels(*approvers: list[str] | tuple[int, list[str]]) -> list[dict[str, Any]]:
    """Levels of approval: names of users, one of whom is enough unless a number is said."""
    found = []
    for place, each in enumerate(approvers):
        minimum, names = each if isinstance(each, tuple) else (1, each)
        inputs = {"MinRequiredApprovals": minimum, "Approvers": names}
        found.append({"name": f"level{place}", "action": "aws:approve", "timeoutSeconds": 600, "inputs": inputs})
    return found


async def manual_policy(
    world: "World", *approvers: list[str] | tuple[int, list[str]], name: str = "People", **members: Any
) -> None:
    content = {"schemaVersion": "0.3", "accessDuration": WINDOW, "mainSteps": levels(*approvers), **members}
    draft = DocumentDraft(name, json.dumps(content), type=DocumentType.MANUAL_APPROVAL)
    await documents.create_document(world.service, world.administrator, draft, {})


async def cedar_policy(world: "World", *texts: str, name: str = AUTO_APPROVAL_DOCUMENT) -> None:
    """One text as it is, several in AWS's wrapping."""
    documents_ = [{"type": "Cedar", "content": text} for text in texts]
    wrapped = json.dumps({"schemaVersion": "0.3", "AutoApprovalPolicyDocuments": documents_})
    content, written = (texts[0], DocumentFormat.TEXT) if len(texts) == 1 else (wrapped, DocumentFormat.JSON)
    draft = DocumentDraft(name, content, written, type=DocumentType.AUTO_APPROVAL)
    await documents.create_document(world.service, world.administrator, draft, {})


async def tag(world: "World", node_id: NodeId, **tags: str) -> None:
    await world.store.tags.put(ResourceType.NODE, node_id, tags)


async def ask(world: "World", caller: Caller, *nodes: NodeId, **tags: str) -> AccessRequest:
    request = StartAccessRequest("to mend it", (("InstanceIds", tuple(nodes)),), tags)
    return await access_requests.start_access_request(world.service, caller, request)


async def signal(world: "World", caller: Caller, request: AccessRequest, kind: str, comment: str = "") -> AccessRequest:
    sent = SendSignal(request.execution_id, kind, comment)
    return await access_approvals.send_automation_signal(world.service, caller, sent)


async def token(
    world: "World", caller: Caller, request: AccessRequest
) -> tuple[AccessRequest, TemporaryCredentials | None]:
    return await access_requests.get_access_token(world.service, caller, request.request_id)


async def with_access(world: "World", caller: Caller, request: AccessRequest) -> Caller:
    """The caller that the request's credentials stand for."""
    _, temporary = await token(world, caller, request)
    assert temporary is not None
    given = temporary.credentials
    assert given.session_token is not None
    return (await callers.authenticate(world.service, given.access_key_id, given.session_token.reveal())).caller


async def lead_role(world: "World") -> str:
    """A role that may ask and decide, and that everybody with a policy for it may take on; its ARN."""
    account_id = world.service.settings.account_id
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account_id}:root"}, "Action": "sts:AssumeRole"}
    text = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    made = await roles.create_role(world.service, world.administrator, RoleDraft("Lead", text), {})
    may = json.dumps({"Version": "2012-10-17", "Statement": [*REQUESTING, *DECIDING, ASSUMING]})
    await world.store.policies.put_inline(made.role_id, "own", may)
    return f"arn:aws:iam::{account_id}:role/Lead"


async def as_role(world: "World", caller: Caller, arn: str, name: str, policy: str | None = None) -> Caller:
    """The caller in a session of a role."""
    made = await assume_role(world.service, caller, SessionRequest(arn, name, policy=policy))
    given = made.issued.credentials
    assert given.session_token is not None
    return (await callers.authenticate(world.service, given.access_key_id, given.session_token.reveal())).caller


async def group(world: "World", name: str, *members: Caller) -> None:
    await world.store.groups.add(Group(f"AGPA{name}", name, world.clock()))
    for member in members:
        await world.store.groups.add_member(f"AGPA{name}", member.user_id)


async def approved(world: "World", carol: Caller, dave: Caller, *nodes: NodeId) -> AccessRequest:
    """A request by one person that another approved."""
    await manual_policy(world, ["dave"])
    request = await ask(world, carol, *nodes)
    return await signal(world, dave, request, "Approve")


def refused(code: str, match: str = "") -> Any:
    """Expect a refusal with this code, its text matching."""
    return pytest.raises(ServiceError, match=f"^{code}: .*{match}")
