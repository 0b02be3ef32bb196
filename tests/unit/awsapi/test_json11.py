"""Bodies that are not what the model says: SerializationException, in AWS's words."""

from contextlib import suppress

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferryman.awsapi.dispatch import ApiCall, ApiProtocol, parse
from ferryman.model.errors import ServiceError


def parsed(operation: str, body: bytes) -> dict[str, object]:
    return parse(ApiCall("ssm", operation, ApiProtocol.JSON), body)


@pytest.mark.parametrize(
    ("operation", "body", "message"),
    [
        ("StartSession", b"{", "not valid JSON"),
        ("StartSession", b'{"Target":"x"}}', "not valid JSON"),
        ("StartSession", b"{'Target':'x'}", "not valid JSON"),
        ("StartSession", b'{"Target":"\\ud800"}', "not valid JSON"),
        ("StartSession", b'{"Target":"\xff"}', "not valid JSON"),
        ("DescribeSessions", b'{"MaxResults":NaN}', "not valid JSON"),
        ("DescribeSessions", b'{"MaxResults":1e999}', "not valid JSON"),
        ("StartSession", b"[" * 100_000, "nested too deep"),
        ("StartSession", b"[]", "must be a JSON object"),
        ("StartSession", b"null", "must be a JSON object"),
        ("StartSession", b'"text"', "must be a JSON object"),
        ("StartSession", b'{"Target":1}', "NUMBER_VALUE can not be converted to a String at 'Target'"),
        ("StartSession", b'{"Target":1.5}', "NUMBER_VALUE can not be converted to a String at 'Target'"),
        ("StartSession", b'{"Target":true}', "TRUE_VALUE can not be converted to a String at 'Target'"),
        ("StartSession", b'{"Target":false}', "FALSE_VALUE can not be converted to a String at 'Target'"),
        ("StartSession", b'{"Target":["x"]}', "Start of list found where not expected at 'Target'"),
        ("StartSession", b'{"Target":{}}', "Start of structure or map found where not expected at 'Target'"),
        ("StartSession", b'{"DocumentName":1}', "NUMBER_VALUE can not be converted to a String at 'DocumentName'"),
        ("StartSession", b'{"Reason":[]}', "Start of list found where not expected at 'Reason'"),
        ("StartSession", b'{"Parameters":[]}', "Expected map or null at 'Parameters'"),
        ("StartSession", b'{"Parameters":"x"}', "Expected map or null at 'Parameters'"),
        ("StartSession", b'{"Parameters":{"p":"80"}}', "Expected list or null at 'Parameters'"),
        ("StartSession", b'{"Parameters":{"p":[80]}}', "NUMBER_VALUE can not be converted to a String at 'Parameters'"),
        ("ResumeSession", b'{"SessionId":1}', "NUMBER_VALUE can not be converted to a String at 'SessionId'"),
        ("TerminateSession", b'{"SessionId":{}}', "Start of structure or map found where not expected at 'SessionId'"),
        ("GetConnectionStatus", b'{"Target":[]}', "Start of list found where not expected at 'Target'"),
        ("DescribeSessions", b'{"State":1}', "NUMBER_VALUE can not be converted to a String at 'State'"),
        ("DescribeSessions", b'{"MaxResults":"5"}', "STRING_VALUE can not be converted to an Integer at 'MaxResults'"),
        ("DescribeSessions", b'{"MaxResults":1.5}', "NUMBER_VALUE can not be converted to an Integer at 'MaxResults'"),
        ("DescribeSessions", b'{"MaxResults":true}', "TRUE_VALUE can not be converted to an Integer at 'MaxResults'"),
        ("DescribeSessions", b'{"NextToken":5}', "NUMBER_VALUE can not be converted to a String at 'NextToken'"),
        ("DescribeSessions", b'{"Filters":{}}', "Expected list or null at 'Filters'"),
        ("DescribeSessions", b'{"Filters":["x"]}', "Expected structure or null at 'Filters'"),
        ("DescribeSessions", b'{"Filters":[{"key":1}]}', "NUMBER_VALUE can not be converted to a String"),
        ("DescribeSessions", b'{"Filters":[{"value":1}]}', "NUMBER_VALUE can not be converted to a String"),
        ("CreateActivation", b'{"ExpirationDate":"2025-01-01"}', "STRING_VALUE can not be converted to milliseconds"),
        ("CreateActivation", b'{"ExpirationDate":1e300}', "out of the range of timestamps"),
        ("CreateActivation", b'{"ExpirationDate":-99999999999999}', "out of the range of timestamps"),
        ("PutInventory", b'{"InstanceId":"i","Items":[{"Content":{}}]}', "Expected list or null"),
    ],
)
def test_body_of_the_wrong_form(operation: str, body: bytes, message: str) -> None:
    with pytest.raises(ServiceError) as raised:
        parsed(operation, body)
    assert (raised.value.code, raised.value.status) == ("SerializationException", 400)
    assert message in raised.value.message


@pytest.mark.parametrize("depth", range(50, 1000, 50))
def test_deep_body_of_a_recursive_shape(depth: int) -> None:
    body = b'{"Aggregators":[' + b'{"Aggregators":[' * depth + b"]}" * depth + b"]}"
    with pytest.raises(ServiceError) as raised:
        parsed("GetOpsSummary", body)
    assert raised.value.code in ("SerializationException", "ValidationException")


def test_unknown_members_are_ignored() -> None:
    body = b'{"Target":"t","Unknown":{"a":[1]},"target":5,"Sessions":null}'
    assert parsed("GetConnectionStatus", body) == {"Target": "t"}
    filters = b'{"State":"Active","Filters":[{"key":"Owner","value":"o","more":1}]}'
    assert parsed("DescribeSessions", filters)["Filters"] == [{"key": "Owner", "value": "o"}]


def test_null_members_are_absent() -> None:
    assert parsed("StartSession", b'{"Target":"t","Reason":null,"Parameters":null}') == {"Target": "t"}


def test_whole_numbers_may_be_written_as_floats() -> None:
    assert parsed("DescribeSessions", b'{"State":"Active","MaxResults":5.0}')["MaxResults"] == 5
    assert parsed("DescribeSessions", b'{"State":"Active","MaxResults":1e1}')["MaxResults"] == 10


@pytest.mark.parametrize("body", [b"", b"{}", b" \n"])
def test_empty_body_has_no_members(body: bytes) -> None:
    assert parsed("DescribeInstanceInformation", body) == {}


def test_the_last_word_of_a_body_is_counted() -> None:
    assert parsed("GetConnectionStatus", b'{"Target":"a","Target":"b"}') == {"Target": "b"}


documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["key", "value", "p"]), inner, max_size=3)
    ),
    max_leaves=8,
)
OPERATIONS = {
    "StartSession": ["Target", "DocumentName", "Reason", "Parameters"],
    "DescribeSessions": ["State", "MaxResults", "NextToken", "Filters"],
    "CreateActivation": ["IamRole", "ExpirationDate", "RegistrationLimit", "Tags", "DefaultInstanceName"],
}
requests = st.sampled_from(sorted(OPERATIONS)).flatmap(
    lambda operation: st.tuples(
        st.just(operation), st.dictionaries(st.sampled_from(OPERATIONS[operation]), documents, max_size=4)
    )
)


@settings(deadline=None)
@given(requests)
def test_any_document_is_parsed_or_refused(request: tuple[str, dict[str, object]]) -> None:
    operation, document = request
    with suppress(ServiceError):
        assert parsed(operation, msgspec.json.encode(document)).keys() <= document.keys()
