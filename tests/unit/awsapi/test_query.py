"""Forms that are not what the model says."""

from collections.abc import Iterator

import pytest

from ferryman.awsapi import query
from ferryman.awsapi.dispatch import ApiCall, ApiProtocol, parse
from ferryman.awsapi.models import service_model
from ferryman.model.errors import ServiceError

ROLE = "RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fnodes&RoleSessionName=alice"


def parsed(form: str) -> dict[str, object]:
    return parse(ApiCall("sts", "AssumeRole", ApiProtocol.QUERY), form.encode())


def test_nested_members() -> None:
    form = (
        f"{ROLE}&DurationSeconds=900&Tags.member.1.Key=a&Tags.member.1.Value=&Tags.member.2.Key=b&Tags.member.2.Value=+"
    )
    assert parsed(form) == {
        "RoleArn": "arn:aws:iam::123456789012:role/nodes",
        "RoleSessionName": "alice",
        "DurationSeconds": 900,
        "Tags": [{"Key": "a", "Value": ""}, {"Key": "b", "Value": " "}],
    }


def test_unknown_fields_and_gaps_are_ignored() -> None:
    plain = parsed(ROLE)
    assert parsed(ROLE + "&Unknown=1&Tagsx=1&RoleArn.x=2") == plain
    assert parsed(ROLE + "&Tags.member.2.Key=b") == {**plain, "Tags": []}


class Counted(dict[str, str]):
    """Counts how often somebody goes through all fields."""

    times = 0

    def __iter__(self) -> Iterator[str]:
        self.times += 1
        return super().__iter__()


def test_a_long_list_is_gone_through_once() -> None:
    shape = service_model("sts").operation_model("AssumeRole").input_shape
    form = Counted({f"Tags.member.{number}.Value": "" for number in range(1, 1001)})
    assert len(query.decode(form, shape)["Tags"]) == 1000
    assert form.times == 1


@pytest.mark.parametrize("value", ["", "abc", "9.5", "9" * 5000])
def test_an_invalid_number_is_refused(value: str) -> None:
    with pytest.raises(ServiceError) as raised:
        parsed(f"{ROLE}&DurationSeconds={value}")
    assert raised.value.code == "SerializationException"
    assert "DurationSeconds" in raised.value.message


def test_constraints_hold_for_forms_too() -> None:
    with pytest.raises(ServiceError) as raised:
        parsed("RoleSessionName=alice&DurationSeconds=1")
    assert raised.value.message == (
        "2 validation errors detected: Value null at 'roleArn' failed to satisfy constraint: Member must not be null; "
        "Value '1' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to "
        "900"
    )


def test_word_characters_of_patterns_are_ascii() -> None:
    with pytest.raises(
        ServiceError, match=r"'alicé' at 'roleSessionName' failed to satisfy constraint: Member must sat"
    ):
        parsed(ROLE.replace("alice", "alic%C3%A9"))


@pytest.mark.parametrize(
    ("kind", "text"), [("blob", "not base64!"), ("boolean", "yes"), ("timestamp", "yesterday"), ("integer", "one")]
)
def test_scalars_of_the_wrong_form(kind: str, text: str) -> None:
    members = {"M": {"shape": "S"}}
    description = {
        "metadata": service_model("sts").metadata,
        "shapes": {"S": {"type": kind}, "T": {"type": "structure", "members": members}},
        "operations": {},
    }
    shape = type(service_model("sts"))(description, "test").shape_for("T")
    with pytest.raises(ServiceError) as raised:
        query.decode({"M": text}, shape)
    assert raised.value.message == f"The value of M is not a valid {kind}."
