"""Where a session's log goes: as a whole from the document, else from the account's preferences."""

from typing import Any

import pytest

from ferryman.core.documents.content import read_document, resolve
from ferryman.core.documents.text import RuleBroken
from ferryman.core.service import Limits
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import SessionId
from ferryman.model.session_outputs import CloudWatchOutput, S3Output, SessionOutputs

BASE: dict[str, Any] = {"schemaVersion": "1.0", "sessionType": "Standard_Stream"}
LIMITS = Limits()
STRING = {"type": "String"}


def outputs(own: dict[str, Any], preferred: dict[str, Any], **members: Any) -> SessionOutputs | None:
    document = read_document(BASE | {"inputs": own} | members)
    return resolve("Doc", document, {}, read_document(BASE | {"inputs": preferred}), LIMITS).outputs


def test_bucket_and_log_group_come_each_from_the_document_else_the_preferences() -> None:
    own = {"s3BucketName": "own", "cloudWatchStreamingEnabled": True}
    preferred = {
        "s3BucketName": "preferred",
        "s3KeyPrefix": "p",
        "s3EncryptionEnabled": True,
        "cloudWatchLogGroupName": "/g",
        "cloudWatchEncryptionEnabled": "true",
    }
    group = CloudWatchOutput("/g", encrypted=True)
    assert outputs(own, preferred) == SessionOutputs(S3Output("own"), group, "ssm-user")
    assert outputs({}, preferred) == SessionOutputs(S3Output("preferred", "p", encrypted=True), group, "ssm-user")
    assert outputs({"s3BucketName": ""}, {"s3KeyPrefix": "p"}) is None


def test_user_is_that_of_run_as() -> None:
    own = {"cloudWatchLogGroupName": "/g", "runAsEnabled": True, "runAsDefaultUser": "deploy"}
    found = outputs(own, {})
    assert found is not None
    assert found.run_as_user == "deploy"


@pytest.mark.parametrize(
    "prefix", ["..", "../other-bucket", "logs/../../other-bucket", "./logs", "logs/.", "/../x", "a//.."]
)
def test_prefix_does_not_lead_out_of_the_bucket(prefix: str) -> None:
    with pytest.raises(RuleBroken, match="s3KeyPrefix"):
        outputs({"s3BucketName": "logs", "s3KeyPrefix": prefix}, {})
    document = read_document(
        BASE | {"inputs": {"s3BucketName": "logs", "s3KeyPrefix": "team/{{ name }}"}, "parameters": {"name": STRING}}
    )
    with pytest.raises(ServiceError, match="s3KeyPrefix"):
        resolve("Doc", document, {"name": prefix}, read_document(BASE), LIMITS)


def test_prefix_may_have_dots_in_names() -> None:
    found = outputs({"s3BucketName": "logs", "s3KeyPrefix": "v1..2/.hidden/a.b"}, {})
    assert found is not None
    assert found.s3 == S3Output("logs", "v1..2/.hidden/a.b")


def test_port_session_has_no_log() -> None:
    members = {"sessionType": "Port", "properties": {"portNumber": "80"}}
    assert outputs({}, {"s3BucketName": "logs"}, **members) is None


@pytest.mark.parametrize(
    ("prefix", "key"), [("", "a-1.log"), ("/", "a-1.log"), ("p", "p/a-1.log"), ("/p/q/", "p/q/a-1.log")]
)
def test_key_has_one_slash_before_the_session(prefix: str, key: str) -> None:
    assert S3Output("logs", prefix).key(SessionId("a-1")) == key
