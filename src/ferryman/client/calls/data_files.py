"""Reads botocore's data files quickly, and of the large ones only the parts that a client looks up.

A command makes a call or two, but the files have the endpoints of 400 services and every shape of each operation.
"""

import os
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

_GZIP = 31
"""zlib's name of the format."""


class DataFiles:
    """A file loader for botocore's `Loader`; the order of members stays as it is in the file."""

    def exists(self, file_path: str) -> bool:
        """Whether there is a file, with one of the endings."""
        return any(os.path.isfile(file_path + ending) for ending in (".json", ".json.gz"))  # noqa: PTH113

    def load_file(self, file_path: str) -> Any:
        """Return a file's content; None if it does not exist."""
        text = _read(file_path)
        if text is None:
            return None
        return _DECODERS.get(os.path.basename(file_path), msgspec.json.decode)(text)  # noqa: PTH119


class DecodedOnLookup(dict[str, Any]):
    """An object whose members stay JSON until they are looked up by name; the member `large` is such an object, too."""

    def __init__(self, text: bytes | msgspec.Raw, large: str = "") -> None:
        super().__init__(msgspec.json.decode(text, type=dict[str, msgspec.Raw]))
        self._large = large

    def __getitem__(self, name: str) -> Any:
        value = super().__getitem__(name)
        if isinstance(value, msgspec.Raw):
            value = self[name] = DecodedOnLookup(value) if name == self._large else msgspec.json.decode(value)
        return value

    def get(self, name: str, default: Any = None) -> Any:
        """Return the member, or `default` if there is none."""
        try:
            return self[name]
        except KeyError:
            return default


def _read(file_path: str) -> bytes | None:
    for ending in (".json", ".json.gz"):
        try:
            with open(file_path + ending, "rb") as file:  # noqa: PTH123
                content = file.read()
        except FileNotFoundError:
            continue
        return content if ending == ".json" else zlib.decompress(content, _GZIP)
    return None


class _Endpoints(msgspec.Struct, frozen=True):
    partitions: list[msgspec.Raw]


def _endpoints(text: bytes) -> Any:
    whole = msgspec.json.decode(text, type=_Endpoints)
    return {"partitions": [DecodedOnLookup(each, "services") for each in whole.partitions]}


def _model(text: bytes) -> Any:
    return DecodedOnLookup(text, "shapes")


_DECODERS: Mapping[str, Callable[[bytes], Any]] = {"endpoints": _endpoints, "service-2": _model}
