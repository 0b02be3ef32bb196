"""AssumeRole: who may, what the session is and may do, and what ends it."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from ferryman.core.audit.identity import user_identity
from ferryman.core.authorization.decisions import decide
from ferryman.core.authorization.request_context import context_of
from ferryman.core.iam import attached_policies as held_policies
from ferryman.core.iam import managed_policies, roles
from ferryman.core.iam.attached_policies import Holder, HolderKind
from ferryman.core.iam.operator import create_user, delete_user
from ferryman.core.identity import callers
from ferryman.core.identity.assume_role import SessionRequest, assume_role
from ferryman.core.identity.security_tokens import get_session_token
from ferryman.core.identity.temporary_credentials import issue_temporary
from ferryman.core.sessions import actions as sessions
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis
from ferryman.model.identity.callers import BuiltinRole, Caller, CallerKind
from ferryman.model.identity.credential_sessions import SessionKind, TemporarySession
from ferryman.model.identity.roles import RoleChanges
from ferryman.store.database import open_store
from tests.unit.core.identity.assumed_roles import (
    ACCOUNT,
    ANY,
    NODE,
    OPERATOR,
    allowing,
    arn_of,
    assumed,
    document,
    known,
    role,
)

if TYPE_CHECKING:
    from tests.unit.core.conftest import World


async def refusal(world: "World", caller: Caller, arn: str, **members: Any) -> ServiceError:
    with pytest.raises(ServiceError) as refused:
        await assumed(world, caller, arn, **members)
    return refused.value


async def test_a_session_of_a_role(world: "World") -> None:
    arn = await role(world, allowing({"AWS": world.alice.arn}), path="/team/")
    session = await assume_role(world.service, world.alice, SessionRequest(arn, "shirley"))
    caller = await known(world, session)
    role_id = (await roles.get_role(world.service, world.administrator, "Ops")).role_id
    assert caller.kind is CallerKind.ROLE
    assert caller.arn == session.arn == f"arn:aws:sts::{ACCOUNT}:assumed-role/Ops/shirley"
    assert caller.user_id == session.assumed_role_id == f"{role_id}:shirley"
    assert caller.owner_id == (await assumed(world, world.alice, arn)).owner_id != caller.user_id
    assert session.issued.expires_at == world.clock() + 3_600_000
    assert decide(world.service, caller, "ssm:StartSession", NODE).allowed
    assert not decide(world.service, caller, "iam:ListUsers", "*").allowed
    started = await world.session((await world.start(await world.node(), caller)).session_id)
    assert started.session_id.startswith("shirley-")
    assert (started.owner, started.owner_id) == (caller.arn, caller.owner_id)
    seen = context_of(world.service, caller)
    assert seen.get("aws:userid") == (f"{role_id}:shirley",)
    assert seen.get("aws:principalarn") == (arn,)
    assert seen.get("aws:principaltype") == ("AssumedRole",)
    assert seen.get("aws:username") == ()
    issuer = user_identity(caller, None)["sessionContext"]["sessionIssuer"]
    assert issuer == {"type": "Role", "principalId": role_id, "arn": arn, "accountId": ACCOUNT, "userName": "Ops"}


async def test_a_user_and_a_roles_session_of_one_name_are_two(world: "World") -> None:
    """Neither can touch the other's sessions, whichever way the policy names own ones."""
    arn = await role(world, allowing({"AWS": world.bob.arn}))
    person, namesake = world.alice, await assumed(world, world.bob, arn, "alice")
    assert person.name == namesake.name
    node = await world.node()
    for owner, other in ((person, namesake), (namesake, person)):
        ticket = await world.start(node, owner)
        for touch in (sessions.resume_session, sessions.terminate_session):
            with pytest.raises(ServiceError, match="not authorized"):
                await touch(world.service, other, ticket.session_id)
        await sessions.terminate_session(world.service, owner, ticket.session_id)


