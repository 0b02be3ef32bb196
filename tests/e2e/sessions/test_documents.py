"""Documents with the stock AWS CLI: made, changed, started, refused."""

import json
from pathlib import Path
from typing import Any

from tests.e2e.demo import Ferryman
from tests.e2e.processes.programs import AWS
from tests.e2e.shell import OpenShell

GREET = {
    "schemaVersion": "1.0",
    "description": "Greet someone",
    "sessionType": "Standard_Stream",
    "inputs": {"maxSessionDuration": "30", "shellProfile": {"linux": "echo hello {{ who }}"}},
    "parameters": {"who": {"type": "String", "allowedPattern": "[a-z]{1,10}", "default": "world"}},
}


def answer(ferryman: Ferryman, *arguments: str) -> Any:
    return json.loads(ferryman.aws("ssm", *arguments, "--output", "json").stdout)


def refusal(ferryman: Ferryman, *arguments: str) -> str:
    refused = ferryman.aws("ssm", *arguments, check=False)
    assert refused.returncode != 0
    return str(refused.stderr)


def test_create_update_describe_list_and_delete(ferryman: Ferryman, tmp_path: Path) -> None:
    file = tmp_path / "greet.json"
    file.write_text(json.dumps(GREET))
    make = ("create-document", "--name", "Greet", "--document-type", "Session", "--content", f"file://{file}")
    created = answer(ferryman, *make, "--tags", "Key=team,Value=a")
    assert created["DocumentDescription"]["DocumentVersion"] == "1"
    assert created["DocumentDescription"]["Parameters"][0]["Name"] == "who"
    assert "DocumentAlreadyExists" in refusal(ferryman, *make)

    yaml = tmp_path / "greet.yaml"
    yaml.write_text("schemaVersion: '1.0'\nsessionType: Standard_Stream\n")
    update = ("update-document", "--name", "Greet", "--content", f"file://{yaml}", "--document-format", "YAML")
    updated = answer(ferryman, *update, "--document-version", "$LATEST")
    assert updated["DocumentDescription"]["DocumentVersion"] == "2"
    default = ("update-document-default-version", "--name", "Greet", "--document-version", "2")
    assert answer(ferryman, *default)["Description"]["DefaultVersion"] == "2"
    described = answer(ferryman, "describe-document", "--name", "Greet")["Document"]
    assert (described["DefaultVersion"], described["LatestVersion"], described["DocumentFormat"]) == ("2", "2", "YAML")
    versions = answer(ferryman, "list-document-versions", "--name", "Greet")["DocumentVersions"]
    assert [each["DocumentVersion"] for each in versions] == ["2", "1"]
    content = answer(ferryman, "get-document", "--name", "Greet", "--document-version", "1")["Content"]
    assert json.loads(content) == GREET

    own = answer(ferryman, "list-documents", "--filters", "Key=Owner,Values=Self", "Key=Name,Values=Gr")[
        "DocumentIdentifiers"
    ]
    assert [each["Name"] for each in own] == ["Greet"]
    every = answer(ferryman, "list-documents", "--page-size", "3")["DocumentIdentifiers"]
    assert {"Greet", "AWS-StartSSHSession", "SSM-SessionManagerRunShell"} < {each["Name"] for each in every}

    ferryman.aws("ssm", "delete-document", "--name", "Greet")
    assert "InvalidDocument" in refusal(ferryman, "describe-document", "--name", "Greet")


def test_bad_content_names_path_and_rule(ferryman: Ferryman) -> None:
    content = json.dumps(GREET | {"inputs": {"idleSessionTimeout": "90"}})
    refused = refusal(ferryman, "create-document", "--name", "Bad", "--document-type", "Session", "--content", content)
    assert "InvalidDocumentContent" in refused
    assert "inputs.idleSessionTimeout: must be a number of minutes in a string, 1 to 60" in refused


def test_a_session_of_a_document_runs_what_was_resolved(ferryman: Ferryman, open_shell: OpenShell) -> None:
    create = ("create-document", "--name", "Hello", "--document-type", "Session", "--content", json.dumps(GREET))
    answer(ferryman, *create)
    start = ("start-session", "--target", ferryman.node_id, "--document-name", "Hello", "--parameters")
    for parameters in ("who=Alice", "who=x;id", "whom=x"):
        refused = refusal(ferryman, *start, parameters)
        assert "ValidationException" in refused
        assert "Parameter 'who" in refused
    shell = open_shell(ferryman, AWS, "ssm", *start, "who=ferryman")
    session_id = shell.session_id()
    shell.expect("hello ferryman\r\n")
    shell.prompt()
    row = ferryman.session_row(session_id)
    assert (row["DocumentName"], row["MaxSessionDuration"]) == ("Hello", "30")
    shell.child.send(b"exit\n")
    assert shell.end() == 0


def test_parameters_of_the_built_in_documents(ferryman: Ferryman) -> None:
    start = ("start-session", "--target", ferryman.node_id, "--document-name")
    assert "'portNumber'" in refusal(ferryman, *start, "AWS-StartSSHSession", "--parameters", "portNumber=70000")
    assert "'command'" in refusal(ferryman, *start, "AWS-StartInteractiveCommand")
    assert "InvalidDocument" in refusal(ferryman, *start, "AWS-RunShellScript")


def test_the_account_s_preferences(ferryman: Ferryman, open_shell: OpenShell) -> None:
    name = "SSM-SessionManagerRunShell"
    preferred = {
        "schemaVersion": "1.0",
        "sessionType": "Standard_Stream",
        "inputs": {
            "idleSessionTimeout": "7",
            "maxSessionDuration": "",
            "shellProfile": {"linux": "echo profile-$((40+2))"},
        },
    }
    create = ("create-document", "--name", name, "--document-type", "Session", "--content", json.dumps(preferred))
    assert answer(ferryman, *create)["DocumentDescription"]["Owner"] == ferryman.facts["account_id"]
    shell = open_shell(ferryman)
    session_id = shell.session_id()
    shell.expect("profile-42\r\n")
    assert "MaxSessionDuration" not in ferryman.session_row(session_id)
    preferred["inputs"] = {"maxSessionDuration": "60"}
    update = ("update-document", "--name", name, "--content", json.dumps(preferred), "--document-version", "$LATEST")
    answer(ferryman, *update)
    answer(ferryman, "update-document-default-version", "--name", name, "--document-version", "2")
    other = open_shell(ferryman)
    assert ferryman.session_row(other.session_id())["MaxSessionDuration"] == "60"
    other.prompt()
    ferryman.aws("ssm", "delete-document", "--name", name)


def test_nodes_are_tagged_and_found(ferryman: Ferryman) -> None:
    resource = ("--resource-type", "ManagedInstance", "--resource-id", ferryman.node_id)
    ferryman.aws("ssm", "add-tags-to-resource", *resource, "--tags", "Key=role,Value=web")
    assert answer(ferryman, "list-tags-for-resource", *resource)["TagList"] == [{"Key": "role", "Value": "web"}]
    found = answer(ferryman, "describe-instance-information", "--filters", "Key=tag:role,Values=web")
    assert [each["InstanceId"] for each in found["InstanceInformationList"]] == [ferryman.node_id]
    ferryman.aws("ssm", "remove-tags-from-resource", *resource, "--tag-keys", "role")
    found = answer(ferryman, "describe-instance-information", "--filters", "Key=tag:role,Values=web")
    assert found["InstanceInformationList"] == []
