"""Writes the console's TypeScript types of the API from the service models: `console/src/lib/api/generated.ts`.

The models are botocore's and Ferryman's own, as the server validates by them, so both sides have one schema. Run it
when a model has changed; a test compares the file with what this would write.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from botocore.model import OperationModel, Shape

from ferryman.awsapi.models import operation_model
from ferryman.server.operations.registry import FOR_BROWSERS

OUTPUT = Path(__file__).parents[1] / "console/src/lib/api/generated.ts"
EVERY_SERVICE = ("ferryman", "ssm", "iam", "cloudtrail", "kms")
"""Services of which the console has every operation that people call and that the server has."""
SINGLE = {("sts", "GetCallerIdentity"), ("ec2", "DescribeInstances")}
OPERATIONS = sorted(SINGLE | {*(key for key in FOR_BROWSERS if key[0] in EVERY_SERVICE)})
"""What the console calls."""
_HEAD = """// Written by packaging/console_types.py from the service models. Do not edit.
//
// Shapes are named after their service. Timestamps are seconds since the epoch, blobs are Base64.
"""
_SCALARS = {
    "string": "string",
    "blob": "string",
    "boolean": "boolean",
    "integer": "number",
    "long": "number",
    "float": "number",
    "double": "number",
    "timestamp": "number",
}


def generated() -> str:
    """Return the module's text."""
    shapes: dict[str, str] = {}
    calls = []
    for service, operation in OPERATIONS:
        model = operation_model(service, operation)
        if model is None:
            raise LookupError(f"{service}:{operation} is in no model")
        given, answered = (_of_operation(service, model, side, shapes) for side in ("input", "output"))
        calls.append(f"  '{service}/{operation}': {{ input: {given}; output: {answered} }};")
    interfaces = (shapes[name] for name in sorted(shapes))
    table = "\n".join(["export interface Operations {", *calls, "}"])
    return "\n".join([_HEAD, *interfaces, table, "\nexport type OperationName = keyof Operations;", ""])


def _of_operation(service: str, model: OperationModel, side: str, shapes: dict[str, str]) -> str:
    shape = model.input_shape if side == "input" else model.output_shape
    if shape is None or not shape.members:
        return "Record<string, never>"
    return _type(service, shape, shapes)


def _type(service: str, shape: Shape, shapes: dict[str, str]) -> str:
    """Return how TypeScript spells a shape; structures are added to `shapes`."""
    match shape.type_name:
        case "structure":
            return _structure(service, shape, shapes)
        case "list":
            element = _type(service, shape.member, shapes)
            return f"({element})[]" if " | " in element else f"{element}[]"
        case "map":
            return f"Record<string, {_type(service, shape.value, shapes)}>"
        case "string" if shape.enum:
            return " | ".join(f"'{value}'" for value in shape.enum)
        case kind:
            return _SCALARS[kind]


def _structure(service: str, shape: Shape, shapes: dict[str, str]) -> str:
    name = f"{service[0].upper()}{service[1:]}{shape.name[0].upper()}{shape.name[1:]}"
    if name not in shapes:
        shapes[name] = ""  # a shape may contain itself
        members = "".join(_members(service, shape, shape.members, shapes))
        shapes[name] = f"export interface {name} {{\n{members}}}\n"
    return name


def _members(service: str, shape: Shape, members: Mapping[str, Shape], shapes: dict[str, str]) -> Iterator[str]:
    for name, member in members.items():
        mark = "" if name in shape.required_members else "?"
        yield f"  {name}{mark}: {_type(service, member, shapes)};\n"


if __name__ == "__main__":
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(generated())
    sys.stdout.write(f"{OUTPUT}: {len(OPERATIONS)} operations\n")
