"""Documents and tags through boto3, against a real server."""

import asyncio
import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.server.running import Server
from tests.waiting import PATIENCE

SHELL = {"schemaVersion": "1.0", "sessionType": "Standard_Stream"}
YAML = """\
schemaVersion: '1.0'
description: Follow a log
sessionType: InteractiveCommands
parameters:
  path:
    type: String
    description: The log
    default: /var/log/syslog
    allowedPattern: ^/var/log/[a-z/]+$
  tags: {type: StringList, default: [a, "b"]}
properties:
  linux: {commands: "tail -f {{ path }}", runAsElevated: true}
"""


async def refusal(server: Server, operation: str, **parameters: Any) -> tuple[str, str]:
    """Code and message of a call that boto3 sees refused."""
    with pytest.raises(ClientError) as caught:
        await server.call(operation, **parameters)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


async def create(server: Server, **members: Any) -> dict[str, Any]:
    given = {"Name": "Tail", "Content": YAML, "DocumentType": "Session", "DocumentFormat": "YAML"} | members
    return dict((await server.call("create_document", **given))["DocumentDescription"])


async def test_create_and_describe(server: Server) -> None:
    created = await create(
        server, VersionName="one", DisplayName="Tail a log", TargetType="/x", Tags=[{"Key": "team", "Value": "a"}]
    )
    assert datetime.now(UTC) - created.pop("CreatedDate") < timedelta(seconds=PATIENCE)
    assert created == {
        "Hash": hashlib.sha256(YAML.encode()).hexdigest(),
        "HashType": "Sha256",
        "Name": "Tail",
        "DisplayName": "Tail a log",
        "VersionName": "one",
        "Owner": "123456789012",
        "Status": "Active",
        "DocumentVersion": "1",
        "Description": "Follow a log",
        "Parameters": [
            {"Name": "path", "Type": "String", "Description": "The log", "DefaultValue": "/var/log/syslog"},
            {"Name": "tags", "Type": "StringList", "DefaultValue": '["a", "b"]'},
        ],
        "PlatformTypes": ["Linux"],
        "DocumentType": "Session",
        "SchemaVersion": "1.0",
        "LatestVersion": "1",
        "DefaultVersion": "1",
        "DocumentFormat": "YAML",
        "TargetType": "/x",
        "Tags": [{"Key": "team", "Value": "a"}],
    }
    described = (await server.call("describe_document", Name="Tail"))["Document"]
    assert {**described, "CreatedDate": None} == {**created, "CreatedDate": None}


async def test_get_in_both_formats(server: Server) -> None:
    await create(server)
    as_written = await server.call("get_document", Name="Tail", DocumentFormat="YAML")
    assert (as_written["Content"], as_written["DocumentFormat"]) == (YAML, "YAML")
    assert (as_written["DocumentVersion"], as_written["DocumentType"], as_written["Status"]) == (
        "1",
        "Session",
        "Active",
    )
    as_json = await server.call("get_document", Name="Tail")
    assert as_json["DocumentFormat"] == "JSON"
    assert json.loads(as_json["Content"])["properties"]["linux"]["runAsElevated"] is True
    built_in = await server.call("get_document", Name="AWS-StartSSHSession", DocumentVersion="$LATEST")
    assert json.loads(built_in["Content"])["sessionType"] == "Port"


async def test_update_versions_and_delete(server: Server) -> None:
    await create(server, VersionName="one")
    changed = {"Name": "Tail", "Content": YAML + "# 2\n", "DocumentFormat": "YAML"}
    updated = await server.call("update_document", **changed, DocumentVersion="$LATEST", VersionName="two")
    assert updated["DocumentDescription"]["DocumentVersion"] == "2"
    assert updated["DocumentDescription"]["DefaultVersion"] == "1"
    code, _ = await refusal(server, "update_document", **changed, DocumentVersion="1")
    assert code == "InvalidDocumentVersion"
    code, _ = await refusal(server, "update_document", **changed)
    assert code == "DuplicateDocumentContent"
    default = await server.call("update_document_default_version", Name="Tail", DocumentVersion="2")
    assert default["Description"] == {"Name": "Tail", "DefaultVersion": "2", "DefaultVersionName": "two"}
    listed = (await server.call("list_document_versions", Name="Tail"))["DocumentVersions"]
    assert [(each["DocumentVersion"], each["VersionName"], each["IsDefaultVersion"]) for each in listed] == [
        ("2", "two", True),
        ("1", "one", False),
    ]
    got = await server.call("get_document", Name="Tail", VersionName="one", DocumentFormat="YAML")
    assert got["Content"] == YAML
    code, _ = await refusal(server, "delete_document", Name="Tail", DocumentVersion="$LATEST")
    assert code == "InvalidDocumentOperation"
    await server.call("delete_document", Name="Tail", VersionName="one")
    code, _ = await refusal(server, "get_document", Name="Tail", DocumentVersion="1")
    assert code == "InvalidDocumentVersion"
    await server.call("delete_document", Name="Tail")
    code, message = await refusal(server, "describe_document", Name="Tail")
    assert (code, message) == ("InvalidDocument", "Document with name Tail does not exist.")


