"""The policies of AWS's Session Manager guide, in force: calls that they allow and deny, by the stock AWS CLI.

The guide's pages: its two of sample policies, that on session documents in policies, and that on who may update the
preferences. The policies here mean the same, for managed nodes in place of EC2 instances.

A run of the CLI costs most of a second of a processor, so what people do most is run by it, side by side, and the rest
of the table by boto3. Users, keys, groups and policies are made by IAM's own API.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.e2e.demo import Ferryman
from tests.e2e.processes.programs import AWS
from tests.e2e.processes.warm_programs import warm_programs

AT_ONCE = 3
ADMINISTRATOR = "arn:aws:iam::aws:policy/FerrymanAdministrator"
PREFERENCES = "SSM-SessionManagerRunShell"
COMMAND = "AWS-StartNonInteractiveCommand"
OTHER_NODE = "mi-0123456789abcdef0"
CHECKED = {"BoolIfExists": {"ssm:SessionDocumentAccessCheck": "true"}}
WEB = {"Finance": "WebServers", "tier": "web"}
"""The node's tags."""

Statement = Mapping[str, object]


def allow(
    actions: str, *resources: str, effect: str = "Allow", condition: Mapping[str, object] | None = None
) -> Statement:
    """A statement about actions of ssm; resources without `arn:` are this account's, NODE is the node's id."""
    named = [f"ssm:{action}" if ":" not in action else action for action in actions.split()]
    made: dict[str, object] = {"Effect": effect, "Action": named, "Resource": list(resources)}
    return made | ({"Condition": condition} if condition else {})


def like(keys: Mapping[str, Sequence[str]]) -> Mapping[str, object]:
    return {"StringLike": keys}


LOOKING = allow("DescribeSessions GetConnectionStatus DescribeInstanceProperties", "*")
OWN_BY_ID = allow("TerminateSession ResumeSession", "arn:aws:ssm:*:*:session/${aws:userid}-*")
OWN_BY_NAME = allow("TerminateSession ResumeSession", "arn:aws:ssm:*:*:session/${aws:username}-*")
POLICIES: Mapping[str, Sequence[Statement]] = {
    "end-user": [
        allow("StartSession", "managed-instance/NODE", f"document/{PREFERENCES}", condition=CHECKED),
        allow("ssmmessages:OpenDataChannel", "arn:aws:ssm:*:*:session/${aws:userid}-*"),
        LOOKING,
        OWN_BY_ID,
    ],
    "administrator": [
        allow("StartSession", "managed-instance/*", condition=like({"ssm:resourceTag/Finance": ["WebServers"]})),
        LOOKING,
        allow("CreateDocument UpdateDocument GetDocument", f"document/{PREFERENCES}"),
        OWN_BY_NAME,
    ],
    "other-tag": [
        allow("StartSession", "managed-instance/*", condition=like({"ssm:resourceTag/Finance": ["Databases"]}))
    ],
    "both-tags": [
        allow(
            "StartSession",
            "managed-instance/*",
            condition=like({"ssm:resourceTag/Finance": ["Web*"], "ssm:resourceTag/tier": ["web"]}),
        )
    ],
    "one-of-two-tags": [
        allow(
            "StartSession",
            "managed-instance/*",
            condition=like({"ssm:resourceTag/Finance": ["Web*"], "ssm:resourceTag/tier": ["db"]}),
        )
    ],
    "document": [
        allow("StartSession", "managed-instance/NODE", f"arn:aws:ssm:*::document/{COMMAND}", condition=CHECKED)
    ],
    "documents": [allow("GetDocument ListDocuments", "document/SessionDocument-*")],
    "own-by-tag": [
        allow(
            "TerminateSession", "*", condition=like({"ssm:resourceTag/aws:ssmmessages:session-id": ["${aws:userid}"]})
        )
    ],
    "full-access": [allow("StartSession TerminateSession ResumeSession DescribeSessions GetConnectionStatus", "*")],
    "no-preferences": [
        allow("*", "*"),
        allow("CreateDocument GetDocument UpdateDocument DeleteDocument", f"document/{PREFERENCES}", effect="Deny"),
    ],
}
NEIGHBOUR = "administrator-b"
"""Whose session ids begin as those of `administrator` do."""


@dataclass(frozen=True)
class Case:
    """A call by a policy's user, and whether it is allowed. `session` is whose session it is about."""

    policy: str
    operation: str
    allowed: bool
    cli: bool = False
    options: Mapping[str, str] = field(default_factory=dict, hash=False)
    session: str = ""
    typed: str = ""
    told: str = ""

    def __str__(self) -> str:
        about = " ".join([*self.options.values(), self.session])
        return f"{self.policy} {'may' if self.allowed else 'may not'} {self.operation} {about}".strip()


HERE = {"target": "NODE"}
START_OTHER = {"target": OTHER_NODE}
RUN = {"target": "NODE", "document-name": COMMAND, "parameters": '{"command":["echo it-ran"]}'}
TO_PREFERENCES, TO_OWN = {"name": PREFERENCES}, {"name": "SessionDocument-Web"}
ACTIVE = {"state": "Active"}

