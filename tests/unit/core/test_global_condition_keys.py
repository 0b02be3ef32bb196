"""AWS's global condition keys against its documentation: which requests have which, and what kind of value each has."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from ferryman.core.authorization.decisions import decide
from ferryman.core.authorization.request_context import context_of, request_tag_keys
from ferryman.core.iam import operator as identities
from ferryman.core.identity import callers
from ferryman.core.identity.assume_role import SessionRequest, assume_role
from ferryman.core.simulation import context_keys, principal, simulate
from ferryman.model.identity.callers import Caller, Origin
from ferryman.model.identity.credential_sessions import SessionKind, TemporarySession
from ferryman.model.identity.policies import PolicyDocument
from ferryman.policy.context import RequestContext, fold
from ferryman.policy.documents import PolicyKind
from ferryman.policy.evaluation import NamedPolicy, Verdict
from ferryman.policy.parsing import parse_policy
from tests.unit.core.identity.assumed_roles import ANY, allowing, known, role

if TYPE_CHECKING:
    from tests.unit.core.conftest import World

ACCOUNT, REGION = "123456789012", "test-1"
ORIGIN = Origin("192.0.2.7", "aws-cli/2.0", is_secure=True)
PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/id.example.com"

# Who a request is signed by: a user's own key, GetSessionToken, AssumeRole with a source identity,
# AssumeRoleWithWebIdentity.
USER, USER_SESSION, ROLE, WEB = "user", "user session", "role", "web identity"
ALL = frozenset({USER, USER_SESSION, ROLE, WEB})
SESSIONS = ALL - {USER}
NEVER = frozenset[str]()
Row = tuple[str, frozenset[str], str, bool]

KEYS: Sequence[Row] = [
    # key, who has it, type, multivalued
    # of the principal
    ("aws:PrincipalArn", ALL, "text", False),
    ("aws:PrincipalAccount", ALL, "text", False),
    ("aws:PrincipalOrgPaths", NEVER, "text", True),
    ("aws:PrincipalOrgID", NEVER, "text", False),
    ("aws:PrincipalTag/team", ALL, "text", False),
    ("aws:PrincipalIsAWSService", ALL, "truth", False),
    ("aws:PrincipalServiceName", NEVER, "text", False),
    ("aws:PrincipalServiceNamesList", NEVER, "text", True),
    ("aws:PrincipalType", ALL, "text", False),
    ("aws:userid", ALL, "text", False),
    ("aws:username", frozenset({USER, USER_SESSION}), "text", False),
    # of a role's session
    ("aws:AssumedRoot", NEVER, "truth", False),
    ("aws:FederatedProvider", frozenset({WEB}), "text", False),
    ("aws:TokenIssueTime", SESSIONS, "moment", False),
    ("aws:SignInSessionArn", NEVER, "text", False),
    ("aws:MultiFactorAuthAge", NEVER, "number", False),
    ("aws:MultiFactorAuthPresent", frozenset({USER_SESSION, ROLE}), "truth", False),
    ("aws:ChatbotSourceArn", NEVER, "text", False),
    ("aws:Ec2InstanceSourceVpc", NEVER, "text", False),
    ("aws:Ec2InstanceSourcePrivateIPv4", NEVER, "address", False),
    ("aws:SourceIdentity", frozenset({ROLE}), "text", False),
    ("ec2:RoleDelivery", NEVER, "number", False),
    ("ec2:SourceInstanceArn", NEVER, "text", False),
    ("glue:RoleAssumedBy", NEVER, "text", False),
    ("glue:CredentialIssuingService", NEVER, "text", False),
    ("codebuild:BuildArn", NEVER, "text", False),
    ("codebuild:ProjectArn", NEVER, "text", False),
    ("lambda:SourceFunctionArn", NEVER, "text", False),
    ("ssm:SourceInstanceArn", NEVER, "text", False),
    ("identitystore:UserId", NEVER, "text", False),
    # of the network
    ("aws:SourceIp", ALL, "address", False),
    ("aws:SourceVpc", NEVER, "text", False),
    ("aws:SourceVpcArn", NEVER, "text", False),
    ("aws:SourceVpce", NEVER, "text", False),
    ("aws:VpceAccount", NEVER, "text", False),
    ("aws:VpceOrgID", NEVER, "text", False),
    ("aws:VpceOrgPaths", NEVER, "text", True),
    ("aws:VpcSourceIp", NEVER, "address", False),
    # of the resource
    ("aws:ResourceAccount", ALL, "text", False),
    ("aws:ResourceOrgID", NEVER, "text", False),
    ("aws:ResourceOrgPaths", NEVER, "text", True),
    # of the request
    ("aws:CalledVia", NEVER, "text", True),
    ("aws:CalledViaFirst", NEVER, "text", False),
    ("aws:CalledViaLast", NEVER, "text", False),
    ("aws:CalledViaAWSMCP", NEVER, "text", False),
    ("aws:ViaAWSService", ALL, "truth", False),
    ("aws:ViaAWSMCPService", ALL, "truth", False),
    ("aws:CurrentTime", ALL, "moment", False),
    ("aws:EpochTime", ALL, "number", False),
    ("aws:referer", NEVER, "text", False),
    ("aws:RequestedRegion", ALL, "text", False),
    ("aws:RequestTag/owner", ALL, "text", False),
    ("aws:TagKeys", ALL, "text", True),
    ("aws:SecureTransport", ALL, "truth", False),
    ("aws:SourceAccount", NEVER, "text", False),
    ("aws:SourceArn", NEVER, "text", False),
    ("aws:SourceOrgID", NEVER, "text", False),
    ("aws:SourceOrgPaths", NEVER, "text", True),
    ("aws:UserAgent", ALL, "text", False),
    ("aws:IsMcpServiceAction", NEVER, "truth", False),
]
TYPES: Mapping[str, type] = {"text": str, "address": str, "truth": bool, "moment": datetime, "number": int}
VALUES: Mapping[str, object] = {
    "aws:PrincipalAccount": ACCOUNT,
    "aws:PrincipalIsAWSService": False,
    "aws:ResourceAccount": ACCOUNT,
    "aws:ViaAWSService": False,
    "aws:ViaAWSMCPService": False,
    "aws:RequestedRegion": REGION,
    "aws:SourceIp": "192.0.2.7",
    "aws:UserAgent": "aws-cli/2.0",
    "aws:SecureTransport": True,
    "aws:MultiFactorAuthPresent": False,
    "aws:EpochTime": 1_700_000_000,
    "aws:FederatedProvider": PROVIDER,
    "aws:SourceIdentity": "alice@example.com",
}


async def signing(world: "World", who: str) -> Caller:
    """Return a caller of that sort, with the tag `team`."""
    if who in (USER, USER_SESSION):
        found = await callers.caller_of(world.service, await identities.create_user(world.service, "erin"))
    else:
        statement = allowing(ANY, "sts:AssumeRole", "sts:SetSourceIdentity")
        request = SessionRequest(await role(world, statement), "erin", source_identity="alice@example.com")
        found = await known(world, await assume_role(world.service, world.administrator, request))
    if who == USER_SESSION:
        now = world.clock()
        found = replace(found, session=TemporarySession(SessionKind.USER, found.user_id, now, now))
    if who == WEB:
        assert found.session is not None
        by_provider = replace(found.session, kind=SessionKind.WEB_IDENTITY, provider=PROVIDER, subject="s")
        found = replace(found, session=replace(by_provider, source_identity=""))
    return replace(found, origin=ORIGIN, tags={"team": "web"})


async def context(world: "World", who: str) -> RequestContext:
    return context_of(world.service, await signing(world, who), request_tag_keys({"owner": "alice"}))


@pytest.mark.parametrize("who", sorted(ALL))
async def test_requests_have_the_keys_that_aws_documents(world: "World", who: str) -> None:
    found = await context(world, who)
    present = {key for key, _, _, _ in KEYS if found.get(fold(key))}
    assert present == {key for key, having, _, _ in KEYS if who in having}
    documented = {fold(key) for key, _, _, _ in KEYS}
    assert {key for key in found.values if key not in documented} == set()
    for key, _, kind, _ in KEYS:
        for value in found.get(fold(key)):
            assert type(value) is TYPES[kind], key
            assert value == VALUES.get(key, value), key


async def test_only_multivalued_keys_have_several_values(world: "World") -> None:
    tagged = request_tag_keys({"owner": "alice", "cost": "1"})
    found = context_of(world.service, await signing(world, ROLE), tagged)
    assert {key for key, values in found.values.items() if len(values) > 1} == {"aws:tagkeys"}
    assert {key for key, _, _, multivalued in KEYS if multivalued} >= {"aws:TagKeys"}


async def test_a_request_without_a_user_agent_has_an_empty_one(world: "World") -> None:
    found = context_of(world.service, replace(world.alice, origin=Origin("192.0.2.7")))
    assert found.get("aws:useragent") == ("",)


def denying(condition: Mapping[str, object]) -> PolicyDocument:
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    return PolicyDocument(
        "p",
        json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [everything, everything | {"Effect": "Deny", "Condition": condition}],
            }
        ),
    )


BY_ADDRESS = {
    "NotIpAddress": {"aws:SourceIp": ["203.0.113.0/24"]},
    "Bool": {"aws:ViaAWSService": "false"},
}


@pytest.mark.parametrize(
    ("condition", "allowed"),
    [
        (BY_ADDRESS, False),
        (BY_ADDRESS | {"NotIpAddress": {"aws:SourceIp": ["192.0.2.0/24"]}}, True),
        ({"StringNotEquals": {"aws:RequestedRegion": [REGION, "eu-west-1"]}}, True),
        ({"StringNotEquals": {"aws:RequestedRegion": ["eu-west-1"]}}, False),
        ({"StringNotEquals": {"aws:ResourceAccount": ["${aws:PrincipalAccount}"]}}, True),
        ({"StringNotEquals": {"aws:ResourceAccount": ["111122223333"]}}, False),
        ({"Bool": {"aws:PrincipalIsAWSService": "false"}, "StringNotEquals": {"aws:PrincipalAccount": ACCOUNT}}, True),
        ({"Bool": {"aws:PrincipalIsAWSService": "false"}}, False),
        ({"Bool": {"aws:ViaAWSMCPService": "true"}}, True),
        ({"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}, False),
    ],
)
async def test_aws_s_guards_deny_what_they_say_and_simulations_agree(
    world: "World", condition: Mapping[str, Any], allowed: bool
) -> None:
    policy = denying(condition)
    carol = await identities.create_user(world.service, "carol")
    await world.store.policies.put_inline(carol.user_id, "p", policy.text)
    for action, resource in (
        ("ssm:DescribeSessions", f"arn:aws:ssm:{REGION}:{ACCOUNT}:session/*"),
        ("iam:ListUsers", f"arn:aws:iam::{ACCOUNT}:user/"),
        ("ssm:StartSession", f"arn:aws:ssm:{REGION}:{ACCOUNT}:managed-instance/mi-0123456789abcdef0"),
    ):
        caller = replace(await callers.caller_of(world.service, carol), origin=ORIGIN)
        assert decide(world.service, caller, action, resource).allowed is allowed
        given = {"aws:SourceIp": ORIGIN.source_ip}
        asked = await simulate(world.service, await principal(world.service, "carol"), action, resource, given)
        assert asked.explanation.decision.allowed is allowed
        assert not set(asked.explanation.missing_keys) - {"aws:principalorgid"}


async def test_a_simulation_knows_whose_a_foreign_resource_is(world: "World") -> None:
    carol = await identities.create_user(world.service, "carol")
    policy = denying({"StringNotEquals": {"aws:ResourceAccount": ACCOUNT}})
    await world.store.policies.put_inline(carol.user_id, "p", policy.text)
    of = await principal(world.service, "carol")
    for resource, verdict in (
        ("arn:aws:iam::111122223333:role/Ops", Verdict.EXPLICIT_DENY),
        (f"arn:aws:iam::{ACCOUNT}:role/Ops", Verdict.ALLOWED),
        ("arn:aws:s3:::bucket", Verdict.ALLOWED),
        ("*", Verdict.ALLOWED),
    ):
        asked = await simulate(world.service, of, "sts:AssumeRole", resource)
        assert asked.explanation.decision.verdict is verdict, resource


async def test_a_simulation_does_not_know_how_a_request_comes(world: "World") -> None:
    carol = await identities.create_user(world.service, "carol")
    policy = denying({"StringLike": {"aws:UserAgent": "curl*"}, "Bool": {"aws:SecureTransport": "false"}})
    await world.store.policies.put_inline(carol.user_id, "p", policy.text)
    asked = await simulate(world.service, await principal(world.service, "carol"), "ssm:DescribeSessions", "*")
    assert set(asked.explanation.missing_keys) == {"aws:useragent", "aws:securetransport"}


def test_every_global_key_is_spelt_as_aws_does() -> None:
    conditions = [{"Null": {key.upper(): "true"}} for key, _, _, _ in KEYS if not key.endswith(("/team", "/owner"))]
    statements = [{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": each} for each in conditions]
    policy = parse_policy(json.dumps({"Statement": statements}), PolicyKind.MANAGED)
    found = set(context_keys([NamedPolicy("p", policy)]))
    assert found == {key for key, _, _, _ in KEYS if not key.endswith(("/team", "/owner"))}
