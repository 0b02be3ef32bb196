"""Values and forms that satisfy a shape of AWS's model."""

from collections.abc import Iterator, Mapping
from typing import Any

from botocore.model import Shape

from ferryman.awsapi.validation import validate
from ferryman.model.errors import ServiceError

TRUST = '{"Statement":{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"}}'
SAMPLES = (
    "1" * 20,
    "mi-0123456789abcdef0",
    "01234567-89ab-cdef-0123-456789abcdef",
    "oi-0123456789ab",
    "arn:aws:iam::123456789012:policy/p",
    "/path/",
    "v1",
    "$LATEST",
    "AWS:InstanceInformation",
    TRUST,
    "1",
    "1" * 6,
    "1" * 40,
    "1" * 400,
    "a.example.com",
    "0" * 64,
    "arn:aws:ssm:test-1:123456789012:opsitem/oi-0123456789ab",
)
CHOSEN = {"Key": "Name", "key": "Name", "ResourceType": "Document", "DocumentType": "Session", "PolicyDocument": TRUST}
"""Members whose samples would be refused early."""

PARAMETERS: dict[str, Any] = {
    "ResourceType": "Document",
    "ActivationId": "01234567-89ab-cdef-0123-456789abcdef",
    "InstanceId": "mi-0123456789abcdef0",
    "Content": "{}",
    "VersionId": "v1",
    "PolicyArn": "arn:aws:iam::123456789012:policy/p",
    "AccessRequestId": "oi-0123456789ab",
    "OpsItemId": "oi-0123456789ab",
    "InstanceOSUser": "alice",
    "Targets": [{"Key": "InstanceIds", "Values": ["mi-0123456789abcdef0"]}],
}

NOTHING: Mapping[str, Any] = {}

KEY_ID = "01234567-89ab-cdef-0123-456789abcdef"
BESIDES: dict[tuple[str, str], dict[str, Any]] = {
    ("ssm", "CreateDocument"): {"DocumentType": "Session"},
    ("kms", "Decrypt"): {"KeyId": KEY_ID, "CiphertextBlob": b"x"},
    ("kms", "ReEncrypt"): {"SourceKeyId": KEY_ID, "CiphertextBlob": b"x"},
    ("kms", "RetireGrant"): {"KeyId": KEY_ID, "GrantId": "0"},
}
"""What AWS does not require and Ferryman does, or what names a key."""


def minimal(shape: Shape, name: str = "", named: Mapping[str, Any] = NOTHING) -> Any:
    """A value that satisfies the model, with required members only, and those of `named`."""
    if name in named or name in PARAMETERS:
        return named[name] if name in named else PARAMETERS[name]
    match shape.type_name:
        case "structure":
            members = [each for each in shape.members if each in shape.required_members or each in named]
            return {each: minimal(shape.members[each], each, named) for each in members}
        case "list":
            return [minimal(shape.member, named=named)]
        case "integer" | "long":
            return int(shape.metadata.get("min", 1))
        case "boolean":
            return True
        case "blob":
            return b"x"
        case _:
            return (shape.enum or ["1" * max(3, int(shape.metadata.get("min", 1)))])[0]


def full(shape: Shape, name: str = "", depth: int = 0) -> Any:
    """A value that satisfies the model, every member included."""
    match shape.type_name:
        case "structure":
            return {each: full(member, each, depth + 1) for each, member in shape.members.items()}
        case "list":
            return [full(shape.member, name, depth + 1)] * int(shape.metadata.get("min", 1) or 1)
        case "map":
            return {full(shape.key): full(shape.value, name, depth + 1)}
        case "integer" | "long":
            return int(shape.metadata.get("min", 1))
        case "boolean":
            return True
        case "timestamp":
            return 1_700_000_000
        case "blob":
            return "YQ=="
        case _:
            return next(each for each in (CHOSEN.get(name, ""), *(shape.enum or ()), *SAMPLES) if fits(shape, each))


def fits(shape: Shape, value: str) -> bool:
    if not value:
        return False
    holder = type("Holder", (), {"members": {"m": shape}, "required_members": [], "type_name": "structure"})
    try:
        validate(holder, {"m": value})
    except ServiceError:
        return False
    return True


def ec2_form_of(shape: Shape, value: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    match shape.type_name:
        case "structure":
            if prefix and not value:
                yield prefix, ""
            for name, each in value.items():
                written = shape.members[name].serialization.get("name", name)
                written = written[:1].upper() + written[1:]
                yield from ec2_form_of(shape.members[name], each, f"{prefix}.{written}" if prefix else written)
        case "list":
            for place, each in enumerate(value, 1):
                yield from ec2_form_of(shape.member, each, f"{prefix}.{place}")
        case _:
            yield prefix, str(value).lower() if isinstance(value, bool) else str(value)


def form_of(shape: Shape, value: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    match shape.type_name:
        case "structure":
            if prefix and not value:
                yield prefix, ""
            for name, each in value.items():
                yield from form_of(shape.members[name], each, f"{prefix}.{name}" if prefix else name)
        case "list":
            for place, each in enumerate(value, 1):
                yield from form_of(shape.member, each, f"{prefix}.member.{place}")
        case "map":
            for place, (key, each) in enumerate(value.items(), 1):
                yield f"{prefix}.entry.{place}.key", key
                yield from form_of(shape.value, each, f"{prefix}.entry.{place}.value")
        case _:
            yield prefix, str(value).lower() if isinstance(value, bool) else str(value)