async def test_changes_of_the_role_apply_immediately(world: "World") -> None:
    arn = await role(world, allowing(ANY))
    session = await assume_role(world.service, world.administrator, SessionRequest(arn, "shirley"))
    assert decide(world.service, await known(world, session), "ssm:StartSession", NODE).allowed
    await held_policies.detach_policy(world.service, world.administrator, Holder(HolderKind.ROLE, "Ops"), OPERATOR)
    assert not decide(world.service, await known(world, session), "ssm:StartSession", NODE).allowed
    everything = document({"Effect": "Allow", "Action": "*", "Resource": "*"})
    await held_policies.put_policy(
        world.service, world.administrator, Holder(HolderKind.ROLE, "Ops"), "all", everything
    )
    assert decide(world.service, await known(world, session), "iam:ListUsers", "*").allowed
    await roles.put_role_permissions_boundary(world.service, world.administrator, "Ops", OPERATOR)
    assert not decide(world.service, await known(world, session), "iam:ListUsers", "*").allowed
    await held_policies.delete_policy(world.service, world.administrator, Holder(HolderKind.ROLE, "Ops"), "all")
    await roles.delete_role(world.service, world.administrator, "Ops")
    with pytest.raises(ServiceError, match="invalid") as refused:
        await known(world, session)
    assert refused.value.code == "UnrecognizedClientException"
    await role(world, allowing(ANY))
    with pytest.raises(ServiceError, match="invalid"):  # another role of the name
        await known(world, session)


async def test_older_sessions_can_be_revoked(world: "World") -> None:
    """As AWS's own policy for it does: by the time that the credentials were issued."""
    arn = await role(world, allowing(ANY))
    session = await assume_role(world.service, world.administrator, SessionRequest(arn, "shirley"))
    before = {"DateLessThan": {"aws:TokenIssueTime": "2023-11-14T22:14:00Z"}}
    revoke = document({"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": before})
    await held_policies.put_policy(
        world.service, world.administrator, Holder(HolderKind.ROLE, "Ops"), "AWSRevokeOlderSessions", revoke
    )
    assert not decide(world.service, await known(world, session), "ssm:StartSession", NODE).allowed
    world.clock.advance(minutes=1)
    later = await assume_role(world.service, world.administrator, SessionRequest(arn, "shirley"))
    assert decide(world.service, await known(world, later), "ssm:StartSession", NODE).allowed


async def test_who_may_assume(world: "World") -> None:
    named = await role(world, allowing({"AWS": world.alice.arn}), "Named")
    anyone = await role(world, allowing(ANY), "Anyone")
    await assumed(world, world.alice, named)
    await assumed(world, world.administrator, anyone)
    for caller, arn in ((world.bob, named), (world.alice, anyone), (world.administrator, arn_of("Nobody"))):
        refused = await refusal(world, caller, arn)
        assert refused.code == "AccessDeniedException"
        assert f"{caller.arn} is not authorized to perform: sts:AssumeRole on resource: {arn}" in refused.message
    assert (await refusal(world, world.alice, named.replace(ACCOUNT, "999999999999"))).code == "AccessDeniedException"
    assert (await refusal(world, world.alice, named.replace("role/", "role/x/"))).code == "AccessDeniedException"
    await roles.update_assume_role_policy(world.service, world.administrator, "Named", allowing({"AWS": world.bob.arn}))
    await assumed(world, world.bob, named)
    assert (await refusal(world, world.alice, named)).code == "AccessDeniedException"
    node = world.node_caller(await world.register())
    assert (
        await refusal(world, node, await role(world, allowing({"AWS": "*"}), "All"))
    ).code == "AccessDeniedException"


async def test_conditions_of_a_trust_policy(world: "World") -> None:
    """The external id keeps a deputy from being confused; a session's name can be bound to the caller's own."""
    equals = {"sts:ExternalId": "unique-7", "sts:RoleSessionName": "${aws:username}"}
    arn = await role(world, allowing({"AWS": world.alice.arn}, "sts:AssumeRole", StringEquals=equals))
    await assumed(world, world.alice, arn, "alice", external_id="unique-7")
    assert (await refusal(world, world.alice, arn, name="alice")).code == "AccessDeniedException"
    assert (await refusal(world, world.alice, arn, name="alice", external_id="other")).code == "AccessDeniedException"
    assert (await refusal(world, world.alice, arn, name="bob", external_id="unique-7")).code == "AccessDeniedException"


