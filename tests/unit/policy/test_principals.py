"""Whom principals name, and how directly."""

import pytest

from ferryman.policy.errors import MalformedPolicyDocument
from ferryman.policy.principals import Grant, Requester, read_principals

ACCOUNT = "111122223333"
ALICE = Requester(arn=f"arn:aws:iam::{ACCOUNT}:user/alice", account_id=ACCOUNT)
SESSION = Requester(
    arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/admin/alice",
    account_id=ACCOUNT,
    role_arn=f"arn:aws:iam::{ACCOUNT}:role/admin",
)
WEB = Requester(provider=f"arn:aws:iam::{ACCOUNT}:oidc-provider/id.example.com")
SERVICE = Requester(service="ssm.amazonaws.com")


@pytest.mark.parametrize(
    ("kind", "value", "requester", "grant"),
    [
        ("AWS", "*", ALICE, Grant.ACCOUNT),
        ("AWS", "*", WEB, Grant.ACCOUNT),
        ("AWS", ACCOUNT, ALICE, Grant.ACCOUNT),
        ("AWS", f"arn:aws:iam::{ACCOUNT}:root", SESSION, Grant.ACCOUNT),
        ("AWS", "999999999999", ALICE, Grant.NONE),
        ("AWS", ALICE.arn, ALICE, Grant.DIRECT),
        ("AWS", ALICE.arn, SESSION, Grant.NONE),
        ("AWS", f"arn:aws:iam::{ACCOUNT}:user/ali", ALICE, Grant.NONE),
        ("AWS", f"arn:aws:iam::{ACCOUNT}:role/alice", ALICE, Grant.NONE),
        ("AWS", SESSION.arn, SESSION, Grant.DIRECT),
        ("AWS", SESSION.role_arn, SESSION, Grant.ROLE),
        ("AWS", ACCOUNT, WEB, Grant.NONE),
        ("AWS", ACCOUNT, SERVICE, Grant.NONE),
        ("Federated", WEB.provider, WEB, Grant.DIRECT),
        ("Federated", "accounts.google.com", WEB, Grant.NONE),
        ("Federated", WEB.provider, ALICE, Grant.NONE),
        ("Service", "ssm.amazonaws.com", SERVICE, Grant.DIRECT),
        ("Service", "ec2.amazonaws.com", SERVICE, Grant.NONE),
        ("Service", "ssm.amazonaws.com", ALICE, Grant.NONE),
    ],
)
def test_grants(kind: str, value: str, requester: Requester, grant: Grant) -> None:
    assert read_principals([(kind, [value])]).grant(requester) is grant


def test_the_most_direct_name_counts() -> None:
    principals = read_principals([("AWS", ["*", ACCOUNT, SESSION.role_arn]), ("Service", ["ssm.amazonaws.com"])])
    assert principals.grant(SESSION) is Grant.ROLE
    assert principals.grant(ALICE) is Grant.ACCOUNT
    assert principals.grant(SERVICE) is Grant.DIRECT


@pytest.mark.parametrize(
    ("kind", "value", "path"),
    [
        ("AWS", "", "AWS[0]"),
        ("AWS", "1111222233334", "AWS[0]"),
        ("AWS", f"arn:aws:iam::{ACCOUNT}:user/*", "AWS[0]"),
        ("AWS", f"arn:aws:iam::{ACCOUNT}:role/a?", "AWS[0]"),
        ("AWS", "arn:aws:iam::*:root", "AWS[0]"),
        ("AWS", f"arn:aws:iam::{ACCOUNT}:group/a", "AWS[0]"),
        ("AWS", f"arn:aws:iam::{ACCOUNT}:user/", "AWS[0]"),
        ("AWS", f"arn:aws:iam::{ACCOUNT}:user/a b", "AWS[0]"),
        ("AWS", "alice", "AWS[0]"),
        ("Federated", "*", "Federated[0]"),
        ("Service", "*", "Service[0]"),
        ("Service", "ssm", "Service[0]"),
        ("CanonicalUser", "79a59d", "CanonicalUser"),
        ("aws", "*", "aws"),
    ],
)
def test_principals_that_name_nobody_are_refused(kind: str, value: str, path: str) -> None:
    with pytest.raises(MalformedPolicyDocument) as raised:
        read_principals([(kind, [value])])
    assert raised.value.path == path
