"""Credentials of an access request reach its nodes and nothing else, while it is approved and its window is open."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ferryman.bus.memory import MemoryBus
from ferryman.core.authorization.decisions import decide
from ferryman.core.authorization.request_context import session_keys
from ferryman.core.documents.work import InProcessWorker
from ferryman.core.iam import operator as identities
from ferryman.core.identity import callers
from ferryman.core.identity.access_request_credentials import issue_access_credentials
from ferryman.core.service import Service, Settings
from ferryman.core.vault import Vault
from ferryman.model.access_requests import AccessRequest, AccessRequestId, AccessRequestStatus, Requester
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis, NodeId
from ferryman.model.identity.callers import Caller
from ferryman.server.operations.registry import BY_CALLER
from ferryman.store.database import open_store
from tests.examples import examples

ACCOUNT, REGION = "123456789012", "test-1"
POOL = [NodeId(f"mi-{number:017x}") for number in range(6)]
ACTIONS = sorted(f"{service}:{operation}" for service, operation in BY_CALLER)
ENDS = Millis(1_000_000)
ON_NODES = {"ssm:StartSession", "ssm:GetConnectionStatus"}
ON_OWN_SESSIONS = {"ssm:ResumeSession", "ssm:TerminateSession"}


@dataclass(frozen=True)
class Attempt:
    """What is tried: an action on a node, on a session of somebody's on a node, or on anything else."""

    action: str
    node: NodeId
    on_session: bool
    own: bool


ATTEMPTS = st.builds(
    Attempt,
    st.sampled_from([*ON_NODES, *ON_OWN_SESSIONS, *ACTIONS]),
    st.sampled_from(POOL),
    st.booleans(),
    st.booleans(),
)


def reaches(approved: Sequence[NodeId], attempt: Attempt) -> bool:
    """What the credentials are for, said once more and plainly."""
    if attempt.on_session:
        listing = attempt.action == "ssm:DescribeSessions"
        return listing or (attempt.action in ON_OWN_SESSIONS and attempt.own and attempt.node in approved)
    return attempt.action in ON_NODES and attempt.node in approved


async def caller_with(
    service: Service, user: Caller, nodes: Sequence[NodeId], status: AccessRequestStatus, number: int
) -> Caller:
    """Who signs with credentials that were given for a request which now has this status."""
    request = AccessRequest(
        request_id=AccessRequestId(f"oi-{number:012x}"),
        execution_id=f"00000000-0000-4000-8000-{number:012x}",
        status=status,
        requester=Requester(user.user_id, user.person_id, user.arn, user.name),
        reason="why",
        targets=(),
        nodes=tuple(nodes),
        policy="People",
        duration=60,
        created_at=Millis(0),
        deadline_at=ENDS,
    )
    await service.store.access_requests.add(request, 1_000)
    given_then = replace(service, clock=lambda: Millis(ENDS - 60_000))
    issued = issue_access_credentials(given_then, user, request).credentials
    assert issued.session_token is not None
    found = await callers.authenticate(service, issued.access_key_id, issued.session_token.reveal())
    return found.caller


@pytest.fixture
def template(empty_database: Path) -> Path:
    return empty_database


@settings(
    max_examples=examples(8),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@example(
    nodes=POOL[:1],
    cases=[(AccessRequestStatus.APPROVED, ENDS - 1)],
    attempts=[
        Attempt(action, node, on_session, own)
        for action in sorted(ON_NODES | ON_OWN_SESSIONS)
        for node in POOL[:2]
        for on_session in (True, False)
        for own in (True, False)
    ],
)
@given(
    nodes=st.lists(st.sampled_from(POOL), min_size=1, unique=True),
    cases=st.lists(
        st.tuples(st.sampled_from(AccessRequestStatus), st.sampled_from([ENDS - 60_000, ENDS - 1, ENDS, ENDS + 1])),
        min_size=1,
        max_size=4,
    ),
    attempts=st.lists(ATTEMPTS, min_size=1, max_size=30),
)
def test_credentials_reach_what_was_approved_while_it_is(
    template: Path,
    nodes: list[NodeId],
    cases: list[tuple[AccessRequestStatus, int]],
    attempts: list[Attempt],
) -> None:
    async def run(directory: Path) -> None:
        path = shutil.copy(template, directory / "ferryman.db")
        async with await open_store(f"sqlite:///{path}") as store:
            here = Settings(ACCOUNT, REGION, "http://ferryman.test")
            bus, vault = MemoryBus(), Vault(os.urandom(32), os.urandom)
            service = Service(here, store, bus, vault, lambda: Millis(0), os.urandom, document_worker=InProcessWorker())
            user = await callers.caller_of(service, await identities.create_user(service, "carol"))
            for number, (status, now) in enumerate(cases):
                then = replace(service, clock=lambda now=now: Millis(now))  # type: ignore[misc]
                if status is not AccessRequestStatus.APPROVED or now >= ENDS:
                    with pytest.raises(ServiceError, match="ExpiredToken"):
                        await caller_with(then, user, nodes, status, number)
                    continue
                caller = await caller_with(then, user, nodes, status, number)
                for attempt in attempts:
                    assert allowed(then, caller, attempt) == reaches(nodes, attempt), attempt
            await bus.close()

    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(run(Path(directory)))


def allowed(service: Service, caller: Caller, attempt: Attempt) -> bool:
    if not attempt.on_session:
        return decide(service, caller, attempt.action, service.arns.node(attempt.node)).allowed
    owner = caller.user_id if attempt.own else "AIDASOMEBODYELSE"
    resource = service.arns.session(f"{owner}-0123456789abcdef0")
    return decide(service, caller, attempt.action, resource, session_keys(owner, attempt.node)).allowed


def test_credentials_may_run_every_document_but_read_and_change_none(template: Path) -> None:
    # What a session runs is for the document's own policies; access to a node is what was approved.
    async def run(directory: Path) -> None:
        path = shutil.copy(template, directory / "ferryman.db")
        async with await open_store(f"sqlite:///{path}") as store:
            here = Settings(ACCOUNT, REGION, "http://ferryman.test")
            bus, vault = MemoryBus(), Vault(os.urandom(32), os.urandom)
            service = Service(
                here, store, bus, vault, lambda: Millis(ENDS - 1), os.urandom, document_worker=InProcessWorker()
            )
            user = await callers.caller_of(service, await identities.create_user(service, "carol"))
            caller = await caller_with(service, user, POOL[:1], AccessRequestStatus.APPROVED, 1)
            for name in ("AWS-StartSSHSession", "Own"):
                resource = service.arns.document(name)
                found = {action for action in ACTIONS if decide(service, caller, action, resource).allowed}
                assert found == {"ssm:StartSession"}
            await bus.close()

    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(run(Path(directory)))