TABLE = [
    Case("end-user", "start-session", True, cli=True, options=HERE, typed="exit\n", told="Starting session"),
    Case("end-user", "start-session", False, cli=True, options=RUN, told=f"document/{COMMAND}"),
    Case("end-user", "start-session", False, options=START_OTHER, told=OTHER_NODE),
    Case("end-user", "describe-sessions", True, cli=True, options=ACTIVE),
    Case("end-user", "terminate-session", True, cli=True, session="end-user"),
    Case("end-user", "terminate-session", False, cli=True, session=NEIGHBOUR),
    Case("end-user", "resume-session", True, session="end-user"),
    Case("end-user", "resume-session", False, session=NEIGHBOUR),
    Case("end-user", "get-document", False, options=TO_PREFERENCES),
    Case("end-user", "list-documents", False),
    Case("administrator", "start-session", True, cli=True, options=HERE, typed="exit\n", told="Starting session"),
    Case("administrator", "start-session", False, options=RUN, told=f"document/{COMMAND}"),
    Case("administrator", "start-session", False, options=START_OTHER),
    Case("administrator", "get-document", True, options=TO_PREFERENCES),
    Case("administrator", "get-document", False, options=TO_OWN),
    Case("administrator", "delete-document", False, options=TO_PREFERENCES),
    Case("administrator", "terminate-session", True, session="administrator"),
    Case("administrator", "terminate-session", False, session=NEIGHBOUR),
    Case("other-tag", "start-session", False, cli=True, options=HERE, told="managed-instance/"),
    Case("other-tag", "get-connection-status", False, options=HERE),
    Case("both-tags", "start-session", True, options=HERE),
    Case("one-of-two-tags", "start-session", False, options=HERE),
    Case("document", "start-session", True, cli=True, options=RUN, told="it-ran"),
    Case("document", "start-session", False, cli=True, options=HERE, told=f"document/{PREFERENCES}"),
    Case("document", "start-session", False, options=RUN | {"document-name": "AWS-StartSSHSession", "parameters": ""}),
    Case("documents", "get-document", True, cli=True, options=TO_OWN, told="Standard_Stream"),
    Case("documents", "get-document", False, options=TO_PREFERENCES),
    Case("documents", "delete-document", False, options=TO_OWN),
    Case("own-by-tag", "terminate-session", True, session="own-by-tag"),
    Case("own-by-tag", "terminate-session", False, cli=True, session="full-access"),
    Case("own-by-tag", "resume-session", False, session="own-by-tag"),
    Case("full-access", "start-session", True, options=RUN),
    Case("full-access", "describe-sessions", True, options=ACTIVE),
    Case("full-access", "terminate-session", True, session="other-tag"),
    Case("full-access", "get-document", False, options=TO_PREFERENCES),
    Case("no-preferences", "delete-document", False, cli=True, options=TO_PREFERENCES, told="with an explicit deny"),
    Case("no-preferences", "get-document", False, options=TO_PREFERENCES, told="with an explicit deny"),
    Case("no-preferences", "get-document", True, options=TO_OWN),
]


@dataclass
class Guide:
    """The guide's users on a running server: their keys, and a session of each for every call about it."""

    ferryman: Ferryman
    keys: dict[str, tuple[str, str]]
    sessions: dict[Case, str]
    outcomes: dict[Case, str]

    def members(self, case: Case) -> dict[str, str]:
        """A case's members in the CLI's spelling, what stands for something filled in."""
        about = {"session-id": self.sessions[case]} if case.session else {}
        filled = {name: value.replace("NODE", self.ferryman.node_id) for name, value in case.options.items() if value}
        return filled | about

    def run(self, cases: Sequence[Case]) -> None:
        """Make calls, a few at once, and keep what came of them."""
        with ThreadPoolExecutor(AT_ONCE) as running:
            made = running.map(lambda case: self.by_cli(case) if case.cli else self.by_boto3(case), cases)
            self.outcomes.update(zip(cases, made, strict=True))

    def by_cli(self, case: Case) -> str:
        """Run the stock CLI: what it says, with `denied: ` in front if it was."""
        key_id, secret = self.keys[case.policy]
        options = [word for name, value in self.members(case).items() for word in (f"--{name}", value)]
        keys = {"AWS_ACCESS_KEY_ID": key_id, "AWS_SECRET_ACCESS_KEY": secret}
        environment, typed = self.ferryman.environment | keys, case.typed.encode()
        done = warm_programs.run_in_pipes(AWS, "ssm", case.operation, *options, environment=environment, typed=typed)
        said = (done.stdout + done.stderr).decode()
        if done.returncode:
            assert "AccessDeniedException" in said, said
            return f"denied: {said}"
        return said

    def by_boto3(self, case: Case) -> str:
        """Make the call in this process, with the same outcome."""
        members: dict[str, Any] = {
            "".join(part.title() for part in name.split("-")): value for name, value in self.members(case).items()
        }
        if "Parameters" in members:
            members["Parameters"] = json.loads(members["Parameters"])
        client = client_of(self.ferryman, "ssm", self.keys[case.policy])
        try:
            return str(getattr(client, case.operation.replace("-", "_"))(**members))
        except ClientError as error:
            if error.response["Error"]["Code"] != "AccessDeniedException":
                raise
            return f"denied: {error}"