async def test_how_long_a_session_may_last(world: "World") -> None:
    trust = allowing({"AWS": [world.alice.arn, arn_of("Ops")]})
    arn = await role(world, trust, max_session_duration=7200)
    long = await assumed(world, world.alice, arn, duration=7200)
    assert "MaxSessionDuration" in (await refusal(world, world.alice, arn, duration=7201)).message
    await assumed(world, long, arn, duration=3600)
    refused = await refusal(world, long, arn, duration=3601)
    assert (refused.code, "role chaining" in refused.message) == ("ValidationException", True)
    await roles.update_role(world.service, world.administrator, "Ops", RoleChanges(max_session_duration=3600))
    assert "MaxSessionDuration" in (await refusal(world, world.alice, arn, duration=7200)).message


async def test_session_policies_narrow_a_role(world: "World") -> None:
    arn = await role(world, allowing({"AWS": world.alice.arn}))
    listing = document({"Effect": "Allow", "Action": ["ssm:DescribeSessions", "iam:*"], "Resource": "*"})
    caller = await assumed(world, world.alice, arn, policy=listing)
    assert decide(world.service, caller, "ssm:DescribeSessions", "*").allowed
    assert not decide(world.service, caller, "ssm:StartSession", NODE).allowed
    assert not decide(world.service, caller, "iam:ListUsers", "*").allowed
    both = await assumed(world, world.alice, arn, policy=listing, policy_arns=[OPERATOR])
    assert decide(world.service, both, "ssm:StartSession", NODE).allowed
    for bad in ({"policy": "{"}, {"policy_arns": [f"arn:aws:iam::{ACCOUNT}:policy/none"]}):
        assert (await refusal(world, world.alice, arn, **bad)).code == "MalformedPolicyDocument"
    sids = "".join(f"{number:x}" for number in range(900))
    large = document({"Sid": sids[:2040], "Effect": "Allow", "Action": "*", "Resource": "*"})
    assert (await refusal(world, world.alice, arn, policy=large)).code == "PackedPolicyTooLarge"
    assert (await refusal(world, world.alice, arn, policy_arns=[OPERATOR] * 11)).code == "ValidationException"


async def test_session_tags_and_transitive_tags(world: "World") -> None:
    tagging = allowing({"AWS": [world.alice.arn, arn_of("Ops")]}, "sts:AssumeRole", "sts:TagSession")
    arn = await role(world, tagging)
    await roles.tag_role(world.service, world.administrator, "Ops", {"team": "blue", "site": "one"})
    tags = {"team": "red", "cost": "7"}
    caller = await assumed(world, world.alice, arn, tags=tags, transitive_keys=("cost",))
    seen = context_of(world.service, caller)
    assert [seen.get(f"aws:principaltag/{key}") for key in ("team", "cost", "site")] == [("red",), ("7",), ("one",)]
    next_one = await assumed(world, caller, arn)
    assert next_one.tags == {"team": "blue", "site": "one", "cost": "7"}
    assert next_one.session is not None
    assert next_one.session.transitive_keys == ("cost",)
    assert (await refusal(world, caller, arn, tags={"Cost": "8"})).code == "InvalidParameterValue"
    assert (await refusal(world, world.alice, arn, transitive_keys=("cost",))).code == "InvalidParameterValue"
    plain = await role(world, allowing({"AWS": [world.alice.arn, arn_of("Ops")]}), "Plain")
    assert "sts:TagSession" in (await refusal(world, world.alice, plain, tags=tags)).message
    assert "sts:TagSession" in (await refusal(world, caller, plain)).message


async def test_a_sessions_tag_replaces_the_roles_in_any_letter_case(world: "World") -> None:
    trust = allowing({"AWS": world.alice.arn}, "sts:AssumeRole", "sts:TagSession")
    arn = await role(world, trust)
    await roles.tag_role(world.service, world.administrator, "Ops", {"Team": "red", "site": "one"})
    caller = await assumed(world, world.alice, arn, tags={"team": "blue"})
    assert caller.tags == {"Team": "blue", "site": "one"}


