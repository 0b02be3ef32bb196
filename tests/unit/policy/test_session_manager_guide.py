"""What the policies of AWS's Session Manager guide are documented to do, as a table of calls.

The guide: "Sample IAM policies for Session Manager" and "Additional sample IAM policies for Session Manager". The
policies here are written for managed nodes of Ferryman (`managed-instance/mi-…`), and mean the same.
"""

import json
from collections.abc import Mapping, Sequence

import pytest

from ferryman.policy.context import Value, request_context
from ferryman.policy.documents import PolicyKind
from ferryman.policy.evaluation import NamedPolicy, PolicySet, Request, Verdict, evaluate
from ferryman.policy.parsing import parse_policy

HERE = "us-east-2:111122223333"
NODE = f"arn:aws:ssm:{HERE}:managed-instance/mi-0123456789abcdef0"
OTHER_NODE = f"arn:aws:ssm:{HERE}:managed-instance/mi-0fedcba9876543210"
PREFERENCES = f"arn:aws:ssm:{HERE}:document/SSM-SessionManagerRunShell"
OWN_DOCUMENT = f"arn:aws:ssm:{HERE}:document/SessionDocument-Web"
SSH_DOCUMENT = "arn:aws:ssm:us-east-2::document/AWS-StartSSHSession"
ALL = f"arn:aws:ssm:{HERE}:*"
ALICE: dict[str, Value] = {"aws:username": "alice", "aws:userid": "AIDAALICE0000000000AL"}
SHIRLEY = "AROAADMIN0000000000AD:Shirley-Rodriguez"
ROLE: dict[str, Value] = {"aws:userid": SHIRLEY}
WEB_SERVER: dict[str, Value] = {"ssm:resourceTag/Finance": "WebServers"}
Statements = Sequence[Mapping[str, object]]


def session(name: str) -> str:
    return f"arn:aws:ssm:{HERE}:session/{name}-0123456789abcdef0"


def allow(actions: str, resources: str | list[str], **condition: Mapping[str, object]) -> dict[str, object]:
    statement: dict[str, object] = {
        "Effect": "Allow",
        "Action": [f"ssm:{action}" for action in actions.split()],
        "Resource": resources,
    }
    return statement | ({"Condition": condition} if condition else {})


OWN_SESSIONS = allow("TerminateSession ResumeSession", "arn:aws:ssm:*:*:session/${aws:username}-*")
END_USER: Statements = [
    allow("StartSession", [NODE, PREFERENCES], BoolIfExists={"ssm:SessionDocumentAccessCheck": "true"}),
    allow("DescribeSessions GetConnectionStatus DescribeInstanceProperties", "*"),
    OWN_SESSIONS,
]
ADMINISTRATOR: Statements = [
    allow(
        "StartSession",
        f"arn:aws:ssm:{HERE}:managed-instance/*",
        StringLike={"ssm:resourceTag/Finance": ["WebServers"]},
    ),
    allow("DescribeSessions GetConnectionStatus DescribeInstanceProperties", "*"),
    allow("CreateDocument UpdateDocument GetDocument", PREFERENCES),
    OWN_SESSIONS,
]
DOCUMENTS: Statements = [allow("GetDocument ListDocuments", f"arn:aws:ssm:{HERE}:document/SessionDocument-*")]
TWO_TAGS: Statements = [
    allow("StartSession", "*", StringLike={"ssm:resourceTag/tier": ["web"], "ssm:resourceTag/stage": ["test"]})
]
OWN_BY_USER_ID: Statements = [
    allow("TerminateSession", "*", StringLike={"ssm:resourceTag/aws:ssmmessages:session-id": ["${aws:userid}"]})
]
OWN_BY_ROLE_SESSION: Statements = [allow("TerminateSession ResumeSession", "arn:aws:ssm:*:*:session/${aws:userid}-*")]
BY_TARGET: Statements = [
    allow(
        "TerminateSession",
        "*",
        StringLike={"ssm:resourceTag/aws:ssmmessages:target-id": ["mi-0123456789abcdef0"]},
    )
]
FULL_ACCESS: Statements = [
    allow("StartSession TerminateSession ResumeSession DescribeSessions GetConnectionStatus", "*")
]
NO_PREFERENCES: Statements = [
    {"Effect": "Allow", "Action": "ssm:*", "Resource": "*"},
    {
        "Effect": "Deny",
        "Action": ["ssm:CreateDocument", "ssm:UpdateDocument", "ssm:DeleteDocument", "ssm:GetDocument"],
        "Resource": PREFERENCES,
    },
]
CHECKED: dict[str, Value] = {"ssm:SessionDocumentAccessCheck": True}
UNCHECKED: dict[str, Value] = {"ssm:SessionDocumentAccessCheck": False}
MINE: dict[str, Value] = {"ssm:resourceTag/aws:ssmmessages:session-id": "AIDAALICE0000000000AL"}
BOBS: dict[str, Value] = {"ssm:resourceTag/aws:ssmmessages:session-id": "AIDABOB000000000000BO"}
SHIRLEYS: dict[str, Value] = {"ssm:resourceTag/aws:ssmmessages:session-id": SHIRLEY}
ON_NODE: dict[str, Value] = {"ssm:resourceTag/aws:ssmmessages:target-id": "mi-0123456789abcdef0"}
ON_OTHER: dict[str, Value] = {"ssm:resourceTag/aws:ssmmessages:target-id": "mi-0fedcba9876543210"}

