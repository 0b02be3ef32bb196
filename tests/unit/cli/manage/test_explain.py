"""`ferryman explain`: what people and programs are told, against a store without a server."""

import asyncio
import json
from typing import Any

import pytest
from typer.testing import CliRunner

from ferryman.bootstrap.configuration import load
from ferryman.bootstrap.service import open_service
from ferryman.cli.app import app
from ferryman.cli.operate.init import ServerPlan, initialise
from ferryman.core.iam.operator import create_user
from ferryman.core.service import Service
from ferryman.model.failures import Failure
from ferryman.model.identity.callers import BuiltinRole

NODE = "mi-0123456789abcdef0"
POLICY = """{
  "Version": "2012-10-17",
  "Statement": {"Sid": "NotByNight", "Effect": "Deny", "Action": "ssm:StartSession", "Resource": "*",
                "Condition": {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}}
}"""


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A configuration whose store has an operator with a policy of their own."""
    made = initialise(ServerPlan(tmp_path_factory.mktemp("explain")))

    async def fill() -> None:
        async with open_service(load(made.configuration)) as service:
            await put(service)

    async def put(service: Service) -> None:
        alice = await create_user(service, "alice", BuiltinRole.OPERATOR)
        await service.store.policies.put_inline(alice.user_id, "night", POLICY)

    asyncio.run(fill())
    return str(made.configuration)


def explain(config: str, *arguments: str) -> str:
    done = CliRunner().invoke(app, ["explain", *arguments, "--config", config], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def told(config: str, *arguments: str) -> Any:
    return json.loads(explain(config, *arguments, "--json"))


def test_people_see_the_deciding_statement(config: str) -> None:
    text = explain(config, "alice", "StartSession", NODE)
    first, second, *rest = text.splitlines()
    assert first.endswith(":user/alice may ssm:StartSession.")
    assert second.endswith(f":managed-instance/{NODE}: allowed")
    assert rest == [
        "  Allow: statement 1 (SessionsAndLists), line 4 of built-in policy FerrymanOperator",
        "  Used by the policies, value unknown: aws:SourceIp",
    ]
    text = explain(config, "alice", "StartSession", NODE, "--context", "aws:SourceIp=192.0.2.7")
    assert ":user/alice may not ssm:StartSession." in text
    assert "  Deny: statement 1 (NotByNight), line 3 of inline policy night of user alice\n" in text
    assert "  Also: Allow: statement 1 (SessionsAndLists), line 4 of built-in policy FerrymanOperator\n" in text
    assert "  No policy of the caller allows it." in explain(config, "alice", "iam:CreateUser", "*")


def test_programs_get_the_same_facts(config: str) -> None:
    answer = told(config, "alice", "StartSession", NODE, "--document", "AWS-StartSSHSession")
    assert answer["allowed"] is True
    node, document = answer["decisions"]
    assert document["resource"] == "arn:aws:ssm:us-east-1::document/AWS-StartSSHSession"
    assert node["decided_by"]["arn"] == "arn:aws:iam::aws:policy/FerrymanOperator"
    refused = told(config, "alice", "iam:CreateUser", "*")
    assert refused["allowed"] is False
    assert refused["decisions"] == [
        {
            "resource": "*",
            "decision": "implicitDeny",
            "layer": "identity",
            "decided_by": None,
            "matched": [],
            "missing_keys": [],
        }
    ]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["alice", "StartSession", "web-1"], "'web-1' is not a resource"),
        (["alice", "StartSession", "*", "--context", "SourceIp"], "does not set a condition key"),
    ],
)
def test_what_cannot_be_read_is_named(config: str, arguments: list[str], told: str) -> None:
    with pytest.raises(Failure, match=told):
        explain(config, *arguments)