async def test_a_source_identity_stays(world: "World") -> None:
    principal = {"AWS": [world.alice.arn, arn_of("Ops")]}
    arn = await role(world, allowing(principal, "sts:AssumeRole", "sts:SetSourceIdentity"))
    caller = await assumed(world, world.alice, arn, source_identity="alice")
    onward = await assumed(world, caller, arn)
    assert onward.session is not None
    assert onward.session.source_identity == "alice"
    assert context_of(world.service, onward).get("aws:sourceidentity") == ("alice",)
    assert "sts:SetSourceIdentity" in (await refusal(world, caller, arn, source_identity="bob")).message
    plain = await role(world, allowing(principal), "Plain")
    assert "sts:SetSourceIdentity" in (await refusal(world, world.alice, plain, source_identity="alice")).message
    assert "sts:SetSourceIdentity" in (await refusal(world, caller, plain)).message


async def test_a_users_session_may_assume_a_role_within_its_session_policies(world: "World") -> None:
    arn = await role(world, allowing({"AWS": world.alice.arn}))
    signed = replace(world.alice, access_key_id="")
    credentials = get_session_token(world.service, signed).credentials
    assert credentials.session_token is not None
    token = credentials.session_token.reveal()
    within = (await callers.authenticate(world.service, credentials.access_key_id, token)).caller
    await assumed(world, within, arn)
    only = document({"Effect": "Allow", "Action": "ssm:*", "Resource": "*"})
    now = world.clock()
    approved = TemporarySession(SessionKind.USER, world.alice.user_id, now, Millis(now + 1000), policies=(only,))
    issued = issue_temporary(world.service, approved).credentials
    assert issued.session_token is not None
    token = issued.session_token.reveal()
    bounded = (await callers.authenticate(world.service, issued.access_key_id, token)).caller
    assert (await refusal(world, bounded, arn)).code == "AccessDeniedException"


async def test_a_role_whose_boundary_is_gone_may_do_nothing(world: "World") -> None:
    arn = await role(world, allowing({"AWS": world.alice.arn}))
    made = await roles.get_role(world.service, world.administrator, "Ops")
    gone = RoleChanges(boundary_arn=f"arn:aws:iam::{ACCOUNT}:policy/gone")
    await world.store.roles.change(made.role_id, gone)
    assert not decide(world.service, await assumed(world, world.alice, arn), "ssm:StartSession", NODE).allowed


async def test_an_administrator_named_like_a_session_gets_no_other_rights(world: "World") -> None:
    arn = await role(world, allowing({"AWS": world.alice.arn}))
    await create_user(world.service, "Ops", BuiltinRole.ADMINISTRATOR)
    caller = await assumed(world, world.alice, arn, "root")
    assert not decide(world.service, caller, "ssm:DeleteDocument", "*").allowed


async def test_another_server_on_the_same_store_sees_a_change_immediately(world: "World", database_url: str) -> None:
    """Credentials of one are good at the other, and what one changes counts at the other's next call."""
    arn = await role(world, allowing({"AWS": world.alice.arn}))
    session = await assume_role(world.service, world.alice, SessionRequest(arn, "shirley"))
    async with await open_store(database_url) as store:
        other = replace(world, service=replace(world.service, store=store), store=store)
        assert decide(other.service, await known(other, session), "ssm:StartSession", NODE).allowed
        await held_policies.detach_policy(world.service, world.administrator, Holder(HolderKind.ROLE, "Ops"), OPERATOR)
        assert not decide(other.service, await known(other, session), "ssm:StartSession", NODE).allowed
        nobody = allowing({"AWS": world.bob.arn})
        await roles.update_assume_role_policy(other.service, world.administrator, "Ops", nobody)
        assert (await refusal(world, world.alice, arn)).code == "AccessDeniedException"
        await roles.delete_role(world.service, world.administrator, "Ops")
        with pytest.raises(ServiceError, match="invalid"):
            await known(other, session)


