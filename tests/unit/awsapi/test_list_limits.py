"""Every list and map of every request we serve has a most: no request is a product that nobody bounds."""

import json
from collections.abc import Iterator

import pytest
from botocore.model import Shape

from ferryman.awsapi.dispatch import ApiCall, ApiProtocol, parse
from ferryman.awsapi.json11 import MOST_MEMBERS
from ferryman.awsapi.models import operation_model
from ferryman.model.errors import ServiceError
from ferryman.server.operations.registry import BY_ANYONE, BY_CALLER, BY_NODE_KEY

BOUNDED_ELSEWHERE = {
    "SessionManagerParameters": "awsapi.json11: MOST_MEMBERS; then what the document defines",
    "SessionManagerParameterValueList": "awsapi.json11: MOST_MEMBERS; then one value, but for lists of strings",
    "SimulationPolicyListType": "server.iam_simulation_operations: INPUTS_LIMIT",
    "ActionNameListType": "server.iam_simulation_operations: PAIRS_LIMIT",
    "ResourceNameListType": "server.iam_simulation_operations: PAIRS_LIMIT",
    "ContextEntryListType": "awsapi.forms: 1,000 fields",
    "ContextKeyValueListType": "server.iam_simulation_operations: VALUES_LIMIT",
    "policyDescriptorListType": "core.role_sessions: POLICY_ARN_LIMIT",
}


def unbounded(shape: Shape, above: frozenset[str] = frozenset()) -> Iterator[str]:
    if shape.name in above:
        return
    within = above | {shape.name}
    if shape.type_name in ("list", "map") and "max" not in shape.metadata:
        yield shape.name
    if shape.type_name == "structure":
        for member in shape.members.values():
            yield from unbounded(member, within)
    elif shape.type_name == "list":
        yield from unbounded(shape.member, within)
    elif shape.type_name == "map":
        yield from unbounded(shape.value, within)


@pytest.mark.parametrize(
    ("service", "operation"),
    [key for key in {**BY_CALLER, **BY_NODE_KEY, **BY_ANYONE} if key[0] not in ("ec2messages", "ssmmessages")],
)
def test_every_list_has_a_most(service: str, operation: str) -> None:
    model = operation_model(service, operation)
    assert model is not None
    found = set() if model.input_shape is None else set(unbounded(model.input_shape))
    assert found <= BOUNDED_ELSEWHERE.keys()


def refusal(operation: str, **parameters: object) -> str:
    with pytest.raises(ServiceError) as refused:
        parse(ApiCall("ssm", operation, ApiProtocol.JSON), json.dumps(parameters).encode())
    assert refused.value.code == "ValidationException"
    return refused.value.message


NODE = {"ResourceType": "ManagedInstance", "ResourceId": "mi-0123456789abcdef0"}


def test_more_tag_keys_than_a_resource_has_tags() -> None:
    keys = [f"key-{place}" for place in range(51)]
    assert "at 'tagKeys' failed to satisfy constraint: Member must have length less than or equal to 50" in refusal(
        "RemoveTagsFromResource", **NODE, TagKeys=keys
    )
    parse(
        ApiCall("ssm", "RemoveTagsFromResource", ApiProtocol.JSON), json.dumps({**NODE, "TagKeys": keys[:50]}).encode()
    )


@pytest.mark.parametrize(
    "parameters",
    [
        {"lines": ["x"] * (MOST_MEMBERS + 1)},
        {f"name{place}": [] for place in range(MOST_MEMBERS + 1)},
        {f"name{place}": ["x"] * 99 for place in range(MOST_MEMBERS // 100 + 1)},
    ],
)
def test_lists_and_maps_without_a_limit_of_their_own_are_limited_together(parameters: dict[str, list[str]]) -> None:
    message = refusal("StartSession", Target="mi-0123456789abcdef0", Parameters=parameters)
    assert message == "The lists and maps of the request have more than 5000 members; send fewer."


def test_as_many_members_as_a_request_may_have() -> None:
    given = {"Target": "mi-0123456789abcdef0", "Parameters": {"lines": ["x"] * (MOST_MEMBERS - 1)}}
    parse(ApiCall("ssm", "StartSession", ApiProtocol.JSON), json.dumps(given).encode())


def test_members_of_a_list_that_is_too_long_are_not_looked_at() -> None:
    message = refusal("RemoveTagsFromResource", **NODE, TagKeys=["#"] * MOST_MEMBERS)
    assert message.startswith("1 validation error")
    assert len(message) < 3000


def test_a_message_lists_a_bounded_number_of_violations() -> None:
    filters = [{"key": "#" * 41, "value": ""}] * 5
    message = refusal("ListDocuments", DocumentFilterList=filters)
    assert message.startswith("10 validation errors detected: ")
    message = refusal("DescribeInstanceInformation", Filters=[{"Key": "x", "Values": [None] * 100}] * 20)
    assert message.startswith("At least 100 validation errors detected: ")
    assert len(message) < 20_000