@pytest.mark.parametrize(
    ("members", "code", "part"),
    [
        ({"DocumentType": "Command"}, "ValidationException", "DocumentType must be one of Session"),
        ({"DocumentFormat": "TEXT"}, "InvalidDocumentContent", "JSON or YAML"),
        ({"Requires": [{"Name": "Other"}]}, "ValidationException", "Requires"),
        ({"Attachments": [{"Key": "SourceUrl", "Values": ["x"]}]}, "ValidationException", "Attachments"),
        ({"Name": "a b"}, "ValidationException", "'name'"),
        ({"Content": "{", "DocumentFormat": "JSON"}, "InvalidDocumentContent", "not valid JSON"),
        ({"Content": YAML + "extra: 1"}, "InvalidDocumentContent", "extra: is unknown."),
        ({"Content": YAML.replace("1.0", "2.2")}, "InvalidDocumentSchemaVersion", "1.0"),
        ({"Content": YAML + "#" * 65536}, "MaxDocumentSizeExceeded", "65536"),
    ],
)
async def test_what_create_refuses(server: Server, members: dict[str, Any], code: str, part: str) -> None:
    with pytest.raises(ClientError) as caught:
        await create(server, **members)
    assert caught.value.response["Error"]["Code"] == code
    assert part in caught.value.response["Error"]["Message"]


async def test_oversized_version_number_is_refused(server: Server) -> None:
    await create(server)
    for operation in ("get_document", "update_document_default_version", "delete_document"):
        code, _ = await refusal(server, operation, Name="Tail", DocumentVersion="9" * 30)
        assert code == "InvalidDocumentVersion"


async def test_lists_with_either_kind_of_filter(server: Server) -> None:
    await create(server, Tags=[{"Key": "team", "Value": "a"}])
    filters = [{"Key": "Owner", "Values": ["Self"]}, {"Key": "tag:team", "Values": ["a", "b"]}]
    (row,) = (await server.call("list_documents", Filters=filters))["DocumentIdentifiers"]
    assert row.pop("CreatedDate")
    assert row == {
        "Name": "Tail",
        "Owner": "123456789012",
        "PlatformTypes": ["Linux"],
        "DocumentVersion": "1",
        "DocumentType": "Session",
        "SchemaVersion": "1.0",
        "DocumentFormat": "YAML",
        "Tags": [{"Key": "team", "Value": "a"}],
    }
    older = [{"key": "Name", "value": "AWS-StartSSH"}]
    (row,) = (await server.call("list_documents", DocumentFilterList=older))["DocumentIdentifiers"]
    assert (row["Name"], row["Owner"]) == ("AWS-StartSSHSession", "Amazon")
    first = await server.call("list_documents", MaxResults=3)
    rest = await server.call("list_documents", MaxResults=3, NextToken=first["NextToken"])
    assert len({each["Name"] for each in first["DocumentIdentifiers"] + rest["DocumentIdentifiers"]}) == 6
    code, _ = await refusal(server, "list_documents", Filters=[{"Key": "Nope", "Values": ["x"]}])
    assert code == "InvalidFilterKey"


async def test_tags_of_nodes(server: Server) -> None:
    node = await server.register()
    resource = {"ResourceType": "ManagedInstance", "ResourceId": node.node_id}
    await server.call("add_tags_to_resource", **resource, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}])
    await server.call("remove_tags_from_resource", **resource, TagKeys=["a"])
    assert (await server.call("list_tags_for_resource", **resource))["TagList"] == [{"Key": "b", "Value": ""}]
    filters = [{"Key": "tag-key", "Values": ["b"]}]
    found = (await server.call("describe_instance_information", Filters=filters))["InstanceInformationList"]
    assert [each["InstanceId"] for each in found] == [node.node_id]
    code, message = await refusal(
        server, "add_tags_to_resource", ResourceType="Parameter", ResourceId="x", Tags=[{"Key": "a", "Value": "b"}]
    )
    assert code == "InvalidResourceType"
    assert "ManagedInstance and Document" in message


async def test_the_maximum_duration_is_shown(server: Server) -> None:
    node = await server.register()
    await node.control()
    content = {"schemaVersion": "1.0", "sessionType": "Standard_Stream", "inputs": {"maxSessionDuration": "45"}}
    await create(server, Name="SSM-SessionManagerRunShell", Content=json.dumps(content), DocumentFormat="JSON")
    await server.call("start_session", Target=node.node_id)
    (row,) = (await server.call("describe_sessions", State="Active"))["Sessions"]
    assert row["MaxSessionDuration"] == "45"
    assert row["DocumentName"] == "SSM-SessionManagerRunShell"


