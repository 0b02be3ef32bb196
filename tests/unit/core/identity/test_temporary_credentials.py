"""Temporary credentials: what they say, how long they last, and what ends them at once."""

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ferryman.core.audit.identity import user_identity
from ferryman.core.authorization.decisions import decide
from ferryman.core.authorization.request_context import context_of
from ferryman.core.iam import operator as identities
from ferryman.core.identity.callers import authenticate
from ferryman.core.identity.security_tokens import get_session_token
from ferryman.core.identity.temporary_credentials import PACKED_LIMIT, TOKEN_LIMIT, issue_temporary, token_utilization
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis
from ferryman.model.identity.callers import Caller
from ferryman.model.identity.credential_sessions import SOURCE_IDENTITY_LIMIT, SessionKind, TemporarySession
from ferryman.model.identity.credentials import Credentials
from ferryman.policy.evaluation import Layer

if TYPE_CHECKING:
    from tests.unit.core.conftest import World

NODE = "arn:aws:ssm:test-1:123456789012:managed-instance/mi-0123456789abcdef0"
OTHER = NODE[:-1] + "1"
ONE_NODE = f'{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Action": "ssm:*", "Resource": "{NODE}"}}}}'


def session_of(world: "World", caller: Caller, **members: object) -> TemporarySession:
    now = world.clock()
    made = TemporarySession(SessionKind.USER, caller.user_id, now, Millis(now + 3_600_000))
    return replace(made, **members)  # type: ignore[arg-type]


async def known(world: "World", credentials: Credentials) -> Caller:
    assert credentials.session_token is not None
    found = await authenticate(world.service, credentials.access_key_id, credentials.session_token.reveal())
    assert found.secret == credentials.secret_access_key
    return found.caller


async def refusal(world: "World", credentials: Credentials) -> str:
    with pytest.raises(ServiceError) as refused:
        await known(world, credentials)
    return refused.value.code


async def signed_in(world: "World", name: str = "alice") -> tuple[Caller, str]:
    key = await identities.create_access_key(world.service, name)
    return (await authenticate(world.service, key.access_key_id, None)).caller, key.access_key_id


async def test_a_users_session_is_the_user(world: "World") -> None:
    alice, _ = await signed_in(world)
    issued = get_session_token(world.service, alice)
    assert issued.expires_at == world.clock() + 43_200_000
    assert issued.credentials.access_key_id.startswith("ASIA")
    caller = await known(world, issued.credentials)
    assert (caller.kind, caller.arn, caller.user_id, caller.name) == (alice.kind, alice.arn, alice.user_id, "alice")
    assert (caller.policies, caller.session_policies) == (alice.policies, None)
    assert caller.owner_id == alice.user_id
    assert decide(world.service, caller, "ssm:StartSession", NODE).allowed


async def test_a_session_lasts_as_long_as_it_was_made_for(world: "World") -> None:
    alice, _ = await signed_in(world)
    issued = get_session_token(world.service, alice, 900)
    world.clock.advance(seconds=899.999)
    await known(world, issued.credentials)
    world.clock.advance(seconds=0.001)
    assert await refusal(world, issued.credentials) == "ExpiredTokenException"


async def test_a_session_ends_with_its_user_and_with_the_key_that_made_it(world: "World") -> None:
    alice, key = await signed_in(world)
    issued = get_session_token(world.service, alice).credentials
    await identities.set_access_key_active(world.service, key, active=False)
    assert await refusal(world, issued) == "UnrecognizedClientException"
    await identities.set_access_key_active(world.service, key, active=True)
    await known(world, issued)
    await identities.delete_access_key(world.service, key)
    assert await refusal(world, issued) == "UnrecognizedClientException"
    bob, _ = await signed_in(world, "bob")
    issued = issue_temporary(world.service, session_of(world, bob)).credentials
    await known(world, issued)
    await identities.delete_user(world.service, "bob")
    assert await refusal(world, issued) == "UnrecognizedClientException"


async def test_a_token_is_valid_for_its_own_key_and_cannot_be_altered(world: "World") -> None:
    alice, _ = await signed_in(world)
    first, second = [get_session_token(world.service, alice).credentials for _ in range(2)]
    mixed = replace(first, session_token=second.session_token)
    assert await refusal(world, mixed) == "UnrecognizedClientException"
    assert first.session_token is not None
    token = first.session_token.reveal()
    for bad in (token[:-4], token + "AAAA", "FQ.", "FQ.!", "FQ.é", token[3:], token.swapcase()):
        with pytest.raises(ServiceError) as refused:
            await authenticate(world.service, first.access_key_id, bad)
        assert refused.value.code == "UnrecognizedClientException"
    with pytest.raises(ServiceError) as refused:
        await authenticate(world.service, first.access_key_id, None)
    assert refused.value.code == "UnrecognizedClientException"


async def test_session_credentials_get_no_session_token(world: "World") -> None:
    alice, _ = await signed_in(world)
    within = await known(world, get_session_token(world.service, alice).credentials)
    for caller in (within, world.node_caller(await world.register())):
        with pytest.raises(ServiceError, match="session credentials") as refused:
            get_session_token(world.service, caller)
        assert refused.value.code == "AccessDeniedException"


async def test_a_users_session_cannot_call_iam_or_most_of_sts(world: "World") -> None:
    key = await identities.create_access_key(world.service, "root")
    root = (await authenticate(world.service, key.access_key_id, None)).caller
    within = await known(world, get_session_token(world.service, root).credentials)
    for action in ("iam:ListUsers", "sts:TagSession"):
        assert decide(world.service, root, action, "*").allowed
        assert not decide(world.service, within, action, "*").allowed
    assert decide(world.service, within, "sts:AssumeRole", "*").allowed


