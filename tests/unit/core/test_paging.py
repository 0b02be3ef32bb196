"""What NextToken and Marker are bound to: the listing and the person, not the page size or the credentials."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

import pytest

from ferryman.core.access_requests.listing import describe_ops_items
from ferryman.core.documents.actions import create_document, update_document
from ferryman.core.documents.listing import list_document_versions, list_documents
from ferryman.core.documents.requests import DocumentDraft, ListDocumentsRequest, ListDocumentVersionsRequest
from ferryman.core.iam import groups, managed_policies, roles, users
from ferryman.core.iam.attached_policies import Holder, HolderKind, attach_policy
from ferryman.core.iam.managed_policies import PolicyFilter
from ferryman.core.iam.operator import create_user
from ferryman.core.identity.assume_role import SessionRequest, assume_role
from ferryman.core.identity.callers import caller_of
from ferryman.core.nodes.activations import create_activation, describe_activations
from ferryman.core.nodes.listing import describe_instance_information
from ferryman.core.nodes.requests import CreateActivationRequest, DescribeActivationsRequest, DescribeNodesRequest
from ferryman.core.paging import Page
from ferryman.core.service import Service
from ferryman.core.sessions.listing import describe_sessions
from ferryman.core.sessions.requests import DescribeSessionsRequest
from ferryman.model.access_requests import AccessRequest
from ferryman.model.documents import DocumentVersion
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import NodeId
from ferryman.model.identity.callers import BuiltinRole, Caller
from ferryman.model.identity.users import User
from ferryman.model.sessions import SessionState
from tests.contract.store.access_request_samples import another
from tests.unit.core.documents.documents import text
from tests.unit.core.identity.assumed_roles import ANY, allowing, arn_of, known, role

if TYPE_CHECKING:
    from tests.unit.core.conftest import World

ADMINISTRATOR = "arn:aws:iam::aws:policy/FerrymanAdministrator"
INLINE = '{"Statement": {"Effect": "Allow", "Action": "ssm:*", "Resource": "*"}}'
Size = int | None
Lister = Callable[[Service, Caller, str | None, Size], Awaitable[Page[object]]]


async def _sessions(service: Service, caller: Caller, token: str | None, size: Size) -> Page[object]:
    page = await describe_sessions(service, caller, DescribeSessionsRequest(SessionState.ACTIVE, size, token))
    return Page(tuple(each.session_id for each in page.items), page.next_token)


async def _nodes(service: Service, caller: Caller, token: str | None, size: Size) -> Page[object]:
    page = await describe_instance_information(service, caller, DescribeNodesRequest(size, token))
    return Page(tuple(each.node.node_id for each in page.items), page.next_token)


async def _activations(service: Service, caller: Caller, token: str | None, size: Size) -> Page[object]:
    page = await describe_activations(service, caller, DescribeActivationsRequest(size, token))
    return Page(tuple(each.activation.activation_id for each in page.items), page.next_token)


async def _documents(service: Service, caller: Caller, token: str | None, size: Size) -> Page[object]:
    page = await list_documents(service, caller, ListDocumentsRequest(size, token))
    return Page(tuple(each.stored.name for each in page.items), page.next_token)


async def _versions(service: Service, caller: Caller, token: str | None, size: Size) -> Page[object]:
    page: Page[DocumentVersion]
    page, _ = await list_document_versions(service, caller, ListDocumentVersionsRequest("Doc", size, token))
    return Page(tuple(each.version for each in page.items), page.next_token)


async def _access_requests(service: Service, caller: Caller, token: str | None, size: Size) -> Page[object]:
    page: Page[AccessRequest] = await describe_ops_items(service, caller, (), size, token)
    return Page(tuple(each.request_id for each in page.items), page.next_token)


async def _users(service: Service, caller: Caller, token: str | None, size: Size) -> Page[object]:
    page: Page[User] = await users.list_users(service, caller, "/", token, size)
    return Page(tuple(each.name for each in page.items), page.next_token)


async def _roles(service: Service, caller: Caller, token: str | None, size: Size) -> Page[object]:
    page = await roles.list_roles(service, caller, "/", token, size)
    return Page(tuple(each.name for each in page.items), page.next_token)


async def _groups(service: Service, caller: Caller, token: str | None, size: Size) -> Page[object]:
    page = await groups.list_groups(service, caller, "/", token, size)
    return Page(tuple(each.name for each in page.items), page.next_token)


async def _policies(service: Service, caller: Caller, token: str | None, size: Size) -> Page[object]:
    page = await managed_policies.list_policies(service, caller, PolicyFilter(), token, size)
    return Page(tuple(each.policy.arn for each in page.items), page.next_token)


LISTINGS: Sequence[Lister] = (
    _sessions,
    _nodes,
    _activations,
    _documents,
    _versions,
    _access_requests,
    _users,
    _roles,
    _groups,
    _policies,
)


@pytest.fixture
async def filled(world: "World") -> "World":
    """A world in which every listing has at least nine rows."""
    service, root = world.service, world.administrator
    node = NodeId("")
    for number in range(9):
        world.clock.advance(seconds=1)
        await create_activation(service, root, CreateActivationRequest("role"))
        node = await world.node()
        await users.create_user(service, root, users.UserDraft(f"user-{number}"), {})
        await roles.create_role(service, root, roles.RoleDraft(f"role-{number}", allowing(ANY)), {})
        await groups.create_group(service, root, f"group-{number}", "/")
        draft = managed_policies.PolicyDraft(f"policy-{number}", INLINE)
        await managed_policies.create_policy(service, root, draft, {})
        await world.store.access_requests.add(another(number), 100)
        if number:
            await update_document(service, root, DocumentDraft("Doc", text(f"v{number}")))
        else:
            await create_document(service, root, DocumentDraft("Doc", text()), {})
            await create_document(service, root, DocumentDraft("Other", text()), {})
    for _ in range(9):
        world.clock.advance(seconds=1)
        await world.start(node, root)
    return world


async def test_the_page_size_may_change_from_page_to_page(filled: "World") -> None:
    service, root = filled.service, filled.administrator
    for listing in LISTINGS:  # of one world: filling it takes longer than reading it
        everything = (await listing(service, root, None, 50)).items
        assert len(everything) >= 9, listing
        first = await listing(service, root, None, 5)
        assert (first.items, first.next_token is None) == (everything[:5], False), listing
        for size in (6, 50, None):
            rest = await listing(service, root, first.next_token, size)
            assert rest.items == everything[5:][: len(rest.items)], listing
            assert len(rest.items) >= 4, listing
        smaller = await listing(service, root, (await listing(service, root, None, 7)).next_token, 1)
        assert smaller.items == everything[7:8], listing


async def test_renewed_credentials_of_a_role_keep_paging_for_the_same_person_only(filled: "World") -> None:
    service, root = filled.service, filled.administrator
    for name in ("Reader", "Other"):
        await role(filled, allowing(ANY), name)
        await attach_policy(service, root, Holder(HolderKind.ROLE, name), ADMINISTRATOR)
    somebody_else = await caller_of(service, await create_user(service, "somebody-else", BuiltinRole.ADMINISTRATOR))

    async def session(person: Caller, name: str, role_name: str = "Reader") -> Caller:
        return await known(filled, await assume_role(service, person, SessionRequest(arn_of(role_name), name)))

    first = await session(root, "botocore-session-1")
    tokens = [(await listing(service, first, None, 5)).next_token for listing in LISTINGS]
    assert None not in tokens
    filled.clock.advance(minutes=50)
    renewed = await session(root, "botocore-session-2")
    others = (
        root,
        await session(somebody_else, "botocore-session-1"),
        await session(root, "botocore-session-1", "Other"),
    )
    for listing, token in zip(LISTINGS, tokens, strict=True):
        rest = await listing(service, renewed, token, 50)
        assert rest.items, listing
        assert rest.items == (await listing(service, renewed, None, 50)).items[5:], listing
        for other in others:
            with pytest.raises(ServiceError, match="not issued to this caller") as refused:
                await listing(service, other, token, 5)
            assert refused.value.code in ("InvalidNextToken", "ValidationException"), listing