async def test_the_calls_of_terraform_for_a_document_work(server: Server) -> None:
    """The calls of its provider's `aws_ssm_document`, with the members that it sends, in its order."""
    first, second = json.dumps(SHELL | {"description": "first"}), json.dumps(SHELL | {"description": "second"})
    tags = [{"Key": "Team", "Value": "web"}]
    members = {"Content": first, "DocumentFormat": "JSON", "DocumentType": "Session", "Name": "Doc", "Tags": tags}
    assert (await server.call("create_document", **members))["DocumentDescription"]["Name"] == "Doc"

    async def read() -> dict[str, Any]:
        described: dict[str, Any] = (await server.call("describe_document", Name="Doc"))["Document"]
        assert described["Status"] == "Active"
        got = await server.call("get_document", Name="Doc", DocumentVersion="$LATEST", DocumentFormat="JSON")
        shared = await server.call("describe_document_permission", Name="Doc", PermissionType="Share")
        assert (shared["AccountIds"], shared["AccountSharingInfoList"]) == ([], [])
        return described | {"Content": got["Content"]}

    row = await read()
    assert (row["Content"], row["Tags"], row["SchemaVersion"]) == (first, tags, "1.0")
    assert (row["DocumentVersion"], row["DefaultVersion"], row["LatestVersion"]) == ("1", "1", "1")
    changes = {"Content": second, "DocumentFormat": "JSON", "DocumentVersion": row["DefaultVersion"], "Name": "Doc"}
    changed = (await server.call("update_document", **changes))["DocumentDescription"]
    version = changed["DocumentVersion"]
    await server.call("update_document_default_version", DocumentVersion=version, Name="Doc")
    row = await read()
    assert (row["Content"], row["DefaultVersion"], row["LatestVersion"]) == (second, "2", "2")
    changes["DocumentVersion"] = row["DefaultVersion"]
    with pytest.raises(ClientError, match="DuplicateDocumentContent"):
        await server.call("update_document", **changes)
    await server.call("delete_document", Name="Doc")
    with pytest.raises(ClientError, match=r"InvalidDocument\).*does not exist"):
        await server.call("describe_document", Name="Doc")


async def test_the_calls_of_terraform_for_an_activation_work(server: Server) -> None:
    """The calls of its provider's `aws_ssm_activation`."""
    members = {"DefaultInstanceName": "web", "IamRole": "node", "RegistrationLimit": 20}
    tags = [{"Key": "Role", "Value": "web"}]
    activation_id = (await server.call("create_activation", **members, Tags=tags))["ActivationId"]
    chosen = [{"FilterKey": "ActivationIds", "FilterValues": [activation_id]}]
    (row,) = (await server.call("describe_activations", Filters=chosen))["ActivationList"]
    assert {name: row[name] for name in members} == members
    assert (row["Tags"], row["RegistrationsCount"], row["Expired"]) == (tags, 0, False)
    await server.call("delete_activation", ActivationId=activation_id)
    with pytest.raises(ClientError, match="InvalidActivation"):
        await server.call("delete_activation", ActivationId=activation_id)
    assert (await server.call("describe_activations", Filters=chosen))["ActivationList"] == []
    assert (await asyncio.to_thread(server.client("sts").get_caller_identity))["Account"]


@pytest.mark.parametrize(
    "value", ["2001-13-45", "9" * 5000, "!!int x", "!!float x", "!!bool x", "!!timestamp x", "0x_"]
)
async def test_yaml_that_cannot_be_converted_is_the_authors_fault(server: Server, value: str) -> None:
    content = f'schemaVersion: "1.0"\nsessionType: Standard_Stream\ndescription: {value}\n'
    code, message = await refusal(
        server, "create_document", Name="yaml", Content=content, DocumentFormat="YAML", DocumentType="Session"
    )
    assert code == "InvalidDocumentContent"
    assert "quote it" in message


async def test_expensive_cedar_policy_is_refused_naming_the_limit(server: Server) -> None:
    condition = "principal has a" + ".a" * 8000
    policy = f"permit(principal, action, resource) when {{ {condition} }};"
    asked = {"Content": policy, "DocumentFormat": "TEXT", "DocumentType": "AutoApprovalPolicy"}
    code, message = await refusal(server, "create_document", Name="SSM-JustInTimeAccessAutoApprovalPolicy", **asked)
    assert code == "InvalidDocumentContent"
    assert "a chain of attributes is longer than 32" in message