def client_of(ferryman: Ferryman, service: str, key: tuple[str, str]) -> Any:
    return ferryman.client(service, aws_access_key_id=key[0], aws_secret_access_key=key[1])


def document_of(ferryman: Ferryman, name: str) -> str:
    """A policy for this account and node."""
    here = f"arn:aws:ssm:{ferryman.facts['region']}:{ferryman.facts['account_id']}:"
    statements = [dict(each) for each in POLICIES.get(name, ())]
    for each in statements:
        resources = each["Resource"]
        assert isinstance(resources, list)
        named = [one if one == "*" or one.startswith("arn:") else here + one for one in resources]
        each["Resource"] = [one.replace("NODE", ferryman.node_id) for one in named]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


@pytest.fixture(scope="module")
def guide(ferryman: Ferryman) -> Iterator[Guide]:
    """Everything made, every case run; users and policies are gone afterwards."""
    iam, ssm = ferryman.client("iam"), ferryman.client("ssm")
    ssm.add_tags_to_resource(
        ResourceType="ManagedInstance",
        ResourceId=ferryman.node_id,
        Tags=[{"Key": key, "Value": value} for key, value in WEB.items()],
    )
    content = json.dumps({"schemaVersion": "1.0", "sessionType": "Standard_Stream", "inputs": {}})
    ssm.create_document(Name=TO_OWN["name"], Content=content, DocumentType="Session")
    guide = Guide(ferryman, {}, {}, {})
    for name in (*POLICIES, NEIGHBOUR):
        iam.create_user(UserName=name)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        guide.keys[name] = key["AccessKeyId"], key["SecretAccessKey"]
        iam.attach_user_policy(UserName=name, PolicyArn=ADMINISTRATOR)
    for case in TABLE:
        if case.session:
            owner = client_of(ferryman, "ssm", guide.keys[case.session])
            guide.sessions[case] = owner.start_session(Target=ferryman.node_id)["SessionId"]
    groups = {"documents", "full-access"}
    arns: dict[str, str] = {}
    for name in POLICIES:
        grant(iam, name, document_of(ferryman, name), by_group=name in groups, arns=arns)
    guide.run([case for case in TABLE if not case.cli])
    guide.run([case for case in TABLE if case.cli and case.session])
    for row in ferryman.active_sessions():  # nobody comes for them: to end them takes a while
        ssm.terminate_session(SessionId=row["SessionId"])
    guide.run([case for case in TABLE if case.cli and not case.session])
    yield guide
    for name in (*POLICIES, NEIGHBOUR):
        take_away(iam, name, guide.keys[name][0], arns.get(name), by_group=name in groups)
    ferryman.clear()


def grant(iam: Any, name: str, document: str, *, by_group: bool, arns: dict[str, str]) -> None:
    """Give a user the policy in place of an administrator's: attached, or as a group's inline policy."""
    if by_group:
        iam.create_group(GroupName=name)
        iam.put_group_policy(GroupName=name, PolicyName=name, PolicyDocument=document)
        iam.add_user_to_group(GroupName=name, UserName=name)
    else:
        arns[name] = iam.create_policy(PolicyName=name, PolicyDocument=document)["Policy"]["Arn"]
        iam.attach_user_policy(UserName=name, PolicyArn=arns[name])
    iam.detach_user_policy(UserName=name, PolicyArn=ADMINISTRATOR)


def take_away(iam: Any, name: str, key_id: str, arn: str | None, *, by_group: bool) -> None:
    if by_group:
        iam.remove_user_from_group(GroupName=name, UserName=name)
        iam.delete_group_policy(GroupName=name, PolicyName=name)
        iam.delete_group(GroupName=name)
    held = iam.list_attached_user_policies(UserName=name)["AttachedPolicies"]
    for each in held:
        iam.detach_user_policy(UserName=name, PolicyArn=each["PolicyArn"])
    if arn is not None:
        iam.delete_policy(PolicyArn=arn)
    iam.delete_access_key(UserName=name, AccessKeyId=key_id)
    iam.delete_user(UserName=name)


@pytest.mark.parametrize("case", TABLE, ids=str)
def test_the_guide(guide: Guide, case: Case) -> None:
    outcome = guide.outcomes[case]
    assert outcome.startswith("denied: ") is not case.allowed, outcome
    assert case.told in outcome
    if not case.allowed:
        operation = "".join(part.title() for part in case.operation.split("-"))
        assert f":user/{case.policy} is not authorized to perform: ssm:{operation} on resource: " in outcome
