"""AssumeRoleWithWebIdentity, against an issuer that signs whatever a test wants and counts what is fetched from it."""

import json
from typing import Any

import pytest

from ferryman.core.audit.identity import user_identity
from ferryman.core.authorization.request_context import context_of
from ferryman.core.iam import roles
from ferryman.core.iam.roles import RoleDraft
from ferryman.core.identity import callers
from ferryman.core.identity.assume_role import SessionRequest, assume_role
from ferryman.core.providers.keys import LIFE
from ferryman.core.sessions import actions as sessions
from ferryman.model.errors import ServiceError
from tests.unit.core.identity.issuers import ISSUER, KEYS, NAME, PROVIDER, ROLE, People


async def test_a_token_of_the_provider_makes_a_session(people: People) -> None:
    made = await people.enter(people.token())
    assert (made.subject, made.issuer, made.audience) == ("shirley", ISSUER, "ferryman")
    assert made.session.arn == "arn:aws:sts::123456789012:assumed-role/People/shirley"
    caller = await people.known(people.token())
    assert caller.role_arn == ROLE
    assert context_of(people.service, caller).get("aws:federatedprovider") == (PROVIDER,)
    federation = user_identity(caller, None)["sessionContext"]["webIdFederationData"]
    assert federation == {"federatedProvider": PROVIDER, "subject": "shirley"}
    await people.enter(people.token("ec", "ES256"))
    people.issuer.published = [KEYS["ed"].as_dict(private=False)]
    people.world.clock.advance(seconds=LIFE)
    await people.enter(people.token("ed", "Ed25519"))


async def test_a_trust_policy_asks_for_claims(people: People) -> None:
    await people.trust(
        StringEquals={f"{NAME}:aud": "ferryman", "sts:RoleSessionName": f"${{{NAME}:sub}}"},
        StringLike={f"{NAME}:email": "*@example.com"},
        **{"ForAnyValue:StringEquals": {f"{NAME}:groups": "ops", f"{NAME}:amr": "mfa"}},
        IpAddress={"aws:SourceIp": "192.0.2.0/24"},
    )
    good: dict[str, Any] = {"email": "shirley@example.com", "groups": ["all", "ops"], "amr": ["pwd", "mfa"]}
    await people.enter(people.token(**good))
    assert await people.refusal(people.token(**good), name="root") == "AccessDeniedException"
    for name, value in (("email", "shirley@evil.example"), ("groups", ["all"]), ("amr", None), ("aud", "other")):
        assert await people.refusal(people.token(**{**good, name: value})) == "AccessDeniedException"
    assert await people.refusal(people.token(**good), role_arn=ROLE + "s") == "AccessDeniedException"
    shadowing = {**good, "email": "shirley@evil.example", "Email": "shirley@example.com", "EMAIL": "x@example.com"}
    assert await people.refusal(people.token(**shadowing)) == "AccessDeniedException"
    principal = {"Effect": "Allow", "Principal": "*", "Action": "sts:*"}
    everyone = json.dumps({"Statement": principal})
    await roles.update_assume_role_policy(people.service, people.world.administrator, "People", everyone)
    assert await people.refusal(people.token(**good)) == "AccessDeniedException"


@pytest.mark.parametrize(
    "claims",
    [
        {"groups": [f"group-{number}" for number in range(150)] + ["contractors"]},
        {**{f"claim{number}": "x" for number in range(150)}, "groups": ["contractors"]},
        {"groups": ["contractors" + "x" * 2000]},
    ],
)
async def test_no_claim_is_too_many_or_too_long_to_count(people: People, claims: dict[str, Any]) -> None:
    await people.trust(**{"ForAllValues:StringNotLike": {f"{NAME}:groups": "contractors*"}})
    await people.enter(people.token(groups=["group-1"]))
    assert await people.refusal(people.token(**claims)) == "AccessDeniedException"


async def test_tags_and_source_identity_that_the_provider_sets(people: People) -> None:
    tags = {"principal_tags": {"team": ["red"]}, "transitive_tag_keys": ["team"]}
    claims = {"https://aws.amazon.com/tags": tags, "https://aws.amazon.com/source_identity": "shirley"}
    assert await people.refusal(people.token(**claims)) == "AccessDeniedException"
    await people.trust("sts:TagSession", "sts:SetSourceIdentity")
    caller = await people.known(people.token(**claims))
    assert caller.tags == {"team": "red"}
    assert caller.session is not None
    assert (caller.session.source_identity, caller.session.transitive_keys) == ("shirley", ("team",))
    for bad in (
        "x",
        {"principal_tags": {"team": ["red", "blue"]}},
        {"principal_tags": {"a": 7}},
        {"principal_tags": [1]},
    ):
        assert await people.refusal(people.token(**{"https://aws.amazon.com/tags": bad})) == "IDPRejectedClaim"
    long = {"https://aws.amazon.com/source_identity": "x" * 257}
    assert await people.refusal(people.token(**long)) == "IDPRejectedClaim"


async def test_two_people_of_one_session_name_do_not_share_sessions(people: People) -> None:
    """The name is the caller's to choose; on AWS only a trust policy keeps them apart."""
    shirley, mallory = [await people.known(people.token(sub=each), name="shirley") for each in ("shirley", "mallory")]
    assert shirley.arn == mallory.arn
    node = await people.world.node()
    ticket = await people.world.start(node, shirley)
    with pytest.raises(ServiceError, match="not authorized"):
        await sessions.terminate_session(people.service, mallory, ticket.session_id)
    again = await people.known(people.token(sub="shirley"), name="shirley")
    await sessions.terminate_session(people.service, again, ticket.session_id)


async def test_a_web_identity_that_assumes_a_role_keeps_its_identity(people: People) -> None:
    principal = {"Effect": "Allow", "Principal": {"AWS": ROLE}, "Action": "sts:AssumeRole"}
    onward = RoleDraft("Next", json.dumps({"Statement": principal}))
    await roles.create_role(people.service, people.world.administrator, onward, {})
    arn = "arn:aws:iam::123456789012:role/Next"
    caller, other = [await people.known(people.token(sub=each)) for each in ("shirley", "mallory")]
    sessions_made = [await assume_role(people.service, each, SessionRequest(arn, "x")) for each in (caller, other)]
    credentials = [made.issued.credentials for made in sessions_made]
    tokens = [each.session_token.reveal() for each in credentials if each.session_token is not None]
    first, second = [
        (await callers.authenticate(people.service, each.access_key_id, token)).caller
        for each, token in zip(credentials, tokens, strict=True)
    ]
    assert first.arn.endswith(":assumed-role/Next/x")
    assert (first.user_id, first.owner_id == second.owner_id) == (second.user_id, False)
    assert context_of(people.service, first).get("aws:federatedprovider") == ()
    with pytest.raises(ServiceError, match="chaining"):
        await assume_role(people.service, caller, SessionRequest(arn, "shirley", 3601))