async def test_session_policies_must_allow_as_well(world: "World") -> None:
    issued = issue_temporary(world.service, session_of(world, world.alice, policies=(ONE_NODE,)))
    caller = await known(world, issued.credentials)
    assert decide(world.service, caller, "ssm:StartSession", NODE).allowed
    refused = decide(world.service, caller, "ssm:StartSession", OTHER)
    assert (refused.allowed, refused.layer) == (False, Layer.SESSION)
    assert not decide(world.service, caller, "ssm:DeleteDocument", NODE).allowed
    gone = session_of(world, world.alice, policy_arns=("arn:aws:iam::123456789012:policy/gone",))
    caller = await known(world, issue_temporary(world.service, gone).credentials)
    assert not decide(world.service, caller, "ssm:StartSession", NODE).allowed
    operator = session_of(world, world.administrator, policy_arns=("arn:aws:iam::aws:policy/FerrymanOperator",))
    caller = await known(world, issue_temporary(world.service, operator).credentials)
    assert decide(world.service, caller, "ssm:StartSession", NODE).allowed
    assert not decide(world.service, caller, "ssm:DeleteDocument", NODE).allowed


async def test_conditions_see_the_session(world: "World") -> None:
    session = session_of(world, world.alice, tags={"team": "red"}, source_identity="alice@example")
    caller = await known(world, issue_temporary(world.service, session).credentials)
    seen = context_of(world.service, caller)
    assert seen.get("aws:multifactorauthpresent") == (False,)
    assert seen.get("aws:principaltag/team") == ("red",)
    assert seen.get("aws:sourceidentity") == ("alice@example",)
    assert seen.get("aws:username") == ("alice",)
    (issued,) = seen.get("aws:tokenissuetime")
    assert issued == seen.get("aws:currenttime")[0]
    plain = context_of(world.service, world.alice)
    assert plain.get("aws:multifactorauthpresent") == ()
    assert plain.get("aws:tokenissuetime") == ()


async def test_a_token_has_room_for_so_much(world: "World") -> None:
    policy = ONE_NODE + " " * 2000
    issued = issue_temporary(world.service, session_of(world, world.alice, policies=(policy,)))
    assert 1 <= issued.packed_percent < 20
    tags = {world.service.entropy(64).hex(): world.service.entropy(128).hex() for _ in range(25)}
    with pytest.raises(ServiceError) as refused:
        issue_temporary(world.service, session_of(world, world.alice, tags=tags))
    assert refused.value.code == "PackedPolicyTooLarge"
    most = dict(list(tags.items())[: PACKED_LIMIT * 2 // 440])
    fullest = issue_temporary(world.service, session_of(world, world.alice, tags=most))
    assert 80 < fullest.packed_percent <= 100
    assert fullest.credentials.session_token is not None
    assert len(fullest.credentials.session_token.reveal()) < 5000


@pytest.mark.parametrize("least", [0, 100, 600, 601, 602, 603, 1000, 4095, 4096])
async def test_a_token_is_as_large_as_is_asked_for(world: "World", least: int) -> None:
    plain = issue_temporary(world.service, session_of(world, world.alice)).credentials.session_token
    padded = issue_temporary(world.service, session_of(world, world.alice), least).credentials
    assert plain is not None
    assert padded.session_token is not None
    size, usual = len(padded.session_token.reveal()), len(plain.reveal())
    assert max(least, usual) <= size <= max(least + 12, usual)
    found = await authenticate(world.service, padded.access_key_id, padded.session_token.reveal())
    assert found.caller.user_id == world.alice.user_id


def test_utilization_is_a_percentage() -> None:
    assert [token_utilization(size) for size in (1, 62, 3072, TOKEN_LIMIT)] == [1, 2, 50, 100]


async def test_the_fullest_token_is_within_the_limit(world: "World") -> None:
    tags = {world.service.entropy(64).hex(): world.service.entropy(128).hex() for _ in range(PACKED_LIMIT * 2 // 440)}
    fullest = session_of(
        world,
        world.alice,
        tags=tags,
        name="n" * 64,
        source_identity="s" * SOURCE_IDENTITY_LIMIT,
        provider="p" * 300,
        subject="s" * 255,
        access_request_id="oi-0123456789ab",
        person_id="p" * 64,
    )
    token = issue_temporary(world.service, fullest).credentials.session_token
    assert token is not None
    assert len(token.reveal()) <= TOKEN_LIMIT


async def test_two_people_who_chose_one_session_name_stay_apart(world: "World") -> None:
    def web(subject: str) -> TemporarySession:
        return session_of(
            world,
            world.alice,
            kind=SessionKind.WEB_IDENTITY,
            provider="arn:aws:iam::1:oidc-provider/i",
            subject=subject,
        )

    first, second = [await known(world, issue_temporary(world.service, web(each)).credentials) for each in "ab"]
    assert first.user_id == second.user_id
    assert first.owner_id != second.owner_id
    node_id = await world.node()
    mine = await world.session((await world.start(node_id, first)).session_id)
    assert mine.owner_id == first.owner_id


async def test_the_record_names_the_session(world: "World") -> None:
    session = session_of(world, world.alice, source_identity="alice@example", access_request_id="oi-0123456789ab")
    caller = await known(world, issue_temporary(world.service, session).credentials)
    context = user_identity(caller, "ASIAX")["sessionContext"]
    assert context == {
        "attributes": {"creationDate": "2023-11-14T22:13:20Z", "mfaAuthenticated": "false"},
        "sourceIdentity": "alice@example",
        "accessRequestId": "oi-0123456789ab",
    }
    assert "sessionContext" not in user_identity(world.alice, None)