async def test_a_principal_that_gets_a_trusted_name_later_is_not_trusted(world: "World") -> None:
    """A trust policy means those who had its names when it was set: users, roles, and sessions of roles."""
    await create_user(world.service, "carol", BuiltinRole.OPERATOR)
    carol = await user(world, "carol")
    first = await role(world, allowing(ANY), "First")
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/First/shirley"
    principals = {"ByUser": carol.arn, "ByRole": first, "BySession": session}
    trusting = [await role(world, allowing({"AWS": arn}), name) for name, arn in principals.items()]
    root = world.administrator
    await assumed(world, carol, trusting[0])
    for arn in trusting[1:]:
        await assumed(world, await assumed(world, root, first), arn)
    await delete_user(world.service, "carol")
    await create_user(world.service, "carol", BuiltinRole.OPERATOR)
    await held_policies.detach_policy(world.service, root, Holder(HolderKind.ROLE, "First"), OPERATOR)
    await roles.delete_role(world.service, root, "First")
    await role(world, allowing(ANY), "First")
    later = await user(world, "carol")
    assert (later.arn, later.user_id == carol.user_id) == (carol.arn, False)
    assert (await refusal(world, later, trusting[0])).code == "AccessDeniedException"
    namesake = await assumed(world, root, first)
    for arn in trusting[1:]:
        assert (await refusal(world, namesake, arn)).code == "AccessDeniedException"
    await roles.update_assume_role_policy(world.service, root, "ByUser", allowing({"AWS": carol.arn}))
    await assumed(world, later, trusting[0])


async def user(world: "World", name: str) -> Caller:
    found = await world.store.identities.user_named(name)
    assert found is not None
    return await callers.caller_of(world.service, found)


async def test_a_trust_policy_names_those_there_are(world: "World") -> None:
    everyone_else = {"Effect": "Deny", "NotPrincipal": {"AWS": world.alice.arn}, "Action": "sts:AssumeRole"}
    allow = {"Effect": "Allow", "Principal": ANY, "Action": "sts:AssumeRole"}
    arn = await role(world, document(allow, everyone_else))
    assert (await refusal(world, world.administrator, arn)).code == "AccessDeniedException"
    for nobody in (
        f"arn:aws:iam::{ACCOUNT}:user/nobody",
        arn_of("Nobody"),
        f"arn:aws:iam::{ACCOUNT}:role/path/Ops",
        f"arn:aws:sts::{ACCOUNT}:assumed-role/Nobody/x",
        f"arn:aws:sts::{ACCOUNT}:federated-user/x",
        world.alice.arn.replace(ACCOUNT, "999999999999"),
        "arn:aws:sts::999999999999:assumed-role/Ops/x",
    ):
        with pytest.raises(ServiceError, match="there is no user or role") as refused:
            await roles.update_assume_role_policy(world.service, world.administrator, "Ops", allowing({"AWS": nobody}))
        assert refused.value.code == "MalformedPolicyDocument"


async def test_a_session_whose_managed_policy_is_gone_may_do_nothing(world: "World") -> None:
    """What it denied is not known any more."""
    arn = await role(world, allowing({"AWS": world.alice.arn}))
    text = document({"Effect": "Deny", "Action": "ssm:TerminateSession", "Resource": "*"})
    draft = managed_policies.PolicyDraft("Denying", text)
    denying = (await managed_policies.create_policy(world.service, world.administrator, draft, {})).policy.arn
    everything = document({"Effect": "Allow", "Action": "*", "Resource": "*"})
    members: dict[str, Any] = {"policy": everything, "policy_arns": [denying]}
    made = await assume_role(world.service, world.alice, SessionRequest(arn, "a", **members))
    assert decide(world.service, await known(world, made), "ssm:StartSession", NODE).allowed
    await managed_policies.delete_policy(world.service, world.administrator, denying)
    assert not decide(world.service, await known(world, made), "ssm:StartSession", NODE).allowed
