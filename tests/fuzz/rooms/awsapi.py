"""The API's protocols: `ferryman.awsapi`."""

from collections.abc import Callable

from ferryman.awsapi.dispatch import ApiCall, ApiProtocol, identify, parse, protocol_of, serialise_error
from ferryman.core.audit.redaction import recorded
from ferryman.model.errors import ServiceError
from tests.fuzz.target import MIB, Target
from tests.fuzz.vectors import request_of

_FORM = b"content-type:application/x-www-form-urlencoded"


def _answer(call: ApiCall | ApiProtocol, error: ServiceError) -> None:
    """A refusal must not be much larger than what it refuses may be."""
    assert len(serialise_error(call, error, "r").body) <= MIB


def _call(data: bytes) -> None:
    """A whole request, as the server reads it; a refusal can be written in the call's own protocol."""
    request = request_of(data)
    target = f"{request.raw_path}?{request.raw_query}" if request.raw_query else request.raw_path
    call: ApiCall | ApiProtocol = protocol_of(target, request.headers)
    try:
        call = identify(request.method, target, request.headers, request.body)
        recorded(parse(call, request.body))
    except ServiceError as error:
        _answer(call, error)
        raise


def _body_of(operation: str, service: str = "ssm", protocol: ApiProtocol = ApiProtocol.JSON) -> Callable[[bytes], None]:
    call = ApiCall(service, operation, protocol)

    def run(data: bytes) -> None:
        try:
            recorded(parse(call, data))
        except ServiceError as error:
            _answer(call, error)
            raise

    return run


_JSON = {
    "AddTagsToResource": b'{"ResourceType":"ManagedInstance","ResourceId":"mi-0123456789abcdef0",'
    b'"Tags":[{"Key":"a","Value":"b"}]}',
    "CreateActivation": b'{"IamRole":"r","RegistrationLimit":1,"ExpirationDate":1700000000.5,'
    b'"Tags":[{"Key":"a","Value":"b"}]}',
    "CreateDocument": b'{"Content":"{}","Name":"doc","DocumentType":"Session","DocumentFormat":"JSON",'
    b'"Requires":[{"Name":"x"}],"Attachments":[{"Key":"SourceUrl","Values":["x"]}]}',
    "DescribeInstanceInformation": b'{"Filters":[{"Key":"tag:a","Values":["b"]}],"MaxResults":5,"NextToken":"x"}',
    "DescribeOpsItems": b'{"OpsItemFilters":[{"Key":"Status","Values":["Open"],"Operator":"Equal"}]}',
    "DescribeSessions": b'{"State":"Active","Filters":[{"key":"Owner","value":"x"}],"MaxResults":5}',
    "ListDocuments": b'{"Filters":[{"Key":"Owner","Values":["Self"]}],'
    b'"DocumentFilterList":[{"key":"Name","value":"x"}]}',
    "StartAccessRequest": b'{"Reason":"r","Targets":[{"Key":"InstanceIds","Values":["mi-0123456789abcdef0"]}],'
    b'"Tags":[{"Key":"a","Value":"b"}]}',
    "StartSession": b'{"Target":"mi-0123456789abcdef0","DocumentName":"d","Reason":"r","Parameters":{"a":["b"]}}',
    "UpdateInstanceInformation": b'{"InstanceId":"mi-0123456789abcdef0","AgentVersion":"3.3.0.0",'
    b'"PlatformType":"Linux","IPAddress":"192.0.2.1","ComputerName":"web-1"}',
}
_QUERY = (
    b"Action=AssumeRole&Version=2011-06-15&RoleArn=arn:aws:iam::123456789012:role/r&RoleSessionName=s"
    b"&DurationSeconds=900&Tags.member.1.Key=a&Tags.member.1.Value=b&PolicyArns.member.1.arn=x",
    b"Action=SimulateCustomPolicy&Version=2010-05-08&PolicyInputList.member.1=%7B%7D&ActionNames.member.1=ssm:x"
    b"&ContextEntries.member.1.ContextKeyName=k&ContextEntries.member.1.ContextKeyType=string"
    b"&ContextEntries.member.1.ContextKeyValues.member.1=v",
    b"Action=GetSessionToken&Version=2011-06-15&DurationSeconds=900&SerialNumber=x&TokenCode=123456",
    b"Action=CreateOpenIDConnectProvider&Version=2010-05-08&Url=https%3A%2F%2Fx&ThumbprintList.member.1=a",
)
_REQUESTS = (
    *(
        b"POST /\nx-amz-target:AmazonSSM.%s\ncontent-type:application/x-amz-json-1.1\n\n%s" % (name.encode(), body)
        for name, body in _JSON.items()
    ),
    *(b"POST /\n%s\n\n%s" % (_FORM, body) for body in _QUERY),
    b"GET /?%s\nhost:x\n\n" % _QUERY[2],
    b'POST /v1/data-channel/s%20x\nhost:x\n\n{"MessageSchemaVersion":"1.0","RequestId":"r"}',
)
_WORDS = (
    *(f'"{name}"'.encode() for name in ("Tags", "Key", "Value", "Values", "Parameters", "Filters", "NextToken")),
    *(b"&Tags.member.%d.Key=a" % number for number in (1, 2, 3, 50, 10**9)),
    b".member.1",
    b".entry.1.key=",
    b"%F0%9F%98%80",
    b"%",
    b"+",
    b"&",
    b";",
    *(b"Action=" + name.encode() for name in ("DecodeAuthorizationMessage", "CreateUser", "TagRole", "PutUserPolicy")),
)

TARGETS = (
    Target("awsapi.request", _call, _REQUESTS, (ServiceError,), _WORDS, MIB, costly=True),
    *(
        Target(f"awsapi.json11.{name}", _body_of(name), (body,), (ServiceError,), _WORDS, MIB, costly=True)
        for name, body in _JSON.items()
    ),
    Target(
        "awsapi.query.AssumeRole",
        _body_of("AssumeRole", "sts", ApiProtocol.QUERY),
        _QUERY,
        (ServiceError,),
        _WORDS,
        MIB,
        costly=True,
    ),
    Target(
        "awsapi.query.SimulateCustomPolicy",
        _body_of("SimulateCustomPolicy", "iam", ApiProtocol.QUERY),
        _QUERY,
        (ServiceError,),
        _WORDS,
        MIB,
        costly=True,
    ),
)
