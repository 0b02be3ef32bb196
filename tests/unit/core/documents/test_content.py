"""What session documents may say, and what sessions get of them."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from ferryman.core.documents.builtin import BUILTIN_DOCUMENTS
from ferryman.core.documents.content import SessionDocument, WrongSchemaVersion, read_document, resolve
from ferryman.core.documents.parameters import check_values
from ferryman.core.documents.text import RuleBroken
from ferryman.core.service import Limits
from ferryman.model.errors import ServiceError
from ferryman.model.session_types import SessionType

SHELL = {"schemaVersion": "1.0", "sessionType": "Standard_Stream"}
PORT = {"schemaVersion": "1.0", "sessionType": "Port", "properties": {"portNumber": "22"}}
COMMAND = {
    "schemaVersion": "1.0",
    "sessionType": "InteractiveCommands",
    "properties": {"linux": {"commands": "top", "runAsElevated": False}},
}
QUIET = COMMAND | {"sessionType": "NonInteractiveCommands"}
NO_PREFERENCES = SessionDocument(SessionType.STANDARD_STREAM)


def linux(**members: Any) -> dict[str, Any]:
    return {"linux": {"commands": "top", **members}}


@pytest.mark.parametrize(
    "document",
    [
        SHELL,
        SHELL | {"description": "", "inputs": {}, "properties": {}, "parameters": {}},
        SHELL | {"inputs": None, "properties": None},
        SHELL | {"inputs": {"idleSessionTimeout": "60", "maxSessionDuration": "1440", "runAsEnabled": "true"}},
        SHELL | {"inputs": {"s3BucketName": "", "cloudWatchStreamingEnabled": True, "kmsKeyId": ""}},
        SHELL | {"inputs": {"shellProfile": {"linux": "cd /tmp\nls", "windows": ""}}},
        SHELL | {"inputs": {"runAsDefaultUser": "deploy.user-1@corp"}},
        PORT,
        PORT | {"properties": {"portNumber": 65535, "type": "LocalPortForwarding", "localPortNumber": "0"}},
        PORT | {"properties": {"portNumber": "1", "host": "fd00::1", "localUnixSocket": "/run/x"}},
        COMMAND,
        COMMAND | {"properties": {"windows": {"commands": "dir"}, "macos": {"commands": "ls"}}},
        QUIET | {"properties": linux(separateOutputStream=True, stdOutSeparatorPrefix="out:\n")},
    ],
)
def test_good_documents(document: Mapping[str, Any]) -> None:
    read = read_document(document)
    content = resolve("Doc", read, {}, NO_PREFERENCES, Limits()).content
    assert read_document(content).session_type == read.session_type


@pytest.mark.parametrize(
    ("document", "path", "rule"),
    [
        (SHELL | {"author": "me"}, "author", "unknown"),
        (SHELL | {"sessionType": "Shell"}, "sessionType", "one of Standard_Stream"),
        (SHELL | {"sessionType": []}, "sessionType", "one of Standard_Stream"),
        ({"schemaVersion": "1.0"}, "sessionType", "one of Standard_Stream"),
        (SHELL | {"description": 1}, "description", "a string"),
        (SHELL | {"inputs": []}, "inputs", "an object"),
        (SHELL | {"parameters": []}, "parameters", "an object"),
        (SHELL | {"properties": []}, "properties", "an object"),
        (SHELL | {"properties": {"linux": {}}}, "properties.linux", "unknown"),
        (SHELL | {"inputs": {"idleTimeout": "1"}}, "inputs.idleTimeout", "unknown"),
        (SHELL | {"inputs": {"idleSessionTimeout": "0"}}, "inputs.idleSessionTimeout", "1 to 60"),
        (SHELL | {"inputs": {"idleSessionTimeout": "61"}}, "inputs.idleSessionTimeout", "1 to 60"),
        (SHELL | {"inputs": {"idleSessionTimeout": "ten"}}, "inputs.idleSessionTimeout", "1 to 60"),
        (SHELL | {"inputs": {"idleSessionTimeout": None}}, "inputs.idleSessionTimeout", "1 to 60"),
        (SHELL | {"inputs": {"maxSessionDuration": "1441"}}, "inputs.maxSessionDuration", "1 to 1440"),
        (SHELL | {"inputs": {"maxSessionDuration": True}}, "inputs.maxSessionDuration", "1 to 1440"),
        (SHELL | {"inputs": {"runAsEnabled": "yes"}}, "inputs.runAsEnabled", "true or false"),
        (SHELL | {"inputs": {"runAsEnabled": 1}}, "inputs.runAsEnabled", "true or false"),
        (SHELL | {"inputs": {"runAsDefaultUser": "a b"}}, "inputs.runAsDefaultUser", "a user"),
        (SHELL | {"inputs": {"runAsDefaultUser": "-x"}}, "inputs.runAsDefaultUser", "a user"),
        (SHELL | {"inputs": {"s3BucketName": "b"}}, "inputs.s3BucketName", "name of a bucket"),
        (SHELL | {"inputs": {"s3BucketName": "a/../b"}}, "inputs.s3BucketName", "name of a bucket"),
        (SHELL | {"inputs": {"s3KeyPrefix": "a?b"}}, "inputs.s3KeyPrefix", "500 letters"),
        (SHELL | {"inputs": {"cloudWatchLogGroupName": "a b"}}, "inputs.cloudWatchLogGroupName", "of a log group"),
        (SHELL | {"inputs": {"cloudWatchStreamingEnabled": 1}}, "inputs.cloudWatchStreamingEnabled", "true or false"),
        (SHELL | {"inputs": {"kmsKeyId": "a key"}}, "inputs.kmsKeyId", "must be the id, ARN or alias of a KMS key"),
        (
            SHELL | {"parameters": {"k": {"type": "String"}}, "inputs": {"kmsKeyId": "{{ k }}"}},
            "inputs.kmsKeyId",
            "must be",
        ),
        (SHELL | {"inputs": {"shellProfile": "ls"}}, "inputs.shellProfile", "an object"),
        (SHELL | {"inputs": {"shellProfile": {"bash": "ls"}}}, "inputs.shellProfile.bash", "unknown"),
        (SHELL | {"inputs": {"shellProfile": {"linux": "x" * 513}}}, "inputs.shellProfile.linux", "512"),
        (SHELL | {"inputs": {"runAsDefaultUser": "{{ who }}"}}, "inputs.runAsDefaultUser", "'who'"),
        (PORT | {"properties": {}}, "properties.portNumber", "required"),
        (PORT | {"properties": {"portNumber": "0"}}, "properties.portNumber", "1 to 65535"),
        (PORT | {"properties": {"portNumber": "065"}}, "properties.portNumber", "1 to 65535"),
        (PORT | {"properties": {"portNumber": 65536}}, "properties.portNumber", "1 to 65535"),
        (PORT | {"properties": {"portNumber": "22", "localPortNumber": "x"}}, "properties.localPortNumber", "0 to"),
        (PORT | {"properties": {"portNumber": "22", "type": "Remote"}}, "properties.type", "LocalPortForwarding"),
        (PORT | {"properties": {"portNumber": "22", "host": "-oProxy"}}, "properties.host", "host name"),
        (PORT | {"properties": {"portNumber": "22", "linux": {}}}, "properties.linux", "unknown"),
        (PORT | {"properties": {"portNumber": "{{ port }}"}}, "properties.portNumber", "'port'"),
        (PORT | {"properties": {"portNumber": "22", "localUnixSocket": "é" * 54}}, "properties.localUnixSocket", "107"),
        (COMMAND | {"properties": {}}, "properties", "linux"),
        (COMMAND | {"properties": {"commands": "ls"}}, "properties.commands", "unknown"),
        (COMMAND | {"properties": {"linux": "ls"}}, "properties.linux", "an object"),
        (COMMAND | {"properties": {"linux": {}}}, "properties.linux.commands", "required"),
        (COMMAND | {"properties": {"linux": {"commands": " "}}}, "properties.linux.commands", "non-empty"),
        (COMMAND | {"properties": {"linux": {"commands": ["ls"]}}}, "properties.linux.commands", "string"),
        (COMMAND | {"properties": linux(runAsElevated="root")}, "properties.linux.runAsElevated", "true or false"),
        (
            COMMAND | {"properties": linux(separateOutputStream=True)},
            "properties.linux.separateOutputStream",
            "unknown",
        ),
        (QUIET | {"properties": linux(stdErrSeparatorPrefix="é")}, "properties.linux.stdErrSeparatorPrefix", "match"),
        (
            COMMAND | {"properties": {"linux": {"commands": "{{ssm:x}}"}}},
            "properties.linux.commands",
            "parameter store",
        ),
    ],
)
def test_bad_documents_name_path_and_rule(document: Mapping[str, Any], path: str, rule: str) -> None:
    with pytest.raises(RuleBroken, match=rule) as refused:
        read_document(document)
    assert refused.value.path == path
    assert str(refused.value).startswith(path)


@pytest.mark.parametrize("version", [None, "2.2", 1.0, 1])
def test_only_schema_version_1(version: object) -> None:
    with pytest.raises(WrongSchemaVersion):
        read_document(SHELL | {"schemaVersion": version})


def resolved(document: Mapping[str, Any], preferences: Mapping[str, Any] = SHELL, **given: str) -> dict[str, Any]:
    read = read_document(document)
    values = check_values("Doc", read.parameters, {name: [value] for name, value in given.items()})
    return dict(resolve("Doc", read, values, read_document(preferences), Limits()).content)


def test_a_built_in_document_is_what_agents_expect() -> None:
    def content(name: str, **given: str) -> Any:
        return resolved(json.loads(BUILTIN_DOCUMENTS[name].json), SHELL, **given)

    shell = content("SSM-SessionManagerRunShell")
    assert shell["sessionType"] == "Standard_Stream"
    assert "properties" not in shell
    assert "shellProfile" not in shell["inputs"]
    assert content("AWS-StartSSHSession")["properties"] == {"portNumber": "22"}
    assert content("AWS-StartPortForwardingSession", portNumber="5432")["properties"] == {
        "portNumber": "5432",
        "type": "LocalPortForwarding",
        "localPortNumber": "0",
    }
    remote = content("AWS-StartPortForwardingSessionToRemoteHost", host="db.internal", portNumber="5432")
    assert remote["properties"]["host"] == "db.internal"
    socket = content("AWS-StartPortForwardingSessionToSocket", localUnixSocket="/tmp/s")["properties"]
    assert (socket["localConnectionType"], socket["localUnixSocket"]) == ("unix", "/tmp/s")
    interactive = content("AWS-StartInteractiveCommand", command="ls -l")
    assert interactive["properties"]["linux"] == {"commands": "ls -l", "runAsElevated": False}
    quiet = content("AWS-StartNonInteractiveCommand", command="docker ps --format '{{.Names}} {{ x }}'")
    assert quiet["properties"]["linux"] == {
        "commands": "docker ps --format '{{.Names}} {{ x }}'",
        "runAsElevated": False,
        "separateOutputStream": "false",
        "stdOutSeparatorPrefix": "",
        "stdErrSeparatorPrefix": "",
    }


@pytest.mark.parametrize("port", ["0", "65536", "022", "22\n", "x", ""])
def test_the_built_in_port_pattern(port: str) -> None:
    with pytest.raises(ServiceError, match="portNumber"):
        resolved(json.loads(BUILTIN_DOCUMENTS["AWS-StartSSHSession"].json), portNumber=port)


def test_flags_become_what_agents_read() -> None:
    document = QUIET | {
        "parameters": {"apart": {"type": "Boolean", "default": True}, "root": {"type": "String"}},
        "properties": linux(separateOutputStream="{{ apart }}", runAsElevated="{{ root }}"),
    }
    properties = resolved(document, root="true")["properties"]["linux"]
    assert properties["separateOutputStream"] == "true"
    assert properties["runAsElevated"] is True


def test_port_properties_are_strings() -> None:
    document = PORT | {
        "parameters": {"port": {"type": "Integer", "default": 80}},
        "properties": {"portNumber": "{{ port }}", "localPortNumber": 0, "host": ""},
    }
    assert resolved(document)["properties"] == {"portNumber": "80", "localPortNumber": "0"}


def test_values_that_break_a_rule_are_refused() -> None:
    document = PORT | {"parameters": {"port": {"type": "String"}}, "properties": {"portNumber": "{{ port }}"}}
    with pytest.raises(ServiceError, match=r"Doc is not valid .*properties\.portNumber") as refused:
        resolved(document, port="99999")
    assert refused.value.code == "ValidationException"


def test_preferences_fill_in_what_a_document_leaves_open() -> None:
    preferred = {
        "idleSessionTimeout": "5",
        "maxSessionDuration": "30",
        "runAsEnabled": True,
        "runAsDefaultUser": "web",
        "shellProfile": {"linux": "cd /srv"},
    }
    preferences = SHELL | {"inputs": preferred}
    assert resolved(COMMAND, preferences)["inputs"] == {
        "idleSessionTimeout": "5",
        "maxSessionDuration": "30",
        "runAsEnabled": True,
        "runAsDefaultUser": "web",
    }
    own = COMMAND | {"inputs": {"idleSessionTimeout": "7", "runAsEnabled": False}}
    assert resolved(own, preferences)["inputs"] == {
        "idleSessionTimeout": "7",
        "maxSessionDuration": "30",
        "runAsEnabled": False,
        "runAsDefaultUser": "",
    }
    assert resolved(preferences, preferences)["inputs"]["shellProfile"] == {"linux": "cd /srv"}


def test_limits_fill_in_what_preferences_leave_open() -> None:
    limits = Limits(idle_timeout_minutes=9, max_duration_minutes=90)
    result = resolve("Doc", read_document(SHELL), {}, NO_PREFERENCES, limits)
    assert (result.idle_timeout, result.max_duration) == (9, 90)
    assert result.content["inputs"]["maxSessionDuration"] == "90"


@pytest.mark.parametrize("kind", [PORT, QUIET], ids=["port", "command"])
def test_ports_and_running_commands_idle_only_if_a_timeout_is_set(kind: dict[str, Any]) -> None:
    limits = Limits(idle_timeout_minutes=9)
    silent = resolve("Doc", read_document(kind), {}, NO_PREFERENCES, limits)
    assert (silent.idles, silent.idle_timeout, silent.content["inputs"]["idleSessionTimeout"]) == (False, 9, "")
    said = SHELL | {"inputs": {"idleSessionTimeout": "5"}}
    for document, preferences in ((kind, said), (kind | {"inputs": said["inputs"]}, SHELL)):
        result = resolve("Doc", read_document(document), {}, read_document(preferences), limits)
        assert (result.idles, result.content["inputs"]["idleSessionTimeout"]) == (True, "5")
    for attended in (SHELL, COMMAND):
        assert resolve("Doc", read_document(attended), {}, NO_PREFERENCES, limits).idles


def test_platforms() -> None:
    assert read_document(COMMAND).platforms == ("Linux",)
    assert read_document(SHELL).platforms == ("Windows", "Linux", "MacOS")
