"""AWS Query and EC2's variant of it: forms to parameters and results to XML, by shape.

In `sts` and `iam` members go by their own names and no list or map is flattened. `ec2` has other names for members, in
requests with a capital, and its requests flatten every list.
"""

from base64 import b64decode, b64encode
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any
from xml.etree.ElementTree import Element, SubElement

from botocore.model import OperationModel, Shape

from ferryman.awsapi.markup import document
from ferryman.model.errors import ServiceError
from ferryman.model.values.timestamps import iso_millis, parse_iso


def decode(form: Mapping[str, str], shape: Shape | None, *, ec2: bool = False) -> dict[str, Any]:
    """Return the members of `shape` that the fields hold, each of its type, and nothing else; `ec2`: as EC2 has it.

    Raises `ServiceError` SerializationException for a value of the wrong type.
    """
    return {} if shape is None else _structure(shape, _Form(form, sorted(form), ec2), "")


@dataclass(frozen=True, slots=True)
class _Form:
    """Fields, and their names in order, so that fields with a common prefix are found without reading the others."""

    values: Mapping[str, str]
    names: Sequence[str]
    ec2: bool

    def has(self, field: str) -> bool:
        """Return whether the form has a field of that name, or one below it."""
        below = f"{field}."
        place = bisect_left(self.names, below)
        return field in self.values or (place < len(self.names) and self.names[place].startswith(below))


def _structure(shape: Shape, form: _Form, prefix: str) -> dict[str, Any]:
    members = {}
    for name, member in shape.members.items():
        written = _ec2_request_name(name, member) if form.ec2 else name
        field = f"{prefix}.{written}" if prefix else written
        if form.has(field):
            members[name] = _value(member, form, field)
    return members


def _ec2_request_name(name: str, member: Shape) -> str:
    written: str = member.serialization.get("name", name)
    asked: str = member.serialization.get("queryName", written[:1].upper() + written[1:])
    return asked


def _value(shape: Shape, form: _Form, field: str) -> Any:
    match shape.type_name:
        case "structure":
            return _structure(shape, form, field)
        case "list":
            return [
                _value(shape.member, form, element)
                for element in _numbered(form, field if form.ec2 else f"{field}.member")
            ]
        case "map":
            entries = list(_numbered(form, f"{field}.entry"))
            return {
                form.values.get(f"{entry}.key", ""): _value(shape.value, form, f"{entry}.value") for entry in entries
            }
        case _:
            return _scalar(shape, form.values.get(field, ""), field)


def _numbered(form: _Form, prefix: str) -> Iterator[str]:
    for position in count(1):
        field = f"{prefix}.{position}"
        if not form.has(field):
            return
        yield field


def _scalar(shape: Shape, text: str, field: str) -> Any:
    try:
        match shape.type_name:
            case "integer" | "long":
                return int(text)
            case "boolean":
                return {"true": True, "false": False}[text.lower()]
            case "blob":
                return b64decode(text, validate=True)
            case "timestamp":
                return parse_iso(text)
            case _:
                return text
    except (ValueError, KeyError) as error:
        raise _malformed(f"The value of {field} is not a valid {shape.type_name}.") from error


def _malformed(message: str) -> ServiceError:
    return ServiceError("SerializationException", message)


def encode(result: Mapping[str, Any], operation: OperationModel, request_id: str) -> bytes:
    """Return a result as XML. Members that are None are left out; one that the output shape lacks is a KeyError."""
    root = Element(f"{operation.name}Response", {"xmlns": operation.metadata["xmlNamespace"]})
    shape = operation.output_shape
    if shape is not None:
        wrapper = shape.serialization.get("resultWrapper")
        _write_structure(shape, result, root if wrapper is None else SubElement(root, wrapper))
    SubElement(SubElement(root, "ResponseMetadata"), "RequestId").text = request_id
    return document(root)


def encode_ec2(result: Mapping[str, Any], operation: OperationModel, request_id: str) -> bytes:
    """Return a result as EC2's XML; as `encode`."""
    root = Element(f"{operation.name}Response", {"xmlns": operation.metadata["xmlNamespace"]})
    SubElement(root, "requestId").text = request_id
    if operation.output_shape is not None:
        _write_structure(operation.output_shape, result, root)
    return document(root)


def _write_structure(shape: Shape, value: Mapping[str, Any], element: Element) -> None:
    for name, given in value.items():
        member = shape.members[name]
        if given is not None:
            _write(member, given, SubElement(element, member.serialization.get("name", name)))


def _write(shape: Shape, value: Any, element: Element) -> None:
    match shape.type_name:
        case "structure":
            _write_structure(shape, value, element)
        case "list":
            for entry in value:
                _write(shape.member, entry, SubElement(element, shape.member.serialization.get("name", "member")))
        case "map":
            for key, entry in value.items():
                pair = SubElement(element, "entry")
                SubElement(pair, "key").text = key
                _write(shape.value, entry, SubElement(pair, "value"))
        case _:
            element.text = _text(value)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return iso_millis(value)
    return b64encode(value).decode() if isinstance(value, bytes) else str(value)
