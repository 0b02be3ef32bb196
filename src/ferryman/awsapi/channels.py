"""The agent's channel calls: JSON in, XML out, the channel's id in the path (`protocol/agent.md` §3.1, §4.1)."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote
from xml.etree.ElementTree import Element, SubElement

from botocore.model import OperationModel

from ferryman.awsapi.markup import document

_PATH = re.compile(r"/v1/(control|data)-channel/([^/]+)")
_BELOW = ("/v1/control-channel", "/v1/data-channel")
_OPERATIONS = {"control": "CreateControlChannel", "data": "CreateDataChannel"}


def locate(raw_path: str) -> tuple[str, str] | None:
    """Return (operation, channel id, decoded) for a channel's path, None for any other path."""
    found = _PATH.fullmatch(raw_path)
    return None if found is None else (_OPERATIONS[found[1]], unquote(found[2]))


def is_below(raw_path: str) -> bool:
    """Return whether a path is where channels are, even if it does not name one."""
    return raw_path.startswith(_BELOW)


def encode(result: Mapping[str, Any], operation: OperationModel) -> bytes:
    """Return a result, all text, as XML. Members that are None are left out; an unknown one is a KeyError."""
    root = Element(f"{operation.name}Response", {"xmlns": operation.metadata["xmlNamespace"]})
    for name, value in result.items():
        if name not in operation.output_shape.members:
            raise KeyError(name)
        if value is not None:
            SubElement(root, name).text = value
    return document(root)