TABLE: list[tuple[str, Statements, str, str, Mapping[str, Value], bool]] = [
    ("end user", END_USER, "StartSession", NODE, ALICE, True),
    ("end user", END_USER, "StartSession", NODE, ALICE | CHECKED, True),
    ("end user", END_USER, "StartSession", NODE, ALICE | UNCHECKED, False),
    ("end user", END_USER, "StartSession", PREFERENCES, ALICE | CHECKED, True),
    ("end user", END_USER, "StartSession", SSH_DOCUMENT, ALICE | CHECKED, False),
    ("end user", END_USER, "StartSession", OWN_DOCUMENT, ALICE | CHECKED, False),
    ("end user", END_USER, "StartSession", OTHER_NODE, ALICE, False),
    ("end user", END_USER, "DescribeSessions", ALL, ALICE, True),
    ("end user", END_USER, "GetConnectionStatus", OTHER_NODE, ALICE, True),
    ("end user", END_USER, "TerminateSession", session("alice"), ALICE, True),
    ("end user", END_USER, "ResumeSession", session("alice"), ALICE, True),
    ("end user", END_USER, "TerminateSession", session("bob"), ALICE, False),
    ("end user", END_USER, "ResumeSession", session("bob"), ALICE, False),
    ("end user", END_USER, "TerminateSession", session("alicex"), ALICE, False),
    ("end user", END_USER, "TerminateSession", session("alice"), ROLE, False),
    ("end user", END_USER, "TerminateSession", session(""), ROLE, False),
    ("end user", END_USER, "CreateDocument", PREFERENCES, ALICE, False),
    ("end user", END_USER, "CreateActivation", "*", ALICE, False),
    ("administrator", ADMINISTRATOR, "StartSession", NODE, ALICE | WEB_SERVER, True),
    ("administrator", ADMINISTRATOR, "StartSession", NODE, ALICE | {"SSM:resourcetag/finance": "WebServers"}, True),
    ("administrator", ADMINISTRATOR, "StartSession", NODE, ALICE | {"ssm:resourceTag/Finance": "webservers"}, False),
    ("administrator", ADMINISTRATOR, "StartSession", NODE, ALICE | {"ssm:resourceTag/Finance": "Databases"}, False),
    ("administrator", ADMINISTRATOR, "StartSession", NODE, ALICE, False),
    ("administrator", ADMINISTRATOR, "StartSession", PREFERENCES, ALICE | WEB_SERVER, False),
    ("administrator", ADMINISTRATOR, "UpdateDocument", PREFERENCES, ALICE, True),
    ("administrator", ADMINISTRATOR, "UpdateDocument", OWN_DOCUMENT, ALICE, False),
    ("administrator", ADMINISTRATOR, "DeleteDocument", PREFERENCES, ALICE, False),
    ("administrator", ADMINISTRATOR, "TerminateSession", session("alice"), ALICE, True),
    ("administrator", ADMINISTRATOR, "TerminateSession", session("bob"), ALICE, False),
    ("documents", DOCUMENTS, "GetDocument", OWN_DOCUMENT, ALICE, True),
    ("documents", DOCUMENTS, "GetDocument", PREFERENCES, ALICE, False),
    ("documents", DOCUMENTS, "UpdateDocument", OWN_DOCUMENT, ALICE, False),
    (
        "both tags",
        TWO_TAGS,
        "StartSession",
        NODE,
        {"ssm:resourceTag/tier": "web", "ssm:resourceTag/stage": "test"},
        True,
    ),
    ("both tags", TWO_TAGS, "StartSession", NODE, {"ssm:resourceTag/tier": "web"}, False),
    ("both tags", TWO_TAGS, "StartSession", NODE, {"ssm:resourceTag/stage": "test"}, False),
    ("both tags", TWO_TAGS, "StartSession", NODE, {}, False),
    ("own by user id", OWN_BY_USER_ID, "TerminateSession", session("alice"), ALICE | MINE, True),
    ("own by user id", OWN_BY_USER_ID, "TerminateSession", session("alice"), ALICE | BOBS, False),
    ("own by user id", OWN_BY_USER_ID, "TerminateSession", session("alice"), ALICE, False),
    ("own by user id", OWN_BY_USER_ID, "TerminateSession", session("Shirley-Rodriguez"), ROLE | SHIRLEYS, True),
    ("own by user id", OWN_BY_USER_ID, "TerminateSession", session("Shirley-Rodriguez"), ROLE | MINE, False),
    ("own by user id", OWN_BY_USER_ID, "ResumeSession", session("alice"), ALICE | MINE, False),
    ("own by role session", OWN_BY_ROLE_SESSION, "ResumeSession", session(SHIRLEY), ROLE, True),
    ("own by role session", OWN_BY_ROLE_SESSION, "ResumeSession", session("AROAADMIN0000000000AD:Bob"), ROLE, False),
    ("own by role session", OWN_BY_ROLE_SESSION, "ResumeSession", session("Shirley-Rodriguez"), ROLE, False),
    ("by target", BY_TARGET, "TerminateSession", session("bob"), ALICE | ON_NODE, True),
    ("by target", BY_TARGET, "TerminateSession", session("bob"), ALICE | ON_OTHER, False),
    ("full access", FULL_ACCESS, "StartSession", NODE, ALICE, True),
    ("full access", FULL_ACCESS, "StartSession", OWN_DOCUMENT, ALICE, True),
    ("full access", FULL_ACCESS, "TerminateSession", session("bob"), ALICE, True),
    ("full access", FULL_ACCESS, "DescribeSessions", ALL, ALICE, True),
    ("full access", FULL_ACCESS, "UpdateDocument", PREFERENCES, ALICE, False),
    ("no preferences", NO_PREFERENCES, "UpdateDocument", OWN_DOCUMENT, ALICE, True),
]


@pytest.mark.parametrize(("name", "statements", "action", "resource", "entries", "allowed"), TABLE)
def test_the_guide(
    name: str, statements: Statements, action: str, resource: str, entries: Mapping[str, Value], allowed: bool
) -> None:
    text = json.dumps({"Version": "2012-10-17", "Statement": statements})
    policies = PolicySet((NamedPolicy(name, parse_policy(text, PolicyKind.MANAGED)),))
    decision = evaluate(policies, Request(f"ssm:{action}", resource, request_context(entries)))
    assert decision.verdict is (Verdict.ALLOWED if allowed else Verdict.IMPLICIT_DENY)


def test_nobody_updates_preferences_where_that_is_denied() -> None:
    text = json.dumps({"Version": "2012-10-17", "Statement": NO_PREFERENCES})
    policies = PolicySet((NamedPolicy("p", parse_policy(text, PolicyKind.MANAGED)),))
    decision = evaluate(policies, Request("ssm:UpdateDocument", PREFERENCES, request_context(ALICE)))
    assert decision.verdict is Verdict.EXPLICIT_DENY
    assert decision.statement is not None
    assert decision.statement.index == 1
