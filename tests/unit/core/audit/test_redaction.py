"""What is recorded of parameters and results, over every operation that the models have and this server answers."""

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.model import Shape
from msgspec import json

from ferryman.awsapi.models import operation_model, service_model
from ferryman.core.audit.redaction import HIDDEN, LONGEST_TEXT, MOST_ELEMENTS, SHOWN, recorded
from ferryman.server.operations.registry import BY_ANYONE, BY_CALLER, BY_NODE_KEY

SECRETS = ("secret", "password", "tokenvalue", "sessiontoken", "activationcode", "webidentitytoken", "nexttoken")
OWN = [("ec2messages", name) for name in service_model("ec2messages").operation_names]
OWN += [("ssmmessages", name) for name in service_model("ssmmessages").operation_names]
ALL = sorted({*OWN, *BY_ANYONE, *BY_CALLER, *BY_NODE_KEY})


def filled(shape: Shape | None, path: str = "", inside: tuple[str, ...] = ()) -> Any:
    """A value for a shape in which every text is its own path."""
    if shape is None or shape.name in inside:
        return {}
    within = (*inside, shape.name)
    if shape.type_name == "structure":
        marked = " sensitive" if shape.metadata.get("sensitive") else ""
        return {name: filled(each, f"{path}/{name}{marked}", within) for name, each in shape.members.items()}
    if shape.type_name == "list":
        return [filled(shape.member, path, within)]
    if shape.type_name == "map":
        return {"key": filled(shape.value, path, within)}
    return f"<{path}{' sensitive' if shape.metadata.get('sensitive') else ''}>" if shape.type_name == "string" else 7


def texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for each in value.values() for text in texts(each)]
    if isinstance(value, list):
        return [text for each in value for text in texts(each)]
    return [value] if isinstance(value, str) else []


def looks_secret(name: str) -> bool:
    plain = name.replace("SubjectFromWebIdentityToken", "")  # whom a token is about, not the token
    return any(secret in plain.lower() for secret in SECRETS)


@pytest.mark.parametrize(("service", "operation"), ALL)
def test_no_secret_is_recorded(service: str, operation: str) -> None:
    model = operation_model(service, operation)
    assert model is not None
    for shape in (model.input_shape, model.output_shape):
        told = texts(recorded(filled(shape)))
        assert [text for text in told if "sensitive" in text] == []
        assert [text for text in told if looks_secret(text)] == []


def test_secrets_are_distinguished_from_what_is_shown() -> None:
    # The test above finds what it looks for: this model has both.
    model = operation_model("ssm", "RequestManagedInstanceRoleToken")
    assert model is not None
    assert any("sensitive" in text for text in texts(filled(model.output_shape)))
    assert not [name for name in SHOWN if looks_secret(name)]


def test_unlisted_members_are_hidden() -> None:
    assert recorded({"Novelty": "x", "Target": "mi-1"}) == {"novelty": HIDDEN, "target": "mi-1"}
    assert recorded({"Credentials": {"AccessKeyId": "ASIA", "SecretAccessKey": "s", "SessionToken": "t"}}) == {
        "credentials": {"accessKeyId": "ASIA", "secretAccessKey": HIDDEN, "sessionToken": HIDDEN}
    }


def test_a_session_is_recorded_without_its_token() -> None:
    given = {
        "Target": "mi-1",
        "Reason": "ticket 7",
        "DocumentName": "AWS-StartPortForwardingSession",
        "Parameters": {"portNumber": ["80"], "command": ["mysql -psecret"]},
    }
    assert recorded(given) == {
        "target": "mi-1",
        "reason": "ticket 7",
        "documentName": "AWS-StartPortForwardingSession",
        "parameters": {"portNumber": ["80"], "command": HIDDEN},
    }
    result = {"SessionId": "s", "TokenValue": "t", "StreamUrl": "ws://x"}
    assert recorded(result) == {"sessionId": "s", "tokenValue": HIDDEN, "streamUrl": "ws://x"}


def test_documents_are_named_by_their_digest() -> None:
    found = recorded({"Content": "abc"})["content"]
    assert found == {"bytes": 3, "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}


def test_everything_is_bounded() -> None:
    assert LONGEST_TEXT - 8 <= len(json.encode(recorded({"Reason": "x" * 5000})["reason"])) <= LONGEST_TEXT + 2
    listed = recorded({"Tags": [{"Key": "k", "Value": "v"}] * 80})["tags"]
    assert len(listed) == MOST_ELEMENTS + 1
    assert listed[-1] == "… 80"
    assert len(recorded({"Tags": {str(n): n for n in range(80)}})["tags"]) == MOST_ELEMENTS + 1
    deep: Any = "x"
    for _ in range(20):
        deep = [deep]
    assert HIDDEN in str(recorded({"Tags": deep}))


def test_values_json_cannot_hold_have_a_form() -> None:
    found = recorded(
        {"Reason": "\udce9", "ExpirationDate": datetime(2026, 1, 2, tzinfo=UTC), "MaxResults": 1.5, "Name": b"bytes"}
    )
    assert found == {
        "reason": "?",
        "expirationDate": "2026-01-02T00:00:00Z",
        "maxResults": "1.5",
        "name": HIDDEN,
    }
