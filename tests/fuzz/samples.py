"""A well-formed request for every operation, made from the service's own model."""

from typing import Any

from botocore.model import Shape

from ferryman.awsapi.patterns import matches

_TEXTS = (
    "mi-0123456789abcdef0",
    "arn:aws:iam::123456789012:role/sample",
    "arn:aws:iam::123456789012:policy/sample",
    "sample",
    "Sample",
    "123456789012",
    "oi-0123456789ab",
    "1",
    "$DEFAULT",
    "3.3.0.0",
    "192.0.2.1",
    "01234567-89ab-cdef-0123-456789abcdef",
    "/sample/",
    "https://idp.example.org",
    '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ssm:*","Resource":"*"}}',
)


def sample(shape: Shape | None, depth: int = 0) -> Any:
    """Return a value that fits a shape, with every member in it."""
    if shape is None or depth > 8:
        return {}
    match shape.type_name:
        case "structure":
            return {name: sample(member, depth + 1) for name, member in shape.members.items()}
        case "list":
            return [sample(shape.member, depth + 1)]
        case "map":
            return {sample(shape.key, depth + 1): sample(shape.value, depth + 1)}
        case "boolean":
            return False
        case "integer" | "long":
            return max(1, shape.metadata.get("min", 1))
        case "timestamp":
            return 1_700_000_600
        case "blob":
            return "QUJD"
    return _text(shape)


def _text(shape: Shape) -> str:
    limits = shape.metadata
    if limits.get("enum"):
        return str(limits["enum"][0])
    for text in (*_TEXTS, "x" * limits.get("min", 1)):
        long_enough = limits.get("min", 0) <= len(text) <= limits.get("max", 10_000)
        if long_enough and ("pattern" not in limits or matches(limits["pattern"], text)):
            return text
    return "sample"
